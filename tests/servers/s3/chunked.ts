/**
 * The aws-chunked content coding: chunks with a length line, signed or not, and checksums in a trailer.
 *
 * Source: Amazon S3 API Reference, "Signature Calculations for the Authorization Header: Transferring Payload in
 * Multiple Chunks" and "… Including trailing headers".
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { toHex } from "../../../lib/bytes.ts";
import { refusal } from "./errors.ts";
import { type ChunkSigner, EMPTY_SHA256, hmac, sha256Hex } from "./sigv4.ts";

const MAX_LINE = 4096;

/** How the chunks of one body must look. */
export interface ChunkRules {
  readonly signed: boolean;
  readonly trailer: boolean;
  readonly signer: ChunkSigner;
}

type State =
  | { readonly at: "length" }
  | {
    readonly at: "data";
    left: number;
    readonly signature: string | undefined;
    readonly hash: ReturnType<typeof createHash>;
  }
  | { readonly at: "after-data" }
  | { readonly at: "trailer" }
  | { readonly at: "end" };

/** Takes the coded body piece by piece and gives the plain bytes on; `trailers` is filled at the end. */
export class ChunkDecoder {
  readonly trailers = new Map<string, string>();
  readonly #rules: ChunkRules;
  readonly #emit: (bytes: Uint8Array) => void;
  #state: State = { at: "length" };
  #line: Buffer = Buffer.alloc(0);
  #previous: string;
  #trailerText = "";

  /** @param emit gets the decoded bytes in order */
  constructor(rules: ChunkRules, emit: (bytes: Uint8Array) => void) {
    this.#rules = rules;
    this.#emit = emit;
    this.#previous = rules.signer.seed;
  }

  /** @throws S3Error IncompleteBody for broken framing, SignatureDoesNotMatch for a chunk signed wrongly */
  write(piece: Uint8Array): void {
    let rest = Buffer.from(piece.buffer, piece.byteOffset, piece.length);
    while (rest.length > 0) {
      rest = this.#state.at === "data" ? this.#takeData(this.#state, rest) : this.#takeLine(rest);
    }
  }

  /** @throws S3Error IncompleteBody when the body ended before its last chunk */
  finish(): void {
    // A body without a trailer may end right after the empty chunk's lines; one with a trailer ends with a blank line.
    if (this.#state.at !== "end") throw refusal("IncompleteBody", "The request body terminated unexpectedly");
  }

  #takeData(state: Extract<State, { at: "data" }>, rest: Buffer): Buffer {
    const data = rest.subarray(0, state.left);
    if (this.#rules.signed) state.hash.update(data);
    this.#emit(data);
    state.left -= data.length;
    if (state.left === 0) {
      if (this.#rules.signed) this.#checkChunk(state.signature, state.hash.digest("hex"));
      this.#state = { at: "after-data" };
    }
    return rest.subarray(data.length);
  }

  #takeLine(rest: Buffer): Buffer {
    if (this.#state.at === "end") throw refusal("IncompleteBody", "Bytes follow the last chunk");
    const end = rest.indexOf(0x0a);
    this.#line = Buffer.concat([this.#line, end < 0 ? rest : rest.subarray(0, end + 1)]);
    if (this.#line.length > MAX_LINE) throw refusal("IncompleteBody", "A chunk's header line is too long");
    if (end < 0) return rest.subarray(rest.length);
    const line = this.#line.toString("utf8");
    this.#line = Buffer.alloc(0);
    if (!line.endsWith("\r\n")) {
      throw refusal("IncompleteBody", "A chunk's header line does not end in CR LF");
    }
    this.#applyLine(line.slice(0, -2));
    return rest.subarray(end + 1);
  }

  #applyLine(line: string): void {
    if (this.#state.at === "after-data") {
      if (line !== "") throw refusal("IncompleteBody", "A chunk is longer than it said");
      this.#state = { at: "length" };
    } else if (this.#state.at === "length") {
      this.#startChunk(line);
    } else {
      this.#applyTrailer(line);
    }
  }

  #startChunk(line: string): void {
    const match = /^([0-9a-fA-F]{1,12})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(line);
    if (match === null) throw refusal("IncompleteBody", "A chunk's header line cannot be read");
    const left = parseInt(match[1] ?? "", 16);
    const signature = match[2];
    if (this.#rules.signed && signature === undefined) throw refusal("SignatureDoesNotMatch");
    if (left > 0) {
      this.#state = { at: "data", left, signature, hash: createHash("sha256") };
    } else {
      if (this.#rules.signed) this.#checkChunk(signature, EMPTY_SHA256);
      this.#state = { at: "trailer" };
    }
  }

  #checkChunk(given: string | undefined, sha256: string): void {
    this.#checkSignature(given, "AWS4-HMAC-SHA256-PAYLOAD", [EMPTY_SHA256, sha256]);
  }

  #checkSignature(given: string | undefined, algorithm: string, hashes: readonly string[]): void {
    const { signingKey, timestamp, scope } = this.#rules.signer;
    const text = [algorithm, timestamp, scope, this.#previous, ...hashes].join("\n");
    const right = toHex(hmac(signingKey, text));
    if (given !== right) throw refusal("SignatureDoesNotMatch", undefined, { StringToSign: text });
    this.#previous = right;
  }

  #applyTrailer(line: string): void {
    if (line === "") {
      const signed = this.trailers.get("x-amz-trailer-signature");
      if (this.#rules.signed && this.#rules.trailer) {
        this.#checkSignature(signed, "AWS4-HMAC-SHA256-TRAILER", [sha256Hex(this.#trailerText)]);
      }
      this.#state = { at: "end" };
      return;
    }
    const colon = line.indexOf(":");
    if (colon < 1 || !this.#rules.trailer) {
      throw refusal("IncompleteBody", "A trailer that was not announced");
    }
    const [name, value] = [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    this.trailers.set(name, value);
    if (name !== "x-amz-trailer-signature") this.#trailerText += `${name}:${value}\n`;
  }
}
