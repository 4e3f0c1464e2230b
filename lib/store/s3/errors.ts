/**
 * What S3's refusals mean to coldframe: one clear line each, final or worth another try.
 *
 * Source: S3 API Reference, "Error responses"; the codes of Ceph, MinIO, R2 and B2 where they differ.
 */

import { StoreError, type StoreErrorCode } from "../../errors.ts";

/** The S3 operations coldframe uses, and the IAM permission each needs. */
export const PERMISSIONS = {
  ListObjectsV2: "s3:ListBucket",
  HeadObject: "s3:GetObject",
  GetObject: "s3:GetObject",
  PutObject: "s3:PutObject",
  DeleteObject: "s3:DeleteObject",
  RestoreObject: "s3:RestoreObject",
  CreateMultipartUpload: "s3:PutObject",
  UploadPart: "s3:PutObject",
  CompleteMultipartUpload: "s3:PutObject",
  AbortMultipartUpload: "s3:AbortMultipartUpload",
  ListParts: "s3:ListMultipartUploadParts",
  ListMultipartUploads: "s3:ListBucketMultipartUploads",
  GetBucketVersioning: "s3:GetBucketVersioning",
  GetObjectLockConfiguration: "s3:GetBucketObjectLockConfiguration",
  GetLifecycleConfiguration: "s3:GetLifecycleConfiguration",
} as const;

export type Operation = keyof typeof PERMISSIONS;

/** Operations on an unfinished upload, which is missing where the answer says that something is. */
const OF_UPLOADS: readonly Operation[] = [
  "UploadPart",
  "CompleteMultipartUpload",
  "AbortMultipartUpload",
  "ListParts",
];

/** AWS's code for what a server means: Ceph calls a missing upload a missing key. */
export function usualReason(operation: Operation, reason: string): string {
  return reason === "NoSuchKey" && OF_UPLOADS.includes(operation) ? "NoSuchUpload" : reason;
}

/** Everything known about a refusal. Nothing in it is secret. */
export interface Refusal {
  readonly operation: Operation;
  readonly bucket: string;
  /** The object's whole key, where the request had one. */
  readonly key: string | undefined;
  /** HTTP status; 200 for an error sent in the body of a success. */
  readonly status: number;
  /** S3's `<Code>`, or "" when the answer had none (a HEAD, a proxy's page). */
  readonly reason: string;
  /** S3's `<Message>`, or "". */
  readonly message: string;
  /** The region the bucket is in, where the answer tells. */
  readonly region: string | undefined;
  /** The header S3 complains about (`<Header>`), where the answer tells. */
  readonly header: string | undefined;
  /** Whether the request wrote an object lock, which needs one more permission. */
  readonly locked: boolean;
  /** Seconds. */
  readonly retryAfter: number | undefined;
}

/** A refusal by the server; `refusal` keeps what it said. */
export class S3Error extends StoreError {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    const meaning = meaningOf(refusal);
    super(meaning.code, meaning.message, {
      transient: meaning.transient ?? false,
      ...(meaning.hint === undefined ? {} : { hint: meaning.hint }),
      ...(refusal.retryAfter === undefined ? {} : { retryAfter: refusal.retryAfter }),
    });
    this.refusal = refusal;
  }
}

/** True for a refusal with this `<Code>`. */
export function refusedWith(error: unknown, ...reasons: readonly string[]): error is S3Error {
  return error instanceof S3Error && reasons.includes(error.refusal.reason);
}

interface Meaning {
  readonly code: StoreErrorCode;
  readonly message: string;
  readonly hint?: string;
  readonly transient?: boolean;
}

type Rule = (refusal: Refusal) => Meaning;

function meaningOf(refusal: Refusal): Meaning {
  const rule = BY_REASON[refusal.reason] ?? byStatus(refusal.status);
  return rule(refusal);
}

/** What was being done, for the head of a message. */
function subject({ operation, bucket, key }: Refusal): string {
  return `${operation} ${key === undefined ? bucket : `${bucket}/${key}`}`;
}

function said({ status, reason, message }: Refusal): string {
  return [`HTTP ${status}`, reason, message.slice(0, 300)].filter((part) => part !== "").join(", ");
}

const passing: Rule = (refusal) => ({
  code: "store-unreachable",
  message: `${subject(refusal)}: the server could not answer now (${said(refusal)})`,
  transient: true,
});

const strange: Rule = (refusal) => ({
  code: "store-protocol",
  message: `${subject(refusal)}: refused (${said(refusal)})`,
});

const denied: Rule = (refusal) => {
  const permission = PERMISSIONS[refusal.operation];
  const also = refusal.locked ? " and s3:PutObjectRetention" : "";
  // Without s3:ListBucket, S3 answers "denied" where it would otherwise answer "not there".
  const listing = ["HeadObject", "GetObject"].includes(refusal.operation) ? " (and s3:ListBucket)" : "";
  return {
    code: "store-denied",
    message: `${subject(refusal)}: access denied; the permission ${permission}${also}${listing} is missing`,
    hint: "compare the policy of the key in use with what `doctor --policy` prints",
  };
};

