/** The keys (paths) of objects in a store; DESIGN §4 and docs/FORMAT.md. */

import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { MIRROR_FOLDER } from "../plan/mirror-name.ts";

/** The key of a volume; without `.age` where it is not encrypted. */
export function volumeKey(name: string, plain = false): string {
  return plain ? `volumes/${name}.iso` : `volumes/${name}.iso.age`;
}

/** The key of a volume's manifest. */
export function manifestKey(name: string): string {
  return `manifests/${name}.jsonl.gz.age`;
}

/**
 * The key of a staged content. The id is an HMAC of the content hash, so that the same content always
 * finds its own object, and the provider can neither learn the hash nor test for a known file.
 *
 * @param opaqueKey 32 bytes in hex, secret of the archive
 */
export function stagedKey(opaqueKey: string, sha256: string): string {
  const id = createHmac("sha256", Buffer.from(opaqueKey, "hex")).update(`staged:${sha256}`).digest("hex");
  return `staged/${id.slice(0, 40)}.age`;
}

/** The key of a snapshot of the catalog. */
export function snapshotKey(time: number): string {
  return `catalog/${new Date(time).toISOString().replaceAll(":", "-")}.db.gz.age`;
}

/** Where the indexes of a mirror are; beside its objects, since any name may be taken among those. */
export const INDEX_FOLDER = "mirror-index/";

/** The key of an index of a mirror. */
export function mirrorIndexKey(time: number, encrypted: boolean): string {
  const moment = new Date(time).toISOString().replaceAll(":", "-");
  return `${INDEX_FOLDER}${moment}.jsonl.gz${encrypted ? ".age" : ""}`;
}

/**
 * The key of a mirrored file whose name the provider shall not see.
 *
 * @param opaqueKey as for `stagedKey`
 * @param name as it would stand there for people to read
 */
export function opaqueMirrorKey(opaqueKey: string, name: string): string {
  const id = createHmac("sha256", Buffer.from(opaqueKey, "hex")).update(`mirror:${name}`).digest("hex");
  return `${MIRROR_FOLDER}${id.slice(0, 40)}.age`;
}
