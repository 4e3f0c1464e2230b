/**
 * The `s3:` store: AWS, and every server that speaks its protocol (Ceph, MinIO, Garage, R2, B2, Wasabi).
 *
 * Nothing is ever overwritten: every write carries `If-None-Match: *`, and a refusal is settled by comparing
 * checksum and size with what was sent. Source of the protocol: Amazon S3 API Reference, 2006-03-01.
 */

import type { Bytes } from "../../bytes.ts";
import { hasCode, StoreError } from "../../errors.ts";
import { loadAws } from "../aws/credentials.ts";
import type { StoreContext } from "../context.ts";
import {
  assertRemovable,
  type Availability,
  type ByteRange,
  type ObjectInfo,
  type ObjectKind,
  type PartReceipt,
  type Store,
  type ThawOptions,
  type Upload,
  type UploadInfo,
  type Usage,
  type WriteOptions,
} from "../store.ts";
import { Abilities } from "./abilities.ts";
import { addressOf } from "./address.ts";
import { Bucket } from "./bucket.ts";
import { type ChecksumKind, PART_SIZE_HEADER } from "./check.ts";
import { S3Client, type S3Request } from "./client.ts";
import { refusedWith } from "./errors.ts";
import { infoFromListing, parseTime } from "./info.ts";
import { listObjects, listParts, listUploads } from "./list.ts";
import { Placement } from "./placement.ts";
import { putObject } from "./put.ts";
import { readObject } from "./read.ts";
import { SLOWEST_LINE } from "./stall.ts";
import { thawObject } from "./thaw.ts";
import { confirmedBy, partSizeFor, partSizeOf, S3Upload, USUAL_PART } from "./upload.ts";
import { parseEndpoint, parseS3Url, type S3Location } from "./url.ts";
import { textOf } from "./xml.ts";

/** What tests set otherwise. */
export interface S3Options {
  /** Ms without a byte after which a connection counts as dead. */
  readonly stall?: number;
  /** Bytes per second that a body is sent at, at least, until the line is measured. */
  readonly slowest?: number;
  /** The part size of objects that it does for, in bytes: at least 5 MiB at real servers. */
  readonly partSize?: number;
}

/**
 * Opens an S3 store. Nothing is sent yet.
 *
 * @param url `s3://bucket/prefix?region=…&endpoint=…&class=…&lock=…`
 * @throws StoreError `store-url`, or `store-denied` when there are no credentials
 */
export async function openS3(url: string, context: StoreContext, options: S3Options = {}): Promise<Store> {
  const { client, location, trusted } = await connectS3(url, context, options);
  const abilities = new Abilities(
    location.checksum,
    trusted,
    (message) => context.warn(`${url}: ${message}`),
  );
  const bucket = new Bucket(client, abilities, location.prefix, trusted);
  const placement = new Placement(location, () => client.now());
  return new S3(url, bucket, placement, options.partSize ?? USUAL_PART);
}

/** A way to talk to the server of a bucket. */
export interface S3Connection {
  readonly client: S3Client;
  readonly location: S3Location;
  /** True at AWS. */
  readonly trusted: boolean;
}

/**
 * Connects to the server of a store's URL. Nothing is sent yet.
 *
 * @throws StoreError as `openS3`
 */
export async function connectS3(
  url: string,
  context: StoreContext,
  { stall = 60_000, slowest = SLOWEST_LINE }: S3Options = {},
): Promise<S3Connection> {
  const location = parseS3Url(url);
  const aws = await loadAws(context.env, location.profile);
  const endpoint = location.endpoint ?? parseEndpoint(aws.endpoint);
  const region = location.region ?? aws.region ?? usualRegion(endpoint);
  const address = addressOf(location.bucket, region, endpoint, location.style);
  const client = new S3Client({ address, region, credentials: aws.credentials, context, stall, slowest });
  return { client, location, trusted: address.aws };
}

/** AWS needs to be told; other servers mostly do not care, or take this one as their own name. */
function usualRegion(endpoint: string | undefined): string {
  if (endpoint === undefined) {
    throw new StoreError("store-url", "the region of the bucket is not known", {
      hint: "put region=… into the store URL, or set AWS_REGION",
    });
  }
  return /\.r2\.cloudflarestorage\.com$/.test(new URL(endpoint).hostname) ? "auto" : "us-east-1";
}

class S3 implements Store {
  readonly url: string;
  readonly maxPut: number;
  readonly #placement: Placement;
  readonly #bucket: Bucket;

  constructor(url: string, bucket: Bucket, placement: Placement, partSize: number) {
    this.url = url;
    this.maxPut = partSize;
    this.#placement = placement;
    this.#bucket = bucket;
  }

