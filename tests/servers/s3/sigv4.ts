/**
 * AWS Signature Version 4, the server's side, for header and presigned requests.
 *
 * Source: AWS IAM User Guide, "Create a signed AWS API request", and Amazon S3 API Reference, "Authenticating
 * Requests (AWS Signature Version 4)". S3 encodes the path once and does not normalise it.
 */

import { createHash, createHmac } from "node:crypto";
import { toHex } from "../../../lib/bytes.ts";
import { refusal, S3Error } from "./errors.ts";
import { queryValue, type RequestHead, uriEncode } from "./http.ts";

const ALGORITHM = "AWS4-HMAC-SHA256";
const MAX_SKEW_MS = 15 * 60 * 1000;
const MAX_PRESIGNED_SECONDS = 7 * 24 * 3600;
/** SHA-256 of nothing, lower-case hex. */
export const EMPTY_SHA256 = createHash("sha256").digest("hex");

/** Who may sign. */
export interface Credentials {
  readonly accessKey: string;
  readonly secretKey: string;
  /** When given, requests must carry it. */
  readonly sessionToken?: string;
}

/** What `x-amz-content-sha256` says of the body. */
export type Payload =
  | { readonly kind: "signed"; readonly sha256: string }
  | { readonly kind: "unsigned" }
  /** aws-chunked: each chunk signed or not, checksums in a trailer or not. */
  | { readonly kind: "chunks"; readonly signed: boolean; readonly trailer: boolean };

/** What the chunks of a body are signed with, continuing from the signature of the head. */
export interface ChunkSigner {
  readonly signingKey: Uint8Array;
  readonly timestamp: string;
  readonly scope: string;
  readonly seed: string;
}

/** A request whose signature is right. */
export interface Authentic {
  readonly payload: Payload;
  readonly signer: ChunkSigner;
}

/** What the server knows when it judges a signature. */
export interface SigningRules {
  readonly credentials: readonly Credentials[];
  readonly region: string;
  /** ms since 1970. */
  readonly now: number;
}

/** The claims of a request, from its Authorization header or its query. */
interface Claim {
  readonly accessKey: string;
  readonly date: string;
  readonly region: string;
  readonly scope: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly timestamp: string;
  readonly payload: Payload;
  readonly payloadName: string;
  readonly token: string | undefined;
  /** Seconds a presigned request lives; undefined for a header-signed one. */
  readonly expires: number | undefined;
}

/**
 * Checks who sent a request and that nothing signed was changed.
 *
 * @throws S3Error naming the first rule that is broken
 */
export function authenticate(head: RequestHead, rules: SigningRules): Authentic {
  const claim = readClaim(head);
  const credentials = rules.credentials.find((known) => known.accessKey === claim.accessKey);
  checkScope(claim, rules.region);
  if (credentials === undefined) {
    throw refusal("InvalidAccessKeyId", undefined, { AWSAccessKeyId: claim.accessKey });
  }
  if (claim.token !== credentials.sessionToken) throw refusal("InvalidToken");
  checkTime(claim, rules.now);
  checkSignedHeaders(head, claim);
  const canonical = canonicalRequest(head, claim);
  const stringToSign = [ALGORITHM, claim.timestamp, claim.scope, sha256Hex(canonical)].join("\n");
  const signingKey = deriveKey(credentials.secretKey, claim.date, claim.region);
  const signature = toHex(hmac(signingKey, stringToSign));
  if (signature !== claim.signature) {
    throw refusal("SignatureDoesNotMatch", undefined, {
      AWSAccessKeyId: claim.accessKey,
      StringToSign: stringToSign,
      SignatureProvided: claim.signature,
      CanonicalRequest: canonical,
    });
  }
  return {
    payload: claim.payload,
    signer: { signingKey, timestamp: claim.timestamp, scope: claim.scope, seed: signature },
  };
}

