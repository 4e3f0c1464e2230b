/** Receives a request's body: decodes it, measures it, and refuses it when it is not what the client said. */

import { createHash } from "node:crypto";
import { fromBase64, toBase64, toHex } from "../../../lib/bytes.ts";
import {
  type Algorithm,
  algorithmNamed,
  ALGORITHMS,
  checksumHeader,
  createDigest,
  type Digest,
  isChecksumValue,
} from "./checksums.ts";
import { ChunkDecoder } from "./chunked.ts";
import { refusal } from "./errors.ts";
import { queryValue, type RequestHead } from "./http.ts";
import type { Quirks } from "./model.ts";
import type { Authentic } from "./sigv4.ts";

/** A body that arrived whole and agrees with every hash the client gave. */
export interface Received {
  readonly size: number;
  /** Undefined when only hashes are kept. */
  readonly chunks: readonly Uint8Array[] | undefined;
  /** Lower-case hex. */
  readonly sha256: string;
  readonly md5: string;
  /** Base64, of the declared algorithm or of the server's choice. */
  readonly checksums: ReadonlyMap<Algorithm, string>;
  /** The one checksum the client sent, in a header or a trailer. */
  readonly declared: Algorithm | undefined;
  /** Whether the client sent Content-MD5. */
  readonly hasMd5: boolean;
}

/** What the server wants to know of a body besides what the client declares. */
export interface ReceiveOptions {
  /** Computed when the client declares none. */
  readonly fallback: Algorithm | undefined;
  /** Computed whatever the client declares. */
  readonly required: Algorithm | undefined;
  readonly keep: boolean;
  readonly quirks: Quirks;
}

/**
 * Reads a body to its end, also when it is wrong: a client that is still sending would not read the answer.
 *
 * @throws S3Error for the first rule that is broken, after the last byte
 */
export async function receive(
  input: AsyncIterable<Uint8Array>,
  head: RequestHead,
  authentic: Authentic,
  options: ReceiveOptions,
): Promise<Received> {
  let failure: unknown;
  let sink: Sink | undefined;
  try {
    sink = await openSink(head, authentic, options);
  } catch (error) {
    failure = error;
  }
  for await (const piece of input) {
    if (failure !== undefined || sink === undefined) continue;
    try {
      sink.write(piece);
    } catch (error) {
      failure = error;
    }
  }
  if (failure !== undefined || sink === undefined) throw failure;
  return sink.finish();
}

/** The checksum a request announces, from its headers; its value may come in a trailer. */
function announced(
  head: RequestHead,
  quirks: Quirks,
): { algorithm: Algorithm | undefined; inTrailer: boolean } {
  if (quirks.noChecksums || completes(head)) return { algorithm: undefined, inTrailer: false };
  const names = [...head.headers.keys()].filter((name) =>
    /^x-amz-(checksum-(?!mode|type|algorithm)|sdk-checksum)/.test(name)
  );
  if (quirks.refuseChecksums && names.length > 0) {
    throw refusal("NotImplemented", `Unsupported header '${names[0]}' received for this API call.`);
  }
  const sent = ALGORITHMS.filter((algorithm) => head.headers.has(checksumHeader(algorithm)));
  const trailer = (head.headers.get("x-amz-trailer") ?? "").toLowerCase();
  const trailing = ALGORITHMS.filter((algorithm) => trailer.split(",").includes(checksumHeader(algorithm)));
  if (sent.length + trailing.length > 1) {
    throw refusal(
      "InvalidRequest",
      "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
    );
  }
  return { algorithm: sent[0] ?? trailing[0], inTrailer: trailing.length > 0 };
}

/** The checksum headers of CompleteMultipartUpload are of the object, not of the list of parts in its body. */
function completes(head: RequestHead): boolean {
  return head.method === "POST" && queryValue(head, "uploadId") !== undefined;
}

/** A request with `x-amz-sdk-checksum-algorithm` must bring that checksum. */
function checkSdkHeader(head: RequestHead, algorithm: Algorithm | undefined, quirks: Quirks): void {
  const named = head.headers.get("x-amz-sdk-checksum-algorithm");
  if (named === undefined || quirks.noChecksums) return;
  if (algorithmNamed(named) === undefined) {
    throw refusal("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.");
  }
  if (algorithmNamed(named) !== algorithm) {
    throw refusal(
      "InvalidRequest",
      "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-*" +
        " or x-amz-trailer headers were found.",
    );
  }
}

/** The length the object will have, which S3 wants to know beforehand. */
function expectedSize(head: RequestHead, authentic: Authentic): number | undefined {
  const coded = authentic.payload.kind === "chunks";
  const text = head.headers.get(coded ? "x-amz-decoded-content-length" : "content-length");
  if (text !== undefined) return Number(text);
  if (coded) throw refusal("MissingContentLength");
  if (head.headers.has("transfer-encoding")) {
    throw refusal("NotImplemented", undefined, { Header: "Transfer-Encoding" });
  }
  return undefined;
}

