/** The keys (paths) of objects in a store; DESIGN §4 and docs/FORMAT.md. */

import { Buffer } from "node:buffer";
import { createHash, createHmac } from "node:crypto";
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
 * The key of a manifest that was encrypted anew, since the first one is never replaced.
 *
 * @param recipients for whom: the same ones have the same key
 */
export function rewrappedManifestKey(name: string, recipients: readonly string[]): string {
  return `manifests/${name}.${recipientsTag(recipients).slice(0, 8)}.jsonl.gz.age`;
}

const MANIFEST = /^manifests\/(.+?)(?:\.[0-9a-f]{8})?\.jsonl\.gz\.age$/;

/** The volume whose manifest is stored under a key. */
export function volumeOfManifest(key: string): string | undefined {
  return MANIFEST.exec(key)?.[1];
}

/** Names a set of recipients. */
function recipientsTag(recipients: readonly string[]): string {
  return createHash("sha256").update([...recipients].sort().join("\n")).digest("hex");
}

/**
 * The key of a staged content. The id is an HMAC of the content hash, so that the same content always
 * finds its own object, and the provider can neither learn the hash nor test for a known file.
 *
 * @param opaqueKey 32 bytes in hex, secret of the archive
 * @param rewrapped the recipients of an object that was encrypted anew; it needs a key of its own
 */
export function stagedKey(opaqueKey: string, sha256: string, rewrapped?: readonly string[]): string {
  const what = rewrapped === undefined ? sha256 : `${sha256}:${recipientsTag(rewrapped)}`;
  const id = createHmac("sha256", Buffer.from(opaqueKey, "hex")).update(`staged:${what}`).digest("hex");
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
