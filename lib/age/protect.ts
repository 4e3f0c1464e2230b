/**
 * An identity file under a passphrase, as `age -p` makes it and `age -d` reads it: encrypted to age's
 * scrypt recipient (C2SP age.md, "The scrypt recipient type"), in text armor so that it can be printed,
 * mailed or pasted.
 */

import { armor, Encrypter } from "age-encryption";
import { equal, utf8 } from "../bytes.ts";
import { ColdframeError, hasCode } from "../errors.ts";
import { decryptBytes } from "./stream.ts";

/** log2 of scrypt's N: 18 takes 256 MiB of memory and a second or so, 20 takes 1 GiB. */
export const DEFAULT_WORK_FACTOR = 18;
export const MIN_WORK_FACTOR = 10;
/** `age-encryption` refuses to open more; age itself goes up to 22. */
export const MAX_WORK_FACTOR = 20;

const ARMOR_BEGIN = "-----BEGIN AGE ENCRYPTED FILE-----";

/**
 * Encrypts the text of an identity file with a passphrase, and opens it again before it is believed.
 *
 * @param workFactor 10 to 20
 * @returns text armor, ending in a newline
 * @throws ColdframeError `passphrase` for an empty one; `usage` for a work factor out of range
 */
export async function protectIdentity(
  text: string,
  passphrase: string,
  workFactor: number = DEFAULT_WORK_FACTOR,
): Promise<string> {
  if (passphrase === "") throw new ColdframeError("passphrase", "the passphrase is empty");
  if (!(Number.isInteger(workFactor) && workFactor >= MIN_WORK_FACTOR && workFactor <= MAX_WORK_FACTOR)) {
    const range = `${MIN_WORK_FACTOR} to ${MAX_WORK_FACTOR}`;
    throw new ColdframeError("usage", `the scrypt work factor must be a whole number from ${range}`);
  }
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  encrypter.setScryptWorkFactor(workFactor);
  const file = await encrypter.encrypt(text);
  if (!equal(await decryptBytes(file, { passphrase }), utf8(text))) {
    throw new ColdframeError("damaged", "the protected identity does not decrypt to what was encrypted");
  }
  return armor.encode(file);
}

/** Whether these bytes are an age file (armored or not) rather than the plain text of an identity file. */
export function isProtected(file: Uint8Array): boolean {
  const start = new TextDecoder().decode(file.subarray(0, 256)).trimStart();
  return start.startsWith(ARMOR_BEGIN) || start.startsWith("age-encryption.org/");
}

/**
 * The text of a protected identity file, armored or binary.
 *
 * @param name what errors shall call the file
 * @throws ColdframeError `passphrase` when it is wrong; `not-age`; `damaged`
 */
export async function unprotectIdentity(
  file: Uint8Array,
  passphrase: string,
  name = "identity file",
): Promise<string> {
  try {
    const plain = await decryptBytes(removeArmor(file, name), { passphrase }, name);
    return new TextDecoder("utf-8", { fatal: true }).decode(plain);
  } catch (error) {
    if (!hasCode(error, "key-wrong")) throw error;
    throw new ColdframeError("key-wrong", `${name} is not protected by a passphrase but by another key`, {
      hint: `decrypt it first: age -d -i THAT_KEY ${name}`,
    });
  }
}

/** The binary age file in text armor (C2SP age.md, "ASCII armor"); a binary one stays as it is. */
export function removeArmor(file: Uint8Array, name = "age file"): Uint8Array {
  const text = armoredText(file);
  if (text === undefined) return file;
  try {
    return armor.decode(text);
  } catch (error) {
    const hint = "copy it again, from the BEGIN line to the END line";
    throw new ColdframeError("damaged", `${name}: its text armor is damaged`, { hint, cause: error });
  }
}

/** The file as text if it claims to be armored. Bytes beyond ASCII become U+FFFD, which no armor contains. */
function armoredText(file: Uint8Array): string | undefined {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(file);
  return text.trimStart().startsWith("-----BEGIN") ? text : undefined;
}
