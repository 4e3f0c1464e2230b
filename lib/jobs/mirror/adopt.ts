/** Plain files that another program put into a mirror's store: ours if their bytes are, and told by nothing less. */

import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { agree } from "../../store/checksum.ts";
import { crc64nvme, joinCrc64 } from "../../store/s3/crc64.ts";
import type { ObjectInfo, Store } from "../../store/store.ts";

/** A file as the catalog knows it, and where it is. */
export interface LocalFile {
  /** Absolute. */
  readonly path: string;
  readonly size: number;
  /** SHA-256, hex. */
  readonly sha256: string;
}

/** An object that holds the bytes of a file, and how that is known. */
export interface SameBytes {
  readonly checksum: string;
  readonly proven: "checksummed" | "read back";
}

/**
 * Compares an object with a file by the checksum that the store computed; where the store has none, by reading
 * the object.
 *
 * @returns undefined when the object holds something else, or cannot be compared
 */
export async function sameBytes(store: Store, key: string, file: LocalFile): Promise<SameBytes | undefined> {
  const info = await store.head(key);
  if (info === undefined || info.size !== file.size) return undefined;
  if (info.checksum === undefined) return await readBack(store, info, file);
  const own = await checksumLike(info.checksum, file);
  return agree(own, info.checksum) === true ? { checksum: info.checksum, proven: "checksummed" } : undefined;
}

async function readBack(store: Store, info: ObjectInfo, file: LocalFile): Promise<SameBytes | undefined> {
  const checksum = `sha256:${file.sha256}`;
  return await readsBack(store, info.key, checksum) ? { checksum, proven: "read back" } : undefined;
}

/** Whether the bytes of an object, read whole, have a checksum. */
export async function readsBack(store: Store, key: string, checksum: string): Promise<boolean> {
  const summer = summerFor(checksum);
  if (summer === undefined) return false;
  for await (const piece of store.read(key)) await summer.add(piece);
  return checksum.split(":")[1] === summer.digest();
}

/** The checksum of a file in the form of another; undefined for a form that is not known, or a changed file. */
async function checksumLike(form: string, file: LocalFile): Promise<string | undefined> {
  const [algorithm, , partSize] = form.split(":");
  if (algorithm === "sha256") return `sha256:${file.sha256}`;
  const summer = summerFor(form);
  if (summer === undefined) return undefined;
  const whole = createHash("sha256");
  for await (const piece of createReadStream(file.path)) {
    if (!(piece instanceof Uint8Array)) return undefined;
    whole.update(piece);
    await summer.add(piece);
  }
  if (whole.digest("hex") !== file.sha256) return undefined; // it changed since it was scanned
  return [algorithm, summer.digest(), partSize].filter((part) => part !== undefined).join(":");
}

interface Summer {
  add(piece: Uint8Array): Promise<void> | void;
  digest(): string;
}

/** What computes a checksum of the form of another; undefined where that is not known. */
function summerFor(form: string): Summer | undefined {
  const [algorithm, , partText] = form.split(":");
  const partSize = Number(partText);
  switch (algorithm) {
    case "sha256":
    case "md5":
      return hashSummer(algorithm);
    case "crc64nvme":
      return new CrcSummer();
    case "sha256-parts":
      return new PartsSummer("sha256", partSize);
    case "md5-parts":
      return new PartsSummer("md5", partSize);
    default:
      return undefined;
  }
}

function hashSummer(algorithm: "md5" | "sha256"): Summer {
  const hash = createHash(algorithm);
  return { add: (piece) => void hash.update(piece), digest: () => hash.digest("hex") };
}

class CrcSummer implements Summer {
  #crc = 0n;

  async add(piece: Uint8Array): Promise<void> {
    this.#crc = joinCrc64(this.#crc, await crc64nvme(piece), piece.length);
  }

  digest(): string {
    return this.#crc.toString(16).padStart(16, "0");
  }
}

/** A hash over the hashes of parts. */
class PartsSummer implements Summer {
  readonly #algorithm: "md5" | "sha256";
  readonly #partSize: number;
  readonly #outer: Hash;
  #part: Hash;
  #room: number;

  constructor(algorithm: "md5" | "sha256", partSize: number) {
    this.#algorithm = algorithm;
    this.#partSize = partSize;
    this.#outer = createHash(algorithm);
    this.#part = createHash(algorithm);
    this.#room = partSize;
  }

  add(piece: Uint8Array): void {
    for (let at = 0; at < piece.length;) {
      const taken = piece.subarray(at, at + this.#room);
      this.#part.update(taken);
      at += taken.length;
      this.#room -= taken.length;
      if (this.#room === 0) this.#next();
    }
  }

  #next(): void {
    this.#outer.update(this.#part.digest());
    this.#part = createHash(this.#algorithm);
    this.#room = this.#partSize;
  }

  digest(): string {
    if (this.#room < this.#partSize) this.#next();
    return this.#outer.digest("hex");
  }
}