const wrongKey: Rule = ({ bucket, reason }) => ({
  code: "store-denied",
  message: reason === "SignatureDoesNotMatch"
    ? `the secret access key for bucket ${bucket} is wrong (SignatureDoesNotMatch)`
    : `the server of bucket ${bucket} does not know this access key (${reason})`,
  hint: "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile in ~/.aws/credentials",
});

const expired: Rule = ({ bucket, reason }) => ({
  code: "store-denied",
  message: `the session token for bucket ${bucket} is no longer good (${reason})`,
  hint: "sign in again, or use a key that does not expire for an unattended box",
});

const wrongRegion: Rule = ({ bucket, region }) => ({
  code: "store-url",
  message: region === undefined
    ? `bucket ${bucket} is in another region`
    : `bucket ${bucket} is in another region: ${region}`,
  hint: `put region=${region ?? "…"} into the store URL`,
});

const corrupted: Rule = (refusal) => ({
  code: "damaged",
  message: `${subject(refusal)}: the bytes changed on the way (${said(refusal)})`,
  transient: true,
});

const full: Rule = (refusal) => ({
  code: "store-full",
  message: `${subject(refusal)}: no space or quota left (${said(refusal)})`,
});

const badSetting: Rule = (refusal) => ({
  code: "store-url",
  message: `${subject(refusal)}: the store cannot do what its URL asks for (${said(refusal)})`,
});

const BY_REASON: Readonly<Record<string, Rule>> = {
  NoSuchBucket: ({ bucket }) => ({
    code: "store-missing",
    message: `there is no bucket ${bucket}`,
    hint: "make it, or check its name, region and endpoint in the store URL",
  }),
  NoSuchKey: ({ bucket, key }) => ({
    code: "object-missing",
    message: `there is no object ${bucket}/${key ?? ""}`,
  }),
  NoSuchUpload: ({ bucket, key }) => ({
    code: "upload-gone",
    message: `the store has forgotten the unfinished upload of ${bucket}/${key ?? ""}`,
  }),
  InvalidPart: ({ bucket, key }) => ({
    code: "upload-gone",
    message: `the store no longer has every part it confirmed of ${bucket}/${key ?? ""}`,
    hint: "the upload has to be aborted and begun again",
  }),
  InvalidObjectState: ({ bucket, key }) => ({
    code: "object-archived",
    message: `${bucket}/${key ?? ""} is archived and must be thawed before it can be read`,
  }),
  PreconditionFailed: ({ bucket, key }) => ({
    code: "object-exists",
    message: `there is already an object ${bucket}/${key ?? ""}`,
  }),
  InvalidRange: (refusal) => ({
    code: "damaged",
    message: `${subject(refusal)}: the object is shorter than the range asked for`,
  }),
  AccessDenied: denied,
  AllAccessDisabled: denied,
  AccountProblem: denied,
  InvalidAccessKeyId: wrongKey,
  SignatureDoesNotMatch: wrongKey,
  ExpiredToken: expired,
  ExpiredTokenException: expired,
  InvalidToken: expired,
  TokenRefreshRequired: expired,
  PermanentRedirect: wrongRegion,
  AuthorizationHeaderMalformed: (refusal) =>
    refusal.region === undefined ? strange(refusal) : wrongRegion(refusal),
  IllegalLocationConstraintException: wrongRegion,
  InvalidBucketName: badSetting,
  InvalidStorageClass: badSetting,
  ObjectLockConfigurationNotFoundError: badSetting,
  BadDigest: corrupted,
  XAmzContentSHA256Mismatch: corrupted,
  XAmzContentChecksumMismatch: corrupted,
  IncompleteBody: corrupted,
  QuotaExceeded: full,
  InsufficientStorage: full,
  InsufficientCapacity: full,
  XMinioStorageFull: full,
  NotEnoughSpace: full,
  InternalError: passing,
  OperationAborted: passing,
  ConditionalRequestConflict: passing,
  RequestTimeout: passing,
  RequestTimeTooSkewed: passing,
  ServiceUnavailable: passing,
  SlowDown: passing,
  SlowDownRead: passing,
  SlowDownWrite: passing,
  Throttling: passing,
  ThrottlingException: passing,
  RequestLimitExceeded: passing,
  TemporaryRedirect: passing,
  NotImplemented: strange,
};

function byStatus(status: number): Rule {
  switch (status) {
    case 301:
      return wrongRegion;
    case 401:
    case 403:
      return denied;
    case 412:
      return BY_REASON["PreconditionFailed"] ?? strange;
    case 416:
      return BY_REASON["InvalidRange"] ?? strange;
    case 507:
      return full;
    case 307:
    case 408:
    case 425:
    case 429:
      return passing;
    case 501:
    case 505:
      return strange;
    default:
      return status >= 500 ? passing : strange;
  }
}