function checkPayloadKind(authentic: Authentic, quirks: Quirks): void {
  const { payload } = authentic;
  if (quirks.noTrailers && payload.kind === "chunks" && payload.trailer) throw refusal("NotImplemented");
  if (
    quirks.requireSignedPayload &&
    (payload.kind === "unsigned" || (payload.kind === "chunks" && !payload.signed))
  ) {
    throw refusal("InvalidRequest", "This server wants every body to be covered by the signature");
  }
}

async function openSink(head: RequestHead, authentic: Authentic, options: ReceiveOptions): Promise<Sink> {
  checkPayloadKind(authentic, options.quirks);
  const { algorithm, inTrailer } = announced(head, options.quirks);
  checkSdkHeader(head, algorithm, options.quirks);
  const digests = new Map<Algorithm, Digest>();
  for (const name of [algorithm ?? options.fallback, options.required]) {
    if (name !== undefined && !digests.has(name)) digests.set(name, await createDigest(name));
  }
  const expected = expectedSize(head, authentic);
  return new Sink({ head, authentic, digests, declared: algorithm, inTrailer, expected, keep: options.keep });
}

interface SinkPlan {
  readonly head: RequestHead;
  readonly authentic: Authentic;
  readonly digests: ReadonlyMap<Algorithm, Digest>;
  readonly declared: Algorithm | undefined;
  readonly inTrailer: boolean;
  readonly expected: number | undefined;
  readonly keep: boolean;
}

/** Where the bytes of one body go. */
class Sink {
  readonly #plan: SinkPlan;
  readonly #decoder: ChunkDecoder | undefined;
  readonly #chunks: Uint8Array[] = [];
  readonly #sha256 = createHash("sha256");
  readonly #md5 = createHash("md5");
  #size = 0;

  constructor(plan: SinkPlan) {
    this.#plan = plan;
    const { payload, signer } = plan.authentic;
    this.#decoder = payload.kind === "chunks"
      ? new ChunkDecoder(
        { signed: payload.signed, trailer: payload.trailer, signer },
        (bytes) => this.#take(bytes),
      )
      : undefined;
  }

  write(piece: Uint8Array): void {
    if (this.#decoder === undefined) this.#take(piece);
    else this.#decoder.write(piece);
  }

  #take(bytes: Uint8Array): void {
    this.#size += bytes.length;
    this.#sha256.update(bytes);
    this.#md5.update(bytes);
    for (const digest of this.#plan.digests.values()) digest.update(bytes);
    if (this.#plan.keep) this.#chunks.push(bytes);
  }

  finish(): Received {
    this.#decoder?.finish();
    const { expected, declared, head, keep } = this.#plan;
    if (expected !== undefined && expected !== this.#size) throw refusal("IncompleteBody");
    const sha256 = this.#sha256.digest("hex");
    this.#checkSha256(sha256);
    const md5 = this.#md5.digest();
    checkMd5(head, toBase64(md5));
    const checksums = new Map(
      [...this.#plan.digests].map(([name, digest]) => [name, toBase64(digest.digest())]),
    );
    if (declared !== undefined) this.#checkDeclared(declared, checksums.get(declared) ?? "");
    const hasMd5 = head.headers.has("content-md5");
    return {
      size: this.#size,
      chunks: keep ? this.#chunks : undefined,
      sha256,
      md5: toHex(md5),
      checksums,
      declared,
      hasMd5,
    };
  }

  #checkSha256(actual: string): void {
    const { payload } = this.#plan.authentic;
    if (payload.kind !== "signed" || payload.sha256 === actual) return;
    throw refusal("XAmzContentSHA256Mismatch", undefined, {
      ClientComputedContentSHA256: payload.sha256,
      S3ComputedContentSHA256: actual,
    });
  }

  #checkDeclared(algorithm: Algorithm, actual: string): void {
    const name = checksumHeader(algorithm);
    const value = this.#plan.inTrailer
      ? this.#decoder?.trailers.get(name)
      : this.#plan.head.headers.get(name);
    if (value === undefined || !isChecksumValue(algorithm, value)) {
      throw refusal("InvalidRequest", `Value for ${name} header is invalid.`);
    }
    if (value !== actual) {
      throw refusal("BadDigest", `The ${algorithm} you specified did not match the calculated checksum.`);
    }
  }
}

function checkMd5(head: RequestHead, actual: string): void {
  const given = head.headers.get("content-md5");
  if (given === undefined) return;
  if (fromBase64(given).length !== 16) throw refusal("InvalidDigest");
  if (given !== actual) {
    throw refusal("BadDigest", "The Content-MD5 you specified did not match what we received.", {
      ExpectedDigest: given,
      CalculatedDigest: actual,
    });
  }
}
