/** Opening a volume that is a file on this machine: no home, no catalog, no store. */

import { decryptAccess, type Rescue } from "../../age/access.ts";
import type { Unlock } from "../../age/header.ts";
import { isProtected as isAgeFile } from "../../age/protect.ts";
import { ColdframeError, hasCode } from "../../errors.ts";
import { type ImageReader, openImage } from "../../iso/read.ts";
import type { RandomAccess } from "../../types.ts";
import { openFileAccess } from "./file-access.ts";

/** An open image. */
export interface ImageFile {
  /** Where it is, as the user wrote it. */
  readonly path: string;
  readonly encrypted: boolean;
  /** The bytes of the image, decrypted. */
  readonly access: RandomAccess;
  readonly reader: ImageReader;
  /** What is wrong with its end; what stands before that can be read all the same. */
  readonly damage: ColdframeError | undefined;
  close(): Promise<void>;
}

/** How to open an encrypted image. */
export interface ImageKeys {
  /** Gives the identities. */
  identities(): Promise<Unlock>;
  /** Asks for the passphrase of an image that was encrypted with one (`age -p`). */
  passphrase(): Promise<Unlock>;
}

/**
 * Opens an image. Whether it is encrypted is seen by its first bytes, whatever its name; keys are asked for
 * only then.
 *
 * @throws ColdframeError `nothing-found`, `source-unreadable`; `image` for what is no image; as
 *   `decryptAccess` for an age file that does not open
 */
export async function openImageFile(path: string, keys: ImageKeys): Promise<ImageFile> {
  const file = await openFileAccess(path);
  try {
    const start = await file.readAt(0, Math.min(file.size, 256));
    const encrypted = isAgeFile(start);
    let damage: ColdframeError | undefined;
    const rescue: Rescue = (error) => damage = error;
    const access = encrypted ? await decryptAccess(file, await unlockFor(start, keys), path, rescue) : file;
    const reader = await openNamed(access, path);
    return { path, encrypted, access, reader, damage, close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** An scrypt stanza is always the only one, so it is the first (C2SP age.md, "The scrypt recipient type"). */
function unlockFor(start: Uint8Array, keys: ImageKeys): Promise<Unlock> {
  const text = new TextDecoder().decode(start);
  return /^age-encryption\.org\/v1\n-> scrypt /.test(text) ? keys.passphrase() : keys.identities();
}

/** The reader speaks of "the image"; here the user must hear which. */
async function openNamed(access: RandomAccess, path: string): Promise<ImageReader> {
  try {
    return await openImage(access);
  } catch (error) {
    if (!hasCode(error, "image")) throw error;
    throw new ColdframeError("image", `${path} cannot be read as an image: ${error.message}`, {
      ...(error.hint !== undefined && { hint: error.hint }),
      cause: error,
    });
  }
}
