/** Finding the secret key when something must be decrypted. */

import { readFile } from "node:fs/promises";
import type { Unlock } from "../age/header.ts";
import { type KeyPair, parseIdentityFile } from "../age/keys.ts";
import { isProtected, unprotectIdentity } from "../age/protect.ts";
import { ColdframeError, messageOf, systemCode } from "../errors.ts";

/** Gives the passphrase of a protected identity: from the environment, or by asking. */
export type AskPassphrase = (question: string) => Promise<string | undefined>;

/**
 * Reads an identity file, protected or not.
 *
 * @param path the file
 * @throws ColdframeError `key-missing` when it is not there; `passphrase`; `key-invalid`
 */
export async function readIdentities(path: string, ask: AskPassphrase): Promise<KeyPair[]> {
  const bytes = await readFile(path).catch((error) => {
    throw cannotRead(path, error);
  });
  if (!isProtected(bytes)) return await parseIdentityFile(bytes.toString("utf8"), path);
  const passphrase = await ask(`Passphrase of ${path}: `);
  if (passphrase === undefined || passphrase === "") {
    throw new ColdframeError("passphrase", `${path} is protected by a passphrase`, {
      hint: "Give it in the environment variable COLDFRAME_PASSPHRASE, or run on a terminal.",
    });
  }
  return await parseIdentityFile(await unprotectIdentity(bytes, passphrase, path), path);
}

/** A way to open objects with the identities of a file; reads it, and asks, at most once. */
export function unlockWith(path: string, ask: AskPassphrase): () => Promise<Unlock> {
  let found: Promise<Unlock> | undefined;
  return () =>
    found ??= readIdentities(path, ask).then((pairs) => ({ identities: pairs.map((pair) => pair.identity) }));
}

function cannotRead(path: string, error: unknown): ColdframeError {
  const missing = systemCode(error) === "ENOENT";
  return new ColdframeError(
    "key-missing",
    `${missing ? "no secret key at" : "cannot read the secret key"} ${path}${
      missing ? "" : `: ${messageOf(error)}`
    }`,
    {
      hint: "Bring the identity file back there, or name it with --identity FILE.",
      cause: error,
    },
  );
}
