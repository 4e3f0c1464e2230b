/** What happens to one request, from its first byte to its last. */

import { createHash, randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import process from "node:process";
import { toHex } from "../../../lib/bytes.ts";
import { receive, type Received, type ReceiveOptions } from "./body.ts";
import { type Answer, type Call, httpTime, type InFlight, type State } from "./call.ts";
import { isConditionalWrite } from "./conditions.ts";
import { refusal, S3Error } from "./errors.ts";
import { type Fault, Faults } from "./faults.ts";
import { HANDLERS } from "./handlers.ts";
import { parseHead, queryValue, type RequestHead } from "./http.ts";
import { addVersion, type Bucket, current, newBucket, type ObjectVersion, type Quirks } from "./model.ts";
import { type Operation, OPERATIONS, route, type Target } from "./routes.ts";
import { authenticate, type Credentials, sha256Hex } from "./sigv4.ts";
import { applyFault, BodyReader, Lost } from "./trouble.ts";
import { errorAnswer, sendAnswer } from "./wire.ts";

/** How to start a server. */
export interface S3Options {
  /** ms since 1970; the machine's clock when undefined. */
  readonly now?: () => number;
  readonly region?: string;
  readonly accessKey?: string;
  readonly secretKey?: string;
  /** When given, requests must carry it. */
  readonly sessionToken?: string;
  /** Further keys that may sign. */
  readonly otherCredentials?: readonly Credentials[];
  /** Buckets that are there from the start. */
  readonly buckets?: readonly string[];
  /** `<bucket>.<domain>` is a virtual-hosted bucket; `<bucket>.localhost` always is. */
  readonly domain?: string;
  /** "hash" keeps lengths and digests of objects only, for tests with more bytes than memory. */
  readonly bodies?: "memory" | "hash";
  readonly quirks?: Quirks;
}

/** Denies an action on keys with a prefix, as an IAM policy would. */
export interface DenyRule {
  readonly operation?: Operation;
  /** `s3:PutObject` and so on. */
  readonly action?: string;
  readonly prefix?: string;
}

/** One request, for tests to look at afterwards. Authorization and session tokens are left out. */
export interface LoggedRequest {
  /** From 1. */
  readonly number: number;
  readonly method: string;
  readonly url: string;
  readonly headers: ReadonlyMap<string, string>;
  /** ms since 1970, by the server's clock. */
  readonly at: number;
  operation: Operation | undefined;
  bucket: string;
  key: string;
  /** Bytes of body, decoded. */
  received: number;
  /** Bytes of the answer's body. */
  sent: number;
  /** HTTP status; 0 while there is none, or when the connection was lost or dropped. */
  status: number;
  /** S3 error code, "" when there was none. */
  code: string;
  fault: Fault | undefined;
}

const KEYS = { accessKey: "AKIATESTTESTTESTTEST", secretKey: "test/secret+key/test/secret+key/test0000" };

/** The server without its port. */
export class Service {
  readonly credentials: Credentials;
  readonly state: State;
  readonly faults = new Faults();
  readonly deny: DenyRule[] = [];
  readonly log: LoggedRequest[] = [];
  readonly crashes: unknown[] = [];
  readonly #options: S3Options;
  #offset = 0;

  constructor(options: S3Options) {
    this.#options = options;
    const { accessKey = KEYS.accessKey, secretKey = KEYS.secretKey, sessionToken } = options;
    this.credentials = { accessKey, secretKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
    this.state = {
      region: options.region ?? "eu-central-1",
      accessKey,
      buckets: new Map(),
      quirks: options.quirks ?? {},
      now: () => (options.now ?? Date.now)() + this.#offset,
      newId: () => toHex(randomBytes(16)),
      denied: (operation, bucket, key) => this.#denied(operation, bucket, key),
      inFlight: new Map(),
    };
    for (const name of options.buckets ?? []) this.addBucket(name);
  }

  advance(ms: number): void {
    this.#offset += ms;
  }

  addBucket(name: string): Bucket {
    const bucket = newBucket(name, this.state.now());
    this.state.buckets.set(name, bucket);
    return bucket;
  }

  addObject(bucketName: string, key: string, bytes: Uint8Array, storageClass = "STANDARD"): ObjectVersion {
    const bucket = this.state.buckets.get(bucketName);
    if (bucket === undefined) throw new Error(`no bucket ${bucketName}`);
    const [md5, modified, size] = [
      createHash("md5").update(bytes).digest("hex"),
      this.state.now(),
      bytes.length,
    ];
    const version: ObjectVersion = {
      kind: "object",
      key,
      versionId: bucket.versioning === "Enabled" ? this.state.newId() : "null",
      modified,
      size,
      etag: md5,
      storageClass,
      headers: { "content-type": "binary/octet-stream" },
      checksum: undefined,
      parts: [{
        number: 1,
        size,
        sha256: sha256Hex(bytes),
        md5,
        chunks: [bytes],
        checksum: undefined,
        modified,
      }],
      multipart: false,
      retention: undefined,
      legalHold: false,
      restore: undefined,
    };
    addVersion(bucket, version);
    return version;
  }

  object(bucketName: string, key: string): ObjectVersion | undefined {
    const bucket = this.state.buckets.get(bucketName);
    return bucket === undefined ? undefined : current(bucket, key);
  }

  #denied(operation: Operation, bucket: string, key: string): boolean {
    return bucket !== "" &&
      this.deny.some((rule) =>
        (rule.operation === undefined || rule.operation === operation) &&
        (rule.action === undefined || rule.action === OPERATIONS[operation]) &&
        key.startsWith(rule.prefix ?? "")
      );
  }

  async handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const entry = this.#logEntry(req);
    // Kept from the beginning: some runtimes take it off a request whose body was broken off.
    const { socket } = req;
    try {
      const answer = await this.#answer(req, entry);
      entry.status = answer.status;
      const envelope = { requestId: this.state.newId(), date: httpTime(this.state.now()) };
      entry.sent = await sendAnswer({ req, res, socket }, answer, envelope, entry.fault);
    } catch (error) {
      if (!(error instanceof Lost)) this.#crash(error);
      if (!(error instanceof Lost && error.message === "stall")) socket.destroy();
    }
  }

  /** A bug of the server must not pass for a fault that was asked for. */
  #crash(error: unknown): void {
    this.crashes.push(error);
    process.stderr.write(`test S3 server: ${error instanceof Error ? error.stack : String(error)}\n`);
  }

  #logEntry(req: IncomingMessage): LoggedRequest {
    const secret = new Set(["authorization", "x-amz-security-token"]);
    const pairs = req.rawHeaders.flatMap((name, i) =>
      i % 2 === 0 ? [[name.toLowerCase(), req.rawHeaders[i + 1] ?? ""] as const] : []
    );
    const entry: LoggedRequest = {
      number: this.log.length + 1,
      method: req.method ?? "",
      url: (req.url ?? "").replace(/X-Amz-(Signature|Security-Token)=[^&]*/g, "X-Amz-$1=…"),
      headers: new Map(pairs.filter(([name]) => !secret.has(name))),
      at: this.state.now(),
      operation: undefined,
      bucket: "",
      key: "",
      received: 0,
      sent: 0,
      status: 0,
      code: "",
      fault: undefined,
    };
    this.log.push(entry);
    return entry;
  }

  /** Every refusal becomes an answer here; whatever else is thrown is no answer at all. */
  async #answer(req: IncomingMessage, entry: LoggedRequest): Promise<Answer> {
    const body = new BodyReader(req);
    try {
      return await this.#process(req, body, entry);
    } catch (error) {
      if (!(error instanceof S3Error)) throw error;
      await body.drain();
      entry.code = error.code;
      return errorAnswer(error, (req.url ?? "").split("?")[0] ?? "", this.state.newId());
    }
  }

  async #process(req: IncomingMessage, body: BodyReader, entry: LoggedRequest): Promise<Answer> {
    const head = parseHead(req.method ?? "", req.url ?? "", req.rawHeaders);
    const { domain = "localhost", otherCredentials = [] } = this.#options;
    const target = route(head, { domain, listV1Only: this.state.quirks.listV1Only === true });
    Object.assign(entry, target);
    entry.fault = this.faults.next(target, entry.number);
    await applyFault(entry.fault, "before", target.operation);
    if (entry.fault?.kind === "drop" && entry.fault.bodyBytes !== undefined) {
      body.cutAfter = entry.fault.bodyBytes;
    }
    const authentic = authenticate(head, {
      credentials: [this.credentials, ...otherCredentials],
      region: this.state.region,
      now: this.state.now(),
    });
    const answer = await this.#tracked(head, target, async (inFlight) => {
      const received = await receive(body, head, authentic, {
        ...this.#ownChecksums(head, target),
        keep: !isData(target.operation) || this.#options.bodies !== "hash",
        quirks: this.state.quirks,
      });
      entry.received = received.size;
      return this.#perform(head, target, received, inFlight);
    });
    await applyFault(entry.fault, "after", target.operation);
    return answer;
  }

  /** Remembers a conditional write while its body comes, so that others can see that they cross it. */
  async #tracked<T>(
    head: RequestHead,
    target: Target,
    body: (mine: InFlight | undefined) => Promise<T>,
  ): Promise<T> {
    const writes = target.operation === "PutObject" || target.operation === "CompleteMultipartUpload";
    if (!writes || !isConditionalWrite(head.headers)) return await body(undefined);
    const name = `${target.bucket}/${target.key}`;
    const others = this.state.inFlight.get(name) ?? new Set();
    const mine: InFlight = { conflict: this.state.quirks.conflictInFlight === true && others.size > 0 };
    this.state.inFlight.set(name, others.add(mine));
    try {
      return await body(mine);
    } finally {
      others.delete(mine);
      if (others.size === 0) this.state.inFlight.delete(name);
    }
  }

  #perform(head: RequestHead, target: Target, body: Received, inFlight: InFlight | undefined): Answer {
    if (this.#denied(target.operation, target.bucket, target.key)) {
      throw refusal(
        "AccessDenied",
        `User: arn:aws:iam::123456789012:user/coldframe is not authorized to perform: ${
          OPERATIONS[target.operation]
        } on resource: "arn:aws:s3:::${target.bucket}${target.key === "" ? "" : `/${target.key}`}"`,
      );
    }
    const call: Call = {
      state: this.state,
      operation: target.operation,
      head,
      bucketName: target.bucket,
      key: target.key,
      body,
      inFlight,
    };
    return HANDLERS[target.operation](call);
  }

  /** The checksums the server computes for itself. */
  #ownChecksums(head: RequestHead, target: Target): Pick<ReceiveOptions, "fallback" | "required"> {
    const { quirks, buckets } = this.state;
    const uploadId = target.operation === "UploadPart" ? queryValue(head, "uploadId") ?? "" : "";
    const hasDefault = !quirks.noChecksums && !quirks.refuseChecksums && !quirks.noDefaultChecksum;
    return {
      fallback: target.operation === "PutObject" && hasDefault ? "CRC64NVME" : undefined,
      required: buckets.get(target.bucket)?.uploads.get(uploadId)?.algorithm,
    };
  }
}

function isData(operation: Operation): boolean {
  return operation === "PutObject" || operation === "UploadPart";
}
