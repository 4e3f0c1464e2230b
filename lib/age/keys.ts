/**
 * Identities (secret keys) and recipients (public keys) of age, as the texts that people keep and type.
 *
 * Two kinds: `hybrid` (ML-KEM-768 with X25519, safe against quantum computers; age 1.3 and later) and
 * `x25519` (opens with every age since 1.0). A secret key never gets into an error message.
 */

import {
  Encrypter,
  generateHybridIdentity,
  generateX25519Identity,
  identityToRecipient,
} from "age-encryption";
import { createHash } from "node:crypto";
import { ColdframeError } from "../errors.ts";

/** The kinds of keys that coldframe makes and takes. */
export type KeyKind = "hybrid" | "x25519";

/** A secret key and the public key that belongs to it. */
export interface KeyPair {
  readonly kind: KeyKind;
  /** `AGE-SECRET-KEY-PQ-1…` or `AGE-SECRET-KEY-1…`. */
  readonly identity: string;
  /** `age1pq1…` or `age1…`. */
  readonly recipient: string;
}

/** How secret keys begin. */
export const SECRET = { hybrid: "AGE-SECRET-KEY-PQ-1", x25519: "AGE-SECRET-KEY-1" } as const;
const PUBLIC = { hybrid: "age1pq1", x25519: "age1" } as const;
/** Characters of Bech32 (BIP 173); a prefix followed by something else is of another kind of key. */
const BECH32 = /^[qpzry9x8gf2tvdw0s3jn54khce6mua7l]+$/;

/** Makes a new key pair. */
export async function generateKeyPair(kind: KeyKind = "hybrid"): Promise<KeyPair> {
  const identity = kind === "hybrid" ? await generateHybridIdentity() : await generateX25519Identity();
  return { kind, identity, recipient: await identityToRecipient(identity) };
}

/**
 * The key pair of an identity as a person may have typed it from paper: in either case, with spaces.
 *
 * @throws ColdframeError `key-invalid`; the message does not repeat the text
 */
export async function parseIdentity(text: string): Promise<KeyPair> {
  const identity = text.replace(/\s+/g, "").toUpperCase();
  const kind = kindOf(identity, SECRET, (rest) => rest.toLowerCase());
  if (kind === undefined) throw notAnIdentity(identity);
  try {
    return { kind, identity, recipient: await identityToRecipient(identity) };
  } catch {
    // No cause: the library's message quotes what it was given.
    throw invalid(
      "this age identity is mistyped or incomplete",
      "compare it with the original, letter by letter",
    );
  }
}

/**
 * A recipient in its one spelling.
 *
 * @throws ColdframeError `key-invalid`, saying what is wrong with it
 */
export function parseRecipient(text: string): { readonly kind: KeyKind; readonly recipient: string } {
  const recipient = text.replace(/\s+/g, "");
  const kind = kindOf(recipient, PUBLIC, (rest) => rest);
  if (kind === undefined) throw notARecipient(recipient);
  try {
    new Encrypter().addRecipient(recipient);
  } catch {
    throw invalid(
      `the age recipient ${shorten(recipient)} is mistyped or incomplete`,
      'copy it again from the line "# public key:" of the identity file',
    );
  }
  return { kind, recipient };
}

/**
 * The identities in the text of an identity file: one a line, between comments (`#`) and empty lines.
 *
 * @throws ColdframeError `key-invalid` with the line that is wrong; `key-missing` when there is none
 */
export async function parseIdentityFile(text: string, name = "identity file"): Promise<KeyPair[]> {
  const pairs: KeyPair[] = [];
  for (const [index, raw] of text.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/).entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    pairs.push(await parseIdentity(line).catch((error) => Promise.reject(atLine(error, name, index + 1))));
  }
  if (pairs.length === 0) throw new ColdframeError("key-missing", `${name} holds no age identity`);
  return pairs;
}

/**
 * The text of an identity file as `age-keygen` writes it.
 *
 * @param created ms since 1970
 */
export function formatIdentityFile(pair: KeyPair, created: number): string {
  const when = new Date(created).toISOString().replace(/\.\d+Z$/, "Z");
  return `# created: ${when}\n# public key: ${pair.recipient}\n${pair.identity}\n`;
}

/**
 * A short name of a recipient for people to compare, such as `1f3a 09c4`: the first 32 bits of its
 * SHA-256. It tells the keys of a household apart; it is no proof against someone who forges keys.
 */
export function fingerprint(recipient: string): string {
  const hex = createHash("sha256").update(recipient.trim()).digest("hex");
  return `${hex.slice(0, 4)} ${hex.slice(4, 8)}`;
}

function kindOf(
  text: string,
  prefixes: Readonly<Record<KeyKind, string>>,
  lower: (rest: string) => string,
): KeyKind | undefined {
  const kinds: readonly KeyKind[] = ["hybrid", "x25519"];
  return kinds.find((kind) => {
    const prefix = prefixes[kind];
    // "age1" also begins the recipients of plugins (age1yubikey1…): their name ends in a 1, which Bech32 lacks.
    return text.startsWith(prefix) && BECH32.test(lower(text.slice(prefix.length)));
  });
}

function notARecipient(text: string): ColdframeError {
  if (/^AGE-SECRET-KEY-/i.test(text)) {
    return invalid(
      "this is a secret key, where a recipient is wanted",
      "give its public key, which begins with age1",
    );
  }
  if (text.startsWith("age1") && text.indexOf("1", 4) > 4) {
    return invalid(
      `recipients such as ${shorten(text)} are not supported`,
      "use one that begins with age1pq1, or a classic one",
    );
  }
  return invalid(`${shorten(text)} is not an age recipient`, "a recipient begins with age1pq1 or age1");
}

function notAnIdentity(text: string): ColdframeError {
  if (text.startsWith("AGE1")) {
    return invalid(
      "this is a public key, where the secret key is wanted",
      "a secret key begins with AGE-SECRET-KEY-",
    );
  }
  if (text.startsWith("AGE-PLUGIN-")) {
    return invalid("identities of age plugins are not supported", "decrypt with age itself");
  }
  return invalid("this is not an age identity, or it is mistyped", "an identity begins with AGE-SECRET-KEY-");
}

function invalid(message: string, hint: string): ColdframeError {
  return new ColdframeError("key-invalid", message, { hint });
}

function atLine(error: unknown, name: string, line: number): unknown {
  if (!(error instanceof ColdframeError)) return error;
  const details = error.hint === undefined ? {} : { hint: error.hint };
  return new ColdframeError(error.code, `${name}, line ${line}: ${error.message}`, details);
}

/** Enough of a text to recognise it; a hybrid recipient has 1959 characters. */
function shorten(text: string): string {
  return text.length <= 24 ? JSON.stringify(text) : JSON.stringify(`${text.slice(0, 16)}…${text.slice(-4)}`);
}
