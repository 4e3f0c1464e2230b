/**
 * The header of an age file (C2SP age.md, "Header"): text that wraps the file key for each recipient and
 * ends in a MAC under that key. Made and opened by `age-encryption`; here are its limits and its errors.
 */

import { Decrypter, Encrypter, type Stanza } from "age-encryption";
import { Buffer } from "node:buffer";
import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import { type Bytes, utf8 } from "../bytes.ts";
import { ColdframeError, messageOf } from "../errors.ts";
import type { RandomAccess } from "../types.ts";
import { type KeyKind, parseIdentity, parseRecipient } from "./keys.ts";
import { NONCE_SIZE } from "./payload.ts";

/** No header of ours comes near this many bytes (a hybrid recipient takes 1.6 kB); a hostile one may. */
export const MAX_HEADER_SIZE = 64 * 1024;
/** Recipients of one file: as many hybrid ones as fit into a header that others will read back. */
export const MAX_RECIPIENTS = 32;
/** Bytes to read first where reading costs a request: room for four hybrid recipients. */
const FIRST_READ = 8 * 1024;

const VERSION_LINE = utf8("age-encryption.org/v1\n");

/**
 * All that decides the bytes of an age file but its plaintext. The file key and the nonce are secret and
 * belong to **one** plaintext: used for another, even a changed copy of the same file, they give both away.
 */
export interface Envelope {
  readonly header: Bytes;
  /** 16 bytes. */
  readonly fileKey: Bytes;
  /** 16 bytes, the start of the payload. */
  readonly nonce: Bytes;
}

/** What opens a file. */
export type Unlock =
  | { readonly identities: readonly string[] }
  | { readonly passphrase: string };

/** What a header gives to those who can open it. */
export interface OpenedHeader {
  /** 16 bytes. */
  readonly fileKey: Bytes;
  /** Bytes of the header; the payload begins there. */
  readonly headerSize: number;
}

/**
 * Makes the envelope of a new file.
 *
 * @param recipients `age1pq1…` or `age1…`, all of one kind
 * @param random gives that many unpredictable bytes
 * @throws ColdframeError `key-missing` without recipients; `key-invalid` for one that cannot be used
 */
export async function newEnvelope(
  recipients: readonly string[],
  random: (size: number) => Bytes = randomBytes,
): Promise<Envelope> {
  const { header, fileKey } = await makeHeader(recipients);
  return { header, fileKey, nonce: random(NONCE_SIZE) };
}

/**
 * Makes a header around a new file key.
 *
 * @throws ColdframeError `key-missing` without recipients; `key-invalid` for one that cannot be used
 */
export async function makeHeader(recipients: readonly string[]): Promise<{ header: Bytes; fileKey: Bytes }> {
  const encrypter = new Encrypter();
  for (const recipient of checkRecipients(recipients)) encrypter.addRecipient(recipient);
  const seen: Bytes[] = [];
  encrypter.addRecipient({
    wrapFileKey: (fileKey) => {
      seen.push(new Uint8Array(fileKey));
      return [];
    },
  });
  // A file of nothing is header ‖ nonce ‖ one empty chunk. That nonce has now been used, so it goes too.
  const empty = await encrypter.encrypt(new Uint8Array(0));
  const header = new Uint8Array(empty.subarray(0, empty.length - 2 * NONCE_SIZE));
  const [fileKey] = seen;
  if (fileKey === undefined) throw new Error("age-encryption made a header without a file key");
  assertHeaderOf(header, fileKey, "new age header");
  return { header, fileKey };
}

/**
 * The guard before anything is encrypted: a header and a file key that do not belong together make a
 * file that nobody can ever open.
 *
 * @throws ColdframeError `damaged`
 */
export function assertHeaderOf(header: Uint8Array, fileKey: Uint8Array, name: string): void {
  if (isHeaderOf(header, fileKey)) return;
  throw new ColdframeError(
    "damaged",
    `${name}: the age header does not fit its file key; nothing was written`,
    {
      hint: "run a memory test; if that finds nothing, start this upload anew",
    },
  );
}

