/**
 * A real libSQL server, where there is one: `COLDFRAME_SQLD` names the program. It is in no package
 * collection that CI could count on, so tests use it when they are told of it.
 */

import { spawn } from "node:child_process";
import { generateKeyPairSync, sign } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import process from "node:process";
import { Buffer } from "node:buffer";
import { setTimeout as sleep } from "node:timers/promises";

/** The program, if the user named one. */
export const SQLD: string | undefined = process.env["COLDFRAME_SQLD"];

/** A running sqld. */
export interface Sqld {
  readonly url: string;
  /** A token that it takes. */
  readonly token: string;
  close(): Promise<void>;
}

/** Starts sqld on a free port of 127.0.0.1, with its data below `folder`. */
export async function startSqld(folder: string): Promise<Sqld> {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  await writeFile(`${folder}/jwt.pem`, publicKey.export({ type: "spki", format: "pem" }));
  const port = await freePort();
  const child = spawn(SQLD ?? "sqld", [
    "--db-path",
    `${folder}/sqld`,
    "--http-listen-addr",
    `127.0.0.1:${port}`,
    "--auth-jwt-key-file",
    `${folder}/jwt.pem`,
    "--no-welcome",
  ], { stdio: "ignore" });
  const url = `http://127.0.0.1:${port}`;
  await untilHealthy(url);
  return {
    url,
    token: makeToken((text) => sign(null, Buffer.from(text), privateKey)),
    async close() {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** A JSON Web Token (RFC 7519) with no claims: all rights, for ever. */
function makeToken(signed: (text: string) => Uint8Array): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part({ alg: "EdDSA", typ: "JWT" })}.${part({})}`;
  return `${text}.${Buffer.from(signed(text)).toString("base64url")}`;
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function untilHealthy(url: string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const answer = await fetch(`${url}/health`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.ok) return;
    await sleep(100);
  }
  throw new Error(`sqld at ${url} did not start`);
}
