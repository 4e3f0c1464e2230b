import { newEnvelope } from "../../lib/age/header.ts";
import { generateKeyPair } from "../../lib/age/keys.ts";
import { AgeWriter } from "../../lib/age/writer.ts";
import { PayloadKey } from "../../lib/age/payload.ts";
const M = 1 << 20, PART = 64 * M, N = 10;
const src = crypto.getRandomValues(new Uint8Array(65536));
const buf = new Uint8Array(PART + 4 * M);
for (let i = 0; i < buf.length; i += 65536) buf.set(src, i);
const env = await newEnvelope([(await generateKeyPair()).recipient]);
const time = async (name: string, f: () => Promise<void>) => {
  const t = performance.now();
  await f();
  const s = (performance.now() - t) / 1000;
  console.log(name, (N * 64 / s).toFixed(0), "MiB/s");
};
const key = await PayloadKey.derive(env.fileKey, env.nonce);
for (let r = 0; r < 2; r++) {
  await time("encrypt only", async () => {
    const out = new Uint8Array(PART + 1024 * 16);
    for (let i = 0; i < N; i++) await key.sealInto(out, i * 1024, buf.subarray(0, PART), false);
  });
  await time("encryptChunks (fresh memory)", async () => {
    for (let i = 0; i < N; i++) await key.encryptChunks(i * 1024, buf.subarray(0, PART), false);
  });
  await time("encrypt + check", async () => {
    const out = new Uint8Array(PART + 1024 * 16);
    for (let i = 0; i < N; i++) await key.sealInto(out, i * 1024, buf.subarray(0, PART), false, true);
  });
  const sealed = await key.encryptChunks(0, buf.subarray(0, PART), false);
  await time("decryptChunks", async () => {
    for (let i = 0; i < N; i++) await key.decryptChunks(0, sealed, false);
  });
  await time("AgeWriter.part, buffer reused", async () => {
    const w = await AgeWriter.open(env, {
      size: N * PART,
      readAt: (_o, l) => Promise.resolve(buf.subarray(0, l)),
    });
    const b = new Uint8Array(w.bufferSize(PART));
    for (let o = 0; o < w.size; o += PART) await w.part(o, Math.min(PART, w.size - o), b);
  });
}
