/** Images that lomo-backup stored: encrypted by it, or plain. */

import { ColdframeError } from "../../errors.ts";
import { type LomobAccess, openLomob } from "../../import/lomob.ts";
import type { RandomAccess } from "../../types.ts";

/** Where an ISO 9660 image says that it is one: the identifier of its first descriptor (ECMA-119 §8.1). */
const IDENTIFIER = { offset: 16 * 2048 + 1, text: "CD001" };

/** Whether bytes are an image as they stand. */
export async function isImage(access: RandomAccess): Promise<boolean> {
  const { offset, text } = IDENTIFIER;
  if (access.size < offset + text.length) return false;
  return new TextDecoder("latin1").decode(await access.readAt(offset, text.length)) === text;
}

/**
 * Opens an encrypted image. A wrong master key shows at once, since what it makes is no image; that all bytes
 * are right only shows by the hash of the whole, or of a file in it.
 *
 * @throws ColdframeError `key-wrong`; `damaged`
 */
export async function openLomobImage(
  object: RandomAccess,
  masterKey: string,
  name: string,
): Promise<LomobAccess> {
  const access = await openLomob(object, masterKey, name);
  if (await isImage(access)) return access;
  throw new ColdframeError("key-wrong", `${name} does not decrypt to an image with this master key`, {
    hint:
      "Try the master key again as lomo-backup was given it; if others open with it, this one is damaged.",
  });
}
