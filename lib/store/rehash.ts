/** The checksum of bytes that pass by, in the form that a store gave: what reading back compares with. */

import { createHash, type Hash } from "node:crypto";
import { crc64Hex, crc64nvme, joinCrc64 } from "./s3/crc64.ts";

/** Takes bytes in order, and gives their checksum. */
export interface Rehash {
  update(bytes: Uint8Array): Promise<void>;
  /** As in `checksum.ts`. */
  digest(): string;
}

/** For the form of a checksum; undefined for a form that is not known. */
export function rehashLike(checksum: string): Rehash | undefined {
  const [form = "", , partSize = ""] = checksum.split(":");
  switch (form) {
    case "sha256":
    case "md5":
      return new Whole(form);
    case "crc64nvme":
      return new Crc();
    case "sha256-parts":
    case "md5-parts":
      return /^[1-9]\d{0,15}$/.test(partSize)
        ? new Composite(form === "md5-parts" ? "md5" : "sha256", Number(partSize))
        : undefined;
    default:
      return undefined;
  }
}

class Whole implements Rehash {
  readonly #algorithm: string;
  readonly #hash: Hash;

  constructor(algorithm: "sha256" | "md5") {
    this.#algorithm = algorithm;
    this.#hash = createHash(algorithm);
  }

  update(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    return Promise.resolve();
  }

  digest(): string {
    return `${this.#algorithm}:${this.#hash.digest("hex")}`;
  }
}

class Crc implements Rehash {
  #crc = 0n;

  async update(bytes: Uint8Array): Promise<void> {
    this.#crc = joinCrc64(this.#crc, await crc64nvme(bytes), bytes.length);
  }

  digest(): string {
    return `crc64nvme:${crc64Hex(this.#crc)}`;
  }
}

/** Hashes parts, and the hashes of the parts. An empty object has one empty part. */
class Composite implements Rehash {
  readonly #algorithm: "sha256" | "md5";
  readonly #partSize: number;
  readonly #whole: Hash;
  #part: Hash;
  #inPart = 0;
  #parts = 0;

  constructor(algorithm: "sha256" | "md5", partSize: number) {
    this.#algorithm = algorithm;
    this.#partSize = partSize;
    this.#whole = createHash(algorithm);
    this.#part = createHash(algorithm);
  }

  update(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      if (this.#inPart === this.#partSize) this.#endPart();
      const piece = bytes.subarray(at, at + this.#partSize - this.#inPart);
      this.#part.update(piece);
      this.#inPart += piece.length;
      at += piece.length;
    }
    return Promise.resolve();
  }

  digest(): string {
    if (this.#inPart > 0 || this.#parts === 0) this.#endPart();
    return `${this.#algorithm}-parts:${this.#whole.digest("hex")}:${this.#partSize}`;
  }

  #endPart(): void {
    this.#whole.update(this.#part.digest());
    this.#part = createHash(this.#algorithm);
    this.#inPart = 0;
    this.#parts++;
  }
}
