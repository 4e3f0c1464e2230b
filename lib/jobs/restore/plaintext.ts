/** The plaintext of a stored object, whichever tool encrypted it. */

import { decryptAccess, type Rescue } from "../../age/access.ts";
import type { Unlock } from "../../age/header.ts";
import type { ForeignCipher } from "../../catalog/volumes.ts";
import { ColdframeError } from "../../errors.ts";
import type { RandomAccess } from "../../types.ts";
import { openLomobImage } from "../import/image.ts";

/** How an object is encrypted. */
export type Cipher = "age" | "lomob" | "none";

/** An object, as much as it takes to know how it is encrypted. */
export type EncryptedObject =
  & { readonly key: string }
  & (
    | { readonly kind: "staged" }
    | { readonly kind: "mirror"; readonly encrypted: boolean }
    | { readonly kind: "volume"; readonly cipher: ForeignCipher | undefined }
  );

/** Where the keys come from; each is asked for only when something needs it. */
export interface PlaintextKeys {
  unlock(): Promise<Unlock>;
  /** lomo-backup's master key. */
  masterKey?(): Promise<string>;
}

/** How an object is encrypted: as the catalog says of volumes of other tools, else as its key ends. */
export function cipherOf(place: EncryptedObject): Cipher {
  if (place.kind === "volume" && place.cipher !== undefined) return place.cipher;
  if (place.kind === "mirror") return place.encrypted ? "age" : "none"; // a plain file may be named x.age
  return place.key.endsWith(".age") ? "age" : "none";
}

/**
 * Opens the plaintext of an object.
 *
 * @param object its bytes in the store
 * @param rescue as for `decryptAccess`
 * @throws ColdframeError `key-wrong`, `key-missing`; as `decryptAccess`
 */
export async function openPlaintext(
  object: RandomAccess,
  place: EncryptedObject,
  keys: PlaintextKeys,
  rescue?: Rescue,
): Promise<RandomAccess> {
  switch (cipherOf(place)) {
    case "none":
      return object;
    case "age":
      return await decryptAccess(object, await keys.unlock(), place.key, rescue);
    case "lomob":
      return await openLomobImage(object, await (keys.masterKey ?? noMasterKey)(), place.key);
  }
}

function noMasterKey(): Promise<never> {
  return Promise.reject(
    new ColdframeError("key-missing", "this needs the master key of lomo-backup", {
      hint: "Give it in the environment variable LOMOB_MASTER_KEY, or run on a terminal.",
    }),
  );
}