function readClaim(head: RequestHead): Claim {
  const header = head.headers.get("authorization");
  const presigned = queryValue(head, "X-Amz-Algorithm") !== undefined;
  if (header !== undefined && presigned) {
    throw refusal(
      "InvalidArgument",
      "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter," +
        " Signature query string parameter or the Authorization header should be specified",
    );
  }
  if (header !== undefined) return headerClaim(head, header);
  if (presigned) return queryClaim(head);
  throw refusal("AccessDenied");
}

function headerClaim(head: RequestHead, header: string): Claim {
  if (!header.startsWith(`${ALGORITHM} `)) {
    throw refusal(
      "InvalidRequest",
      `The authorization mechanism you have provided is not supported. Please use ${ALGORITHM}.`,
    );
  }
  const fields = new Map(
    header.slice(ALGORITHM.length).split(",").map((field): [string, string] => {
      const [name = "", ...value] = field.trim().split("=");
      return [name, value.join("=")];
    }),
  );
  const payloadName = head.headers.get("x-amz-content-sha256");
  if (payloadName === undefined) {
    throw refusal("InvalidRequest", "Missing required header for this request: x-amz-content-sha256");
  }
  return {
    ...credentialScope(fields.get("Credential"), "AuthorizationHeaderMalformed"),
    signedHeaders: (fields.get("SignedHeaders") ?? "").split(";"),
    signature: fields.get("Signature") ?? "",
    timestamp: requestTime(head),
    payload: parsePayload(payloadName),
    payloadName,
    token: head.headers.get("x-amz-security-token"),
    expires: undefined,
  };
}

/** `x-amz-date`, or `Date` turned into the same form. */
function requestTime(head: RequestHead): string {
  const own = head.headers.get("x-amz-date");
  if (own !== undefined) return own;
  const time = Date.parse(head.headers.get("date") ?? "");
  if (Number.isNaN(time)) {
    throw refusal("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header");
  }
  return new Date(time).toISOString().replace(/[-:]|\.\d+/g, "");
}

function queryClaim(head: RequestHead): Claim {
  const payloadName = head.headers.get("x-amz-content-sha256") ?? "UNSIGNED-PAYLOAD";
  const expires = Number(queryValue(head, "X-Amz-Expires"));
  if (!Number.isInteger(expires) || expires < 1 || expires > MAX_PRESIGNED_SECONDS) {
    throw refusal("AuthorizationQueryParametersError", "X-Amz-Expires must be between 1 and 604800 seconds");
  }
  return {
    ...credentialScope(queryValue(head, "X-Amz-Credential"), "AuthorizationQueryParametersError"),
    signedHeaders: (queryValue(head, "X-Amz-SignedHeaders") ?? "").split(";"),
    signature: queryValue(head, "X-Amz-Signature") ?? "",
    timestamp: queryValue(head, "X-Amz-Date") ?? "",
    payload: parsePayload(payloadName),
    payloadName,
    token: queryValue(head, "X-Amz-Security-Token"),
    expires,
  };
}

function credentialScope(
  credential: string | undefined,
  code: "AuthorizationHeaderMalformed" | "AuthorizationQueryParametersError",
): Pick<Claim, "accessKey" | "date" | "region" | "scope"> {
  const match = /^(.+)\/(\d{8})\/([^/]+)\/s3\/aws4_request$/.exec(credential ?? "");
  const [, accessKey, date, region] = match ?? [];
  if (accessKey === undefined || date === undefined || region === undefined) {
    throw refusal(
      code,
      'The Credential is malformed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/s3/aws4_request".',
    );
  }
  return { accessKey, date, region, scope: `${date}/${region}/s3/aws4_request` };
}