/**
 * Each recipient in its one spelling, once.
 *
 * @throws ColdframeError `key-missing` for none; `key-invalid` for a mistyped one, mixed kinds, too many
 */
export function checkRecipients(texts: readonly string[]): readonly string[] {
  const parsed = texts.map(parseRecipient);
  if (parsed.length === 0) throw new ColdframeError("key-missing", "there is no recipient to encrypt to");
  if (new Set<KeyKind>(parsed.map(({ kind }) => kind)).size > 1) {
    // C2SP age.md: a file SHOULD NOT be encrypted to both; age itself refuses it.
    throw new ColdframeError(
      "key-invalid",
      "post-quantum (age1pq1…) and classic (age1…) recipients are mixed",
      {
        hint: "use one kind: such a file would be no safer than its classic recipient",
      },
    );
  }
  const recipients = [...new Set(parsed.map(({ recipient }) => recipient))];
  if (recipients.length > MAX_RECIPIENTS) {
    throw new ColdframeError(
      "key-invalid",
      `${recipients.length} recipients: at most ${MAX_RECIPIENTS} can be had`,
    );
  }
  return recipients;
}

/**
 * Where the header at the start of `prefix` ends.
 *
 * @returns its size in bytes, or undefined when more bytes are needed
 * @throws ColdframeError `not-age` as soon as the bytes cannot be an age file; `damaged` beyond 64 KiB
 */
export function headerEnd(prefix: Uint8Array, name = "age file"): number | undefined {
  const view = Buffer.from(prefix.buffer, prefix.byteOffset, prefix.length);
  const common = Math.min(view.length, VERSION_LINE.length);
  if (view.compare(VERSION_LINE, 0, common, 0, common) !== 0) throw notAge(view, name);
  const mac = view.indexOf("\n---");
  const end = mac < 0 ? -1 : view.indexOf("\n", mac + 1);
  if (end >= 0 && end < MAX_HEADER_SIZE) return end + 1;
  if (end >= 0 || view.length >= MAX_HEADER_SIZE) {
    throw new ColdframeError("damaged", `${name}: its age header does not end within 64 KiB`);
  }
  return undefined;
}

/**
 * Opens the header of a file.
 *
 * @param prefix the start of the file, with the whole header
 * @param name what errors shall call the file
 * @throws ColdframeError `not-age`; `damaged` for a header that is cut, malformed or fails its MAC;
 *   `key-wrong` when no identity opens it, `passphrase` when the passphrase does not; `key-invalid` for a
 *   mistyped identity
 */
export async function openHeader(
  prefix: Uint8Array,
  unlock: Unlock,
  name = "age file",
): Promise<OpenedHeader> {
  if ("identities" in unlock && unlock.identities.length === 0) {
    throw new ColdframeError("key-missing", `${name}: there is no identity to open it with`);
  }
  const headerSize = headerEnd(prefix, name);
  if (headerSize === undefined) throw cutShort(name);
  const { decrypter, kinds } = await decrypterFor(unlock);
  try {
    const fileKey = await decrypter.decryptHeader(prefix.subarray(0, headerSize));
    return { fileKey: new Uint8Array(fileKey), headerSize };
  } catch (error) {
    if (messageOf(error) === NO_MATCH) throw wrongKey(unlock, kinds, name);
    throw new ColdframeError("damaged", `${name}: its age header is damaged (${messageOf(error)})`, {
      cause: error,
    });
  }
}

/** `openHeader` with as little reading as it takes. */
export async function readHeader(file: RandomAccess, unlock: Unlock, name?: string): Promise<OpenedHeader> {
  let prefix = await file.readAt(0, Math.min(file.size, FIRST_READ));
  if (headerEnd(prefix, name) === undefined && file.size > prefix.length) {
    prefix = await file.readAt(0, Math.min(file.size, MAX_HEADER_SIZE));
  }
  return await openHeader(prefix, unlock, name);
}

