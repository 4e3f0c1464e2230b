/** What a signed request says of itself, in its Authorization header or its query. */

import { refusal } from "./errors.ts";
import { queryValue, type RequestHead } from "./http.ts";

/** The one algorithm this server takes. */
export const ALGORITHM = "AWS4-HMAC-SHA256";
const MAX_PRESIGNED_SECONDS = 7 * 24 * 3600;

/** What `x-amz-content-sha256` says of the body. */
export type Payload =
  | { readonly kind: "signed"; readonly sha256: string }
  | { readonly kind: "unsigned" }
  /** aws-chunked: each chunk signed or not, checksums in a trailer or not. */
  | { readonly kind: "chunks"; readonly signed: boolean; readonly trailer: boolean };

/** The claims of a request, from its Authorization header or its query. */
export interface Claim {
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
 * Reads what a request claims; nothing of it is believed yet.
 *
 * @throws S3Error for claims that cannot be read
 */
export function readClaim(head: RequestHead): Claim {
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