function parsePayload(name: string): Payload {
  if (name === "UNSIGNED-PAYLOAD") return { kind: "unsigned" };
  if (name === "STREAMING-AWS4-HMAC-SHA256-PAYLOAD") return { kind: "chunks", signed: true, trailer: false };
  if (name === "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER") {
    return { kind: "chunks", signed: true, trailer: true };
  }
  if (name === "STREAMING-UNSIGNED-PAYLOAD-TRAILER") return { kind: "chunks", signed: false, trailer: true };
  if (/^[0-9a-f]{64}$/.test(name)) return { kind: "signed", sha256: name };
  throw refusal(
    "InvalidArgument",
    "x-amz-content-sha256 must be UNSIGNED-PAYLOAD," +
      " STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD," +
      " STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
    {
      ArgumentName: "x-amz-content-sha256",
      ArgumentValue: name,
    },
  );
}

function checkScope(claim: Claim, region: string): void {
  if (claim.region === region) return;
  const code = claim.expires === undefined
    ? "AuthorizationHeaderMalformed"
    : "AuthorizationQueryParametersError";
  const found = refusal(
    code,
    `The authorization header is malformed; the region '${claim.region}' is wrong; expecting '${region}'`,
    { Region: region },
  );
  throw new S3Error(found.code, found.status, found.message, found.fields, { "x-amz-bucket-region": region });
}

function checkTime(claim: Claim, now: number): void {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(claim.timestamp);
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = (match ?? []).slice(1).map(Number);
  if (match === null) {
    throw refusal("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header");
  }
  const time = Date.UTC(year, month - 1, day, hour, minute, second);
  const lateBy = now - time;
  if (claim.expires !== undefined && lateBy > claim.expires * 1000) {
    throw refusal("AccessDenied", "Request has expired", { ServerTime: new Date(now).toISOString() });
  }
  if (lateBy < -MAX_SKEW_MS || (claim.expires === undefined && lateBy > MAX_SKEW_MS)) {
    throw refusal("RequestTimeTooSkewed", undefined, {
      RequestTime: claim.timestamp,
      ServerTime: new Date(now).toISOString(),
      MaxAllowedSkewMilliseconds: String(MAX_SKEW_MS),
    });
  }
  if (!claim.timestamp.startsWith(claim.date)) {
    throw refusal(
      "SignatureDoesNotMatch",
      "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date",
    );
  }
}

/** Host and every x-amz header must be covered, else someone on the way could change them. */
function checkSignedHeaders(head: RequestHead, claim: Claim): void {
  const missing = [...head.headers.keys()]
    .filter((name) => name === "host" || name.startsWith("x-amz-"))
    .filter((name) => !claim.signedHeaders.includes(name))
    // A presigned request fixes its payload hash by the query; S3 lets this header go unsigned there.
    .filter((name) => claim.expires === undefined || name !== "x-amz-content-sha256");
  if (missing.length > 0) {
    throw refusal("AccessDenied", "There were headers present in the request which were not signed", {
      HeadersNotSigned: missing.join(", "),
    });
  }
}

function canonicalRequest(head: RequestHead, claim: Claim): string {
  const headers = claim.signedHeaders.map((name) => {
    const value = head.headers.get(name) ?? "";
    return `${name}:${value.trim().replace(/ +/g, " ")}\n`;
  });
  return [
    head.method,
    head.path.split("/").map(uriEncode).join("/"),
    canonicalQuery(head),
    headers.join(""),
    claim.signedHeaders.join(";"),
    claim.payloadName,
  ].join("\n");
}

function canonicalQuery(head: RequestHead): string {
  return head.query
    .filter(([name]) => name !== "X-Amz-Signature")
    .map(([name, value]) => [uriEncode(name), uriEncode(value)] as const)
    .sort(([a, x], [b, y]) => a === b ? compare(x, y) : compare(a, b))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function deriveKey(secret: string, date: string, region: string): Uint8Array {
  return [date, region, "s3", "aws4_request"].reduce<Uint8Array>(
    hmac,
    new TextEncoder().encode(`AWS4${secret}`),
  );
}

/** HMAC-SHA-256. */
export function hmac(key: Uint8Array, text: string): Uint8Array {
  return createHmac("sha256", key).update(text, "utf8").digest();
}

/** SHA-256 of text or bytes, lower-case hex. */
export function sha256Hex(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}
