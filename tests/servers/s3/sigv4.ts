/**
 * AWS Signature Version 4, the server's side, for header and presigned requests.
 *
 * Source: AWS IAM User Guide, "Create a signed AWS API request", and Amazon S3 API Reference, "Authenticating
 * Requests (AWS Signature Version 4)". S3 encodes the path once and does not normalise it.
 */

import { createHash, createHmac } from "node:crypto";
import { toHex } from "../../../lib/bytes.ts";
import { ALGORITHM, type Claim, type Payload, readClaim } from "./claim.ts";
import { refusal, S3Error } from "./errors.ts";
import { type RequestHead, uriEncode } from "./http.ts";

const MAX_SKEW_MS = 15 * 60 * 1000;
/** SHA-256 of nothing, lower-case hex. */
export const EMPTY_SHA256 = createHash("sha256").digest("hex");

/** Who may sign. */
export interface Credentials {
  readonly accessKey: string;
  readonly secretKey: string;
  /** When given, requests must carry it. */
  readonly sessionToken?: string;
}

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