/** Whether the MAC of a header is that of this file key (C2SP age.md, "Header MAC"). */
export function isHeaderOf(header: Uint8Array, fileKey: Uint8Array): boolean {
  const text = Buffer.from(header.buffer, header.byteOffset, header.length);
  const mark = text.lastIndexOf("\n--- ");
  if (mark < 0) return false;
  const key = new Uint8Array(hkdfSync("sha256", fileKey, new Uint8Array(0), "header", 32));
  const mac = createHmac("sha256", key).update(text.subarray(0, mark + 4)).digest("base64").replace("=", "");
  const expected = Buffer.from(`\n--- ${mac}\n`);
  const actual = text.subarray(mark);
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}

/** What `age-encryption` says when every identity was tried in vain. Pinned by the published vectors. */
const NO_MATCH = "no identity matched any of the file's recipients";

/** A decrypter, and a list that it fills with the kinds of recipients it meets. */
async function decrypterFor(unlock: Unlock): Promise<{ decrypter: Decrypter; kinds: string[] }> {
  const kinds: string[] = [];
  const decrypter = new Decrypter();
  decrypter.addIdentity({
    unwrapFileKey: (stanzas: Stanza[]) => {
      kinds.push(...stanzas.map((stanza) => stanza.args[0] ?? "unknown"));
      // The format promises that who knows the passphrase wrote the file; a second recipient would break that.
      if (kinds.length > 1 && kinds.includes("scrypt")) {
        throw new Error("scrypt recipient is not the only one");
      }
      return null;
    },
  });
  if ("passphrase" in unlock) {
    decrypter.addPassphrase(unlock.passphrase);
  } else {
    for (const text of unlock.identities) decrypter.addIdentity((await parseIdentity(text)).identity);
  }
  return { decrypter, kinds };
}

function notAge(start: Buffer, name: string): ColdframeError {
  const text = start.toString("latin1", 0, 64);
  if (text.startsWith("age-encryption.org/")) {
    return new ColdframeError("not-age", `${name} is in a newer age format than v1`);
  }
  if (text.trimStart().startsWith("-----BEGIN AGE ENCRYPTED FILE")) {
    return new ColdframeError(
      "not-age",
      `${name} is an age file in text armor, where a binary one is wanted`,
    );
  }
  return new ColdframeError("not-age", `${name} is not an age file`);
}

function cutShort(name: string): ColdframeError {
  return new ColdframeError("damaged", `${name} ends inside its age header; it was cut short`);
}

function wrongKey(unlock: Unlock, kinds: readonly string[], name: string): ColdframeError {
  if (kinds.includes("scrypt")) {
    const wrong = "passphrase" in unlock;
    return new ColdframeError(
      "passphrase",
      `${name}: ${wrong ? "wrong passphrase" : "it needs a passphrase"}`,
    );
  }
  const tried = "passphrase" in unlock ? "a passphrase does not open it" : noneOf(unlock.identities.length);
  return new ColdframeError("key-wrong", `${name}: ${tried}; it is encrypted to ${describeKinds(kinds)}`, {
    // A flipped bit in a stanza cannot be told from a stanza for somebody else.
    hint: "give the identity file that belongs to one of its recipients (--identity FILE); " +
      "if it opens other objects, the first bytes of this one are damaged",
  });
}

function noneOf(count: number): string {
  return count === 1 ? "the identity does not open it" : `none of the ${count} identities opens it`;
}

/** Such as "2 X25519 recipients and 1 mlkem768x25519 recipient". Names come from the file: kept short. */
function describeKinds(kinds: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const kind of kinds) counts.set(kind.slice(0, 32), (counts.get(kind.slice(0, 32)) ?? 0) + 1);
  const texts = [...counts].slice(0, 4).map(([kind, n]) => `${n} ${kind} recipient${n === 1 ? "" : "s"}`);
  return texts.join(" and ") + (counts.size > 4 ? " and others" : "");
}

function randomBytes(size: number): Bytes {
  return crypto.getRandomValues(new Uint8Array(size));
}
