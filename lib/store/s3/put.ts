/** Writing a small object in one step, without ever replacing another. */

import type { Bytes } from "../../bytes.ts";
import { hasCode, StoreError } from "../../errors.ts";
import type { ObjectInfo, ObjectKind } from "../store.ts";
import type { Use } from "./abilities.ts";
import type { Bucket } from "./bucket.ts";
import { answerAgrees, answerSpeaks, type BodyCheck, checkBody } from "./check.ts";
import { assertObject } from "./info.ts";
import type { Placement } from "./placement.ts";
import { expectBody } from "./settle.ts";

/** The largest body written twice to see whether the server refuses the second. */
const PROOF_SIZE = 1024 * 1024;

/**
 * Writes an object; when it is there already with the same bytes, that is success.
 *
 * @throws StoreError `object-exists` when other bytes stand under the key
 */
export async function putObject(
  bucket: Bucket,
  placement: Placement,
  key: string,
  body: Bytes,
  kind: ObjectKind,
): Promise<ObjectInfo> {
  const expected = expectBody(body);
  const { abilities } = bucket;
  const there = abilities.conditional === "yes" ? undefined : await bucket.settle(key, expected);
  if (there !== undefined) return there;
  const put = new Put(bucket, placement, key, body, kind);
  try {
    const info = await abilities.negotiate((use) => put.send(use));
    await put.proveConditional();
    return info ?? await bucket.confirm(key, expected);
  } catch (error) {
    if (!hasCode(error, "object-exists")) throw error;
    return await bucket.settle(key, expected) ?? cameAndWent(key);
  }
}

/** The object whose presence was the reason for the refusal is gone again: another try will tell. */
function cameAndWent(key: string): never {
  throw new StoreError("store-unreachable", `${key} was there and is not any more`, { transient: true });
}

/** One object to be written. */
class Put {
  readonly #bucket: Bucket;
  readonly #placement: Placement;
  readonly #key: string;
  readonly #body: Bytes;
  readonly #kind: ObjectKind;

  constructor(bucket: Bucket, placement: Placement, key: string, body: Bytes, kind: ObjectKind) {
    this.#bucket = bucket;
    this.#placement = placement;
    this.#key = key;
    this.#body = body;
    this.#kind = kind;
  }

  /** Sends it once. Undefined when the answer does not prove what arrived, so that a HEAD has to. */
  async send(use: Use): Promise<ObjectInfo | undefined> {
    const check = await checkBody(use.checksum, this.#body);
    const { headers } = await this.#bucket.client.call({
      operation: "PutObject",
      method: "PUT",
      key: this.#bucket.fullKey(this.#key),
      headers: {
        "content-type": "application/octet-stream",
        ...(use.conditional ? { "if-none-match": "*" } : {}),
        ...this.#placement.headers(this.#kind),
        ...check.headers,
      },
      body: this.#body,
      sha256: check.sha256,
    });
    assertObject(this.#key, headers);
    const proven = answerAgrees(check, this.#body, headers);
    if (proven === false) {
      throw new StoreError("damaged", `${this.#key} was stored with another checksum than was sent`);
    }
    const speaks = answerSpeaks(check.kind, headers);
    if (check.kind !== "md5" && !speaks) this.#bucket.abilities.lacksChecksum();
    return proven ? this.#info(speaks ? check : await checkBody("md5", this.#body)) : undefined;
  }

  #info({ kind, hex }: BodyCheck): ObjectInfo {
    return {
      key: this.#key,
      size: this.#body.length,
      checksum: `${kind}:${hex}`,
      modified: undefined,
      availability: this.#placement.availability(this.#kind),
    };
  }

  /**
   * Writes the same bytes again where it is not known whether the server refuses that: one that passes over
   * `If-None-Match` in silence would overwrite anything.
   */
  async proveConditional(): Promise<void> {
    const { abilities } = this.#bucket;
    if (abilities.conditional !== "unproven" || this.#body.length > PROOF_SIZE) return;
    try {
      await this.send({ checksum: abilities.checksum, conditional: true });
      abilities.lacksConditional();
    } catch (error) {
      // Other trouble proves nothing: the object is stored, and the next write asks again.
      if (hasCode(error, "object-exists")) abilities.conditional = "yes";
    }
  }
}
