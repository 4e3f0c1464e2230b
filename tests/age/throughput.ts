/**
 * How fast this machine seals: `deno run -A tests/age/throughput.ts` or `bun tests/age/throughput.ts`.
 * Not a test: a number depends on what else runs. Each line is the best of three runs of 10 × 64 MiB.
 */

import { newEnvelope } from "../../lib/age/header.ts";
import { generateKeyPair } from "../../lib/age/keys.ts";
import { CHUNK_SIZE, PayloadKey, SEALED_CHUNK_SIZE } from "../../lib/age/payload.ts";
import { decryptStream, encryptStream } from "../../lib/age/stream.ts";
import { AgeWriter } from "../../lib/age/writer.ts";
import { pseudoRandom } from "../tools.ts";

const PARTS = 10;
const CHUNKS = 1024;
const PART = CHUNKS * CHUNK_SIZE;

const pair = await generateKeyPair();
const envelope = await newEnvelope([pair.recipient]);
const key = await PayloadKey.derive(envelope.fileKey, envelope.nonce);
const plain = pseudoRandom(PART);
const sealed = new Uint8Array(CHUNKS * SEALED_CHUNK_SIZE);
const opened = new Uint8Array(PART);

async function* repeated(): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < PARTS; i++) yield await Promise.resolve(plain);
}

async function drain(stream: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of stream);
}

async function eachPart(work: (part: number) => Promise<unknown>): Promise<void> {
  for (let part = 0; part < PARTS; part++) await work(part);
}

async function write(buffer: (writer: AgeWriter) => Uint8Array<ArrayBuffer> | undefined): Promise<void> {
  const readAt = (_offset: number, length: number) => Promise.resolve(plain.subarray(0, length));
  const writer = await AgeWriter.open(envelope, { size: PARTS * PART, readAt });
  const reused = buffer(writer);
  await eachPart((part) => writer.part(part * PART, PART, reused));
}

const WORK: readonly [name: string, work: () => Promise<void>][] = [
  ["encrypt", () => eachPart((part) => key.sealInto(sealed, part * CHUNKS, plain, false))],
  [
    "encrypt, decrypt, compare",
    () => eachPart((part) => key.sealInto(sealed, part * CHUNKS, plain, false, true)),
  ],
  ["decrypt", () => eachPart(() => key.openInto(opened, (PARTS - 1) * CHUNKS, sealed, false))],
  ["AgeWriter, one buffer", () => write((writer) => new Uint8Array(writer.bufferSize(PART)))],
  ["AgeWriter, a buffer per part", () => write(() => undefined)],
  ["encryptStream", () => drain(encryptStream(repeated(), envelope))],
  [
    "both streams",
    () => drain(decryptStream(encryptStream(repeated(), envelope), { identities: [pair.identity] })),
  ],
];

for (const [name, work] of WORK) {
  let best = Infinity;
  for (let run = 0; run < 3; run++) {
    const start = performance.now();
    await work();
    best = Math.min(best, performance.now() - start);
  }
  const rate = PARTS * PART / 1e6 / (best / 1000);
  console.log(`${name.padEnd(30)}${rate.toFixed(0).padStart(6)} MB/s`);
}
