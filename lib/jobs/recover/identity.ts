/** The key of a recovery: from a file that was kept, or from the store by a passphrase. */

import { armor } from "age-encryption";
import { readFile } from "node:fs/promises";
import { checkRecipients } from "../../age/header.ts";
import { type KeyPair, parseIdentityFile } from "../../age/keys.ts";
import { isProtected, removeArmor, unprotectIdentity } from "../../age/protect.ts";
import { collect } from "../../bytes.ts";
import { ColdframeError } from "../../errors.ts";
import type { Store } from "../../store/store.ts";
import { type AskPassphrase, readIdentities } from "../unlock.ts";

/** A key that is open. */
export interface RecoveredKey {
  readonly identities: readonly string[];
  readonly recipients: readonly string[];
  /** What to keep in the home: protected by the passphrase if it was so when it was found. */
  readonly text: string;
}

const PROTECTED_KEY = "keys/identity.age";

/**
 * Reads the key from a file.
 *
 * @throws ColdframeError as `readIdentities` does
 */
export async function keyFromFile(path: string, ask: AskPassphrase): Promise<RecoveredKey> {
  const pairs = await readIdentities(path, ask);
  const bytes = await readFile(path);
  return keyOf(pairs, isProtected(bytes) ? armored(bytes) : bytes.toString("utf8"));
}

/**
 * Finds the protected key in a store and opens it with the passphrase.
 *
 * @throws ColdframeError `key-missing` when no store keeps one; `passphrase`
 */
export async function keyFromStores(stores: readonly Store[], ask: AskPassphrase): Promise<RecoveredKey> {
  for (const store of stores) {
    if (await store.head(PROTECTED_KEY) === undefined) continue;
    const name = `${PROTECTED_KEY} in ${store.url}`;
    const bytes = await collect(store.read(PROTECTED_KEY));
    const passphrase = await ask(`Passphrase of ${name}: `);
    if (passphrase === undefined || passphrase === "") throw noPassphrase(name);
    const text = await unprotectIdentity(bytes, passphrase, name);
    return keyOf(await parseIdentityFile(text, name), armored(bytes));
  }
  const urls = stores.map(({ url }) => url).join(", ");
  throw new ColdframeError("key-missing", `no protected key is kept in ${urls}`, {
    hint: "Recover with --identity FILE: the key file, or the key typed from paper into a text file.",
  });
}

function armored(bytes: Uint8Array): string {
  return armor.encode(removeArmor(bytes));
}

/** The first key's kind decides: one object cannot be encrypted to keys of both kinds. */
function keyOf(pairs: readonly KeyPair[], text: string): RecoveredKey {
  const recipients = pairs.filter(({ kind }) => kind === pairs[0]?.kind).map(({ recipient }) => recipient);
  return {
    identities: pairs.map(({ identity }) => identity),
    recipients: checkRecipients(recipients),
    text: text.endsWith("\n") ? text : text + "\n",
  };
}

function noPassphrase(name: string): ColdframeError {
  return new ColdframeError("passphrase", `${name} is protected by a passphrase`, {
    hint: "Give it in the environment variable COLDFRAME_PASSPHRASE, or run on a terminal.",
  });
}
