/** What writing in one step and writing in parts have in common: looking at an object, and settling. */

import { agree } from "../checksum.ts";
import { StoreError } from "../../errors.ts";
import { assertKey, type ObjectInfo } from "../store.ts";
import type { Abilities } from "./abilities.ts";
import { etagOf, PART_SIZE_HEADER } from "./check.ts";
import type { Answer, S3Client } from "./client.ts";
import { refusedWith, S3Error } from "./errors.ts";
import { assertObject, infoFromHead } from "./info.ts";
import { readObject } from "./read.ts";
import { agrees, bytesAgree, type Expected } from "./settle.ts";

/** A bucket, or the part of one under a prefix. */
export class Bucket {
  readonly client: S3Client;
  readonly abilities: Abilities;
  /** True at AWS, whose conditional writes need no proof. */
  readonly trusted: boolean;
  readonly #prefix: string;
  /** True once any answer has shown that the bucket is there. */
  #seen = false;

  constructor(client: S3Client, abilities: Abilities, prefix: string, trusted: boolean) {
    this.client = client;
    this.abilities = abilities;
    this.trusted = trusted;
    this.#prefix = prefix;
  }

  /** The key in the bucket of a key in the store. */
  fullKey(key: string): string {
    assertKey(key);
    return this.#prefix + key;
  }

  /** The store's prefix and a prefix in the store, which need not be a whole path. */
  fullPrefix(prefix: string): string {
    return this.#prefix + prefix;
  }

  /** The key in the store of a key in the bucket. */
  ownKey(fullKey: string): string {
    return fullKey.slice(this.#prefix.length);
  }

  /** One object, or undefined when there is none. */
  async head(key: string): Promise<ObjectInfo | undefined> {
    const headers = await this.headers(key);
    if (headers === undefined) return undefined;
    const info = infoFromHead(key, headers);
    if (info.checksum !== undefined) return info;
    const partSize = await this.#foreignPartSize(key, headers);
    if (partSize === undefined) return info;
    const told = new Headers(headers);
    told.set(PART_SIZE_HEADER, partSize);
    return infoFromHead(key, told);
  }

  /** The headers of a HEAD with checksum mode on, or undefined when there is no object. */
  async headers(key: string): Promise<Headers | undefined> {
    try {
      const { headers } = await this.#head(key, {});
      assertObject(key, headers);
      this.#seen = true;
      return headers;
    } catch (error) {
      if (!(error instanceof S3Error) || error.transient) throw error;
      const { status } = error.refusal;
      // A HEAD has no body to say why: a missing bucket and a missing object look the same, and so do a
      // wrong key and a missing permission. A listing of at most one key tells them apart.
      if (status !== 404 || !this.#seen) await this.#probe(key, status);
      if (status === 404) return undefined;
      // A wrong request would have been wrong for the listing too: this one may have come badly.
      throw status === 400 ? passing(error) : error;
    }
  }

  #head(key: string, query: Readonly<Record<string, string>>): Promise<Answer> {
    const headers = { "x-amz-checksum-mode": "ENABLED" };
    return this.client.call({
      operation: "HeadObject",
      method: "HEAD",
      key: this.fullKey(key),
      headers,
      query,
    });
  }

  async #probe(key: string, status: number): Promise<void> {
    const query = { "list-type": "2", "max-keys": "1", prefix: this.fullKey(key) };
    try {
      await this.client.callXml({ operation: "ListObjectsV2", method: "GET", query }, "ListBucketResult");
      this.#seen = true;
    } catch (error) {
      // Where listing is not allowed, a plain 404 has to be believed.
      if (status === 404 && refusedWith(error, "AccessDenied")) return;
      throw error;
    }
  }

  /** The size of part 1 of an object in parts that other software has sent. */
  async #foreignPartSize(key: string, headers: Headers): Promise<string | undefined> {
    const sum = headers.get("x-amz-checksum-sha256") ?? etagOf(headers);
    if (!/-[0-9]+$/.test(sum) || headers.has(PART_SIZE_HEADER)) return undefined;
    try {
      const { headers: first } = await this.#head(key, { partNumber: "1" });
      return first.get("content-length") ?? undefined;
    } catch (error) {
      // Not every server knows partNumber; then the checksum stays unknown.
      if (error instanceof S3Error && !error.transient) return undefined;
      throw error;
    }
  }

  /**
   * The object under a key, if it has the bytes expected; undefined when there is none.
   *
   * @throws StoreError `object-exists` when it has other bytes, or none that can be compared
   */
  async settle(key: string, expected: Expected): Promise<ObjectInfo | undefined> {
    const found = await this.head(key);
    if (found === undefined) return undefined;
    const verdict = await agrees(found, expected);
    if (verdict === true) return found;
    if (verdict === undefined && found.availability.state === "ready") {
      if (await bytesAgree(readObject(this.client, this.fullKey(key)), expected)) return found;
    }
    const why = verdict === undefined && found.availability.state !== "ready"
      ? "is archived and has no checksum to compare"
      : "has other bytes";
    throw new StoreError("object-exists", `${key} is already in ${this.client.bucket} and ${why}`);
  }

  /**
   * The object under a key, right after it was made.
   *
   * @throws StoreError `damaged` when the store has made something else of what was sent
   */
  async confirm(key: string, expected: Expected): Promise<ObjectInfo> {
    const found = await this.head(key);
    if (found === undefined) {
      throw new StoreError("store-unreachable", `${key} is stored, but the store does not show it yet`, {
        transient: true,
      });
    }
    const theirs = found.checksum;
    const ours = theirs === undefined ? undefined : await expected.like(theirs);
    const differs = agree(theirs, ours) === false && !theirs?.startsWith("md5");
    if (found.size !== expected.size || differs) {
      throw new StoreError("damaged", `${key} was stored with another size or checksum than was sent`);
    }
    return found;
  }

  /** Forgets an unfinished upload; harmless when it is gone. */
  async abortUpload(key: string, uploadId: string): Promise<void> {
    try {
      await this.client.call({
        operation: "AbortMultipartUpload",
        method: "DELETE",
        key: this.#prefix + key,
        query: { uploadId },
      });
    } catch (error) {
      if (!refusedWith(error, "NoSuchUpload") && !isMissing(error)) throw error;
    }
  }
}

/** The same refusal, as one that may not come again. */
function passing(error: S3Error): StoreError {
  return new StoreError("store-unreachable", error.message, { transient: true, cause: error });
}

/** A 404 without a body; one that names the bucket is another matter. */
function isMissing(error: unknown): boolean {
  return error instanceof S3Error && error.refusal.status === 404 && error.refusal.reason !== "NoSuchBucket";
}