  async *list(prefix: string): AsyncGenerator<ObjectInfo> {
    const full = this.#bucket.fullPrefix(prefix);
    // Only AWS has it, and other servers may refuse a header they do not know.
    const headers: Record<string, string> = this.#bucket.trusted
      ? { "x-amz-optional-object-attributes": "RestoreStatus" }
      : {};
    for await (const { key, contents } of listObjects(this.#bucket.client, full, headers)) {
      const own = this.#bucket.ownKey(key);
      // The marker that consoles make for the folder of the store itself has no key in it.
      if (own !== "") yield infoFromListing(own, contents);
    }
  }

  head(key: string): Promise<ObjectInfo | undefined> {
    return this.#bucket.head(key);
  }

  async *read(key: string, range?: ByteRange): AsyncGenerator<Bytes> {
    if (range?.length === 0) return await this.#assertThere(key);
    yield* readObject(this.#bucket.client, this.#bucket.fullKey(key), range);
  }

  /** HTTP has no way to ask for a range of nothing. */
  async #assertThere(key: string): Promise<void> {
    if (await this.head(key) === undefined) {
      throw new StoreError("object-missing", `there is no object ${key} in ${this.#bucket.client.bucket}`);
    }
  }

  async put(key: string, body: Bytes, options: WriteOptions): Promise<ObjectInfo> {
    if (body.length > this.maxPut) throw new Error(`${key} is too large for one step: ${body.length} bytes`);
    return await putObject(this.#bucket, this.#placement, key, body, options.kind);
  }

  async beginUpload(key: string, size: number, options: WriteOptions): Promise<Upload> {
    const partSize = partSizeFor(size, this.maxPut);
    const { uploadId, checksum, fixed } = await this.#bucket.abilities.negotiate((use) =>
      this.#createUpload(key, partSize, options.kind, use.checksum)
    );
    return new S3Upload({
      bucket: this.#bucket,
      key,
      size,
      partSize,
      uploadId,
      checksum,
      fixed,
      confirmed: [],
    });
  }

  async #createUpload(
    key: string,
    partSize: number,
    kind: ObjectKind,
    checksum: ChecksumKind,
  ): Promise<Created> {
    const request: S3Request = {
      operation: "CreateMultipartUpload",
      method: "POST",
      key: this.#bucket.fullKey(key),
      query: { uploads: "" },
      headers: {
        "content-type": "application/octet-stream",
        [PART_SIZE_HEADER]: String(partSize),
        ...this.#placement.headers(kind),
        ...algorithmHeaders(checksum),
      },
    };
    const answer = await this.#bucket.client.call(request);
    const result = this.#bucket.client.readXml(request, answer, "InitiateMultipartUploadResult");
    const uploadId = textOf(result, "UploadId") ?? "";
    if (uploadId === "") throw new StoreError("store-protocol", `the store gave no upload id for ${key}`);
    return { uploadId, checksum, fixed: answer.headers.has("x-amz-checksum-algorithm") };
  }

  async resumeUpload(
    key: string,
    size: number,
    token: string,
    known: readonly PartReceipt[],
  ): Promise<Upload | undefined> {
    // Without an id the request would be for the object.
    if (token === "") return undefined;
    const partSize = partSizeOf(known, size, this.maxPut);
    try {
      const { parts, algorithm } = await listParts(this.#bucket.client, this.#bucket.fullKey(key), token);
      const checksum = kindOf(algorithm) ??
        (parts.some((part) => part.sha256 !== undefined) ? "sha256" : undefined);
      return new S3Upload({
        bucket: this.#bucket,
        key,
        size,
        partSize,
        uploadId: token,
        checksum: checksum ?? (parts.length > 0 ? "md5" : this.#bucket.abilities.checksum),
        fixed: checksum !== undefined,
        confirmed: confirmedBy(parts, known, size, partSize),
      });
    } catch (error) {
      if (refusedWith(error, "NoSuchUpload")) return undefined;
      throw error;
    }
  }

  async *listUploads(): AsyncGenerator<UploadInfo> {
    for await (const upload of listUploads(this.#bucket.client, this.#bucket.fullPrefix(""))) {
      const key = this.#bucket.ownKey(upload.key);
      yield { key, token: upload.uploadId, started: parseTime(upload.initiated) };
    }
  }

  abortUpload(info: UploadInfo): Promise<void> {
    return this.#bucket.abortUpload(info.key, info.token);
  }

  async remove(key: string): Promise<void> {
    assertRemovable(key);
    try {
      await this.#bucket.client.call({
        operation: "DeleteObject",
        method: "DELETE",
        key: this.#bucket.fullKey(key),
      });
    } catch (error) {
      if (!hasCode(error, "object-missing")) throw error;
    }
  }

  /** S3 has no limit and does not count. */
  usage(): Promise<Usage | undefined> {
    return Promise.resolve(undefined);
  }

  thaw(key: string, options: ThawOptions): Promise<Availability> {
    return thawObject(this.#bucket, key, options);
  }
}

interface Created {
  readonly uploadId: string;
  readonly checksum: ChecksumKind;
  readonly fixed: boolean;
}

function algorithmHeaders(checksum: ChecksumKind): Record<string, string> {
  if (checksum === "md5") return {};
  if (checksum === "sha256") return { "x-amz-checksum-algorithm": "SHA256" };
  return { "x-amz-checksum-algorithm": "CRC64NVME", "x-amz-checksum-type": "FULL_OBJECT" };
}

function kindOf(algorithm: string | undefined): ChecksumKind | undefined {
  if (algorithm === "SHA256") return "sha256";
  return algorithm === "CRC64NVME" ? "crc64nvme" : undefined;
}
