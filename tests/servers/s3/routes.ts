/** Which S3 operation a request is, and which IAM action it needs. */

import { refusal } from "./errors.ts";
import { queryValue, type RequestHead } from "./http.ts";

/** Every operation this server has, with the IAM action that allows it (Service Authorization Reference, S3). */
export const OPERATIONS = {
  ListBuckets: "s3:ListAllMyBuckets",
  CreateBucket: "s3:CreateBucket",
  DeleteBucket: "s3:DeleteBucket",
  HeadBucket: "s3:ListBucket",
  GetBucketLocation: "s3:GetBucketLocation",
  GetBucketVersioning: "s3:GetBucketVersioning",
  PutBucketVersioning: "s3:PutBucketVersioning",
  GetObjectLockConfiguration: "s3:GetBucketObjectLockConfiguration",
  PutObjectLockConfiguration: "s3:PutBucketObjectLockConfiguration",
  GetBucketLifecycleConfiguration: "s3:GetLifecycleConfiguration",
  PutBucketLifecycleConfiguration: "s3:PutLifecycleConfiguration",
  DeleteBucketLifecycle: "s3:PutLifecycleConfiguration",
  GetBucketPolicy: "s3:GetBucketPolicy",
  PutBucketPolicy: "s3:PutBucketPolicy",
  DeleteBucketPolicy: "s3:DeleteBucketPolicy",
  GetPublicAccessBlock: "s3:GetBucketPublicAccessBlock",
  PutPublicAccessBlock: "s3:PutBucketPublicAccessBlock",
  GetBucketEncryption: "s3:GetEncryptionConfiguration",
  ListObjects: "s3:ListBucket",
  ListObjectsV2: "s3:ListBucket",
  ListObjectVersions: "s3:ListBucketVersions",
  ListMultipartUploads: "s3:ListBucketMultipartUploads",
  DeleteObjects: "s3:DeleteObject",
  PutObject: "s3:PutObject",
  CopyObject: "s3:PutObject",
  GetObject: "s3:GetObject",
  HeadObject: "s3:GetObject",
  GetObjectAttributes: "s3:GetObjectAttributes",
  DeleteObject: "s3:DeleteObject",
  GetObjectRetention: "s3:GetObjectRetention",
  PutObjectRetention: "s3:PutObjectRetention",
  GetObjectLegalHold: "s3:GetObjectLegalHold",
  PutObjectLegalHold: "s3:PutObjectLegalHold",
  RestoreObject: "s3:RestoreObject",
  CreateMultipartUpload: "s3:PutObject",
  UploadPart: "s3:PutObject",
  CompleteMultipartUpload: "s3:PutObject",
  AbortMultipartUpload: "s3:AbortMultipartUpload",
  ListParts: "s3:ListMultipartUploadParts",
} as const;

export type Operation = keyof typeof OPERATIONS;

/** Method and subresource; "" is a request without one. The longer names come first where two can be present. */
type Table = Readonly<Record<string, Operation>>;

const BUCKET: Table = {
  "GET location": "GetBucketLocation",
  "GET versioning": "GetBucketVersioning",
  "PUT versioning": "PutBucketVersioning",
  "GET object-lock": "GetObjectLockConfiguration",
  "PUT object-lock": "PutObjectLockConfiguration",
  "GET lifecycle": "GetBucketLifecycleConfiguration",
  "PUT lifecycle": "PutBucketLifecycleConfiguration",
  "DELETE lifecycle": "DeleteBucketLifecycle",
  "GET policy": "GetBucketPolicy",
  "PUT policy": "PutBucketPolicy",
  "DELETE policy": "DeleteBucketPolicy",
  "GET publicAccessBlock": "GetPublicAccessBlock",
  "PUT publicAccessBlock": "PutPublicAccessBlock",
  "GET encryption": "GetBucketEncryption",
  "GET uploads": "ListMultipartUploads",
  "GET versions": "ListObjectVersions",
  "GET list-type": "ListObjectsV2",
  "GET ": "ListObjects",
  "PUT ": "CreateBucket",
  "DELETE ": "DeleteBucket",
  "HEAD ": "HeadBucket",
  "POST delete": "DeleteObjects",
};

const OBJECT: Table = {
  "GET uploadId": "ListParts",
  "GET attributes": "GetObjectAttributes",
  "GET retention": "GetObjectRetention",
  "GET legal-hold": "GetObjectLegalHold",
  "GET ": "GetObject",
  "HEAD ": "HeadObject",
  "PUT uploadId": "UploadPart",
  "PUT retention": "PutObjectRetention",
  "PUT legal-hold": "PutObjectLegalHold",
  "PUT ": "PutObject",
  "POST uploads": "CreateMultipartUpload",
  "POST uploadId": "CompleteMultipartUpload",
  "POST restore": "RestoreObject",
  "DELETE uploadId": "AbortMultipartUpload",
  "DELETE ": "DeleteObject",
};

/** Query names that choose an operation in S3; those this server lacks must not fall through to another one. */
const SUBRESOURCES = new Set([
  ...Object.keys(BUCKET).map((name) => name.split(" ")[1] ?? ""),
  ...Object.keys(OBJECT).map((name) => name.split(" ")[1] ?? ""),
  ...[
    "acl",
    "tagging",
    "cors",
    "website",
    "logging",
    "notification",
    "replication",
    "requestPayment",
    "accelerate",
  ],
  ...["analytics", "inventory", "metrics", "ownershipControls", "select", "intelligent-tiering", "torrent"],
]);

/** Where a request points. */
export interface Target {
  readonly operation: Operation;
  readonly bucket: string;
  readonly key: string;
  /** The number of a part, from 1; undefined where the request names none. */
  readonly part: number | undefined;
}

/**
 * Finds bucket, key and operation. `<bucket>.localhost` and `<bucket>.<domain>` are virtual-hosted buckets;
 * everything else is path-style.
 *
 * @throws S3Error MethodNotAllowed, NotImplemented for what S3 has and this server has not
 */
export function route(head: RequestHead, options: { listV1Only: boolean; domain: string }): Target {
  const { bucket, key } = locate(head, options.domain);
  const number = queryValue(head, "partNumber");
  const part = number === undefined ? undefined : Number(number);
  return { bucket, key, part, operation: findOperation(head, bucket, key, options.listV1Only) };
}

function locate(head: RequestHead, domain: string): { bucket: string; key: string } {
  const host = (head.headers.get("host") ?? "").replace(/:\d+$/, "");
  const virtual = [domain, "localhost"].find((known) => host.endsWith(`.${known}`));
  if (virtual !== undefined) return { bucket: host.slice(0, -virtual.length - 1), key: head.path.slice(1) };
  const slash = head.path.indexOf("/", 1);
  if (slash < 0) return { bucket: head.path.slice(1), key: "" };
  return { bucket: head.path.slice(1, slash), key: head.path.slice(slash + 1) };
}

function findOperation(head: RequestHead, bucket: string, key: string, listV1Only: boolean): Operation {
  if (bucket === "") {
    if (head.method === "GET") return "ListBuckets";
    throw refusal("MethodNotAllowed");
  }
  const names = head.query.map(([name]) => name).filter((name) => SUBRESOURCES.has(name));
  const subresource = names.find((name) => !(listV1Only && name === "list-type")) ?? "";
  if (subresource === "list-type" && queryValue(head, "list-type") !== "2") {
    throw refusal("InvalidArgument", "Invalid List Type", { ArgumentName: "list-type" });
  }
  const found = (key === "" ? BUCKET : OBJECT)[`${head.method} ${subresource}`];
  if (found === undefined) throw refusal(subresource === "" ? "MethodNotAllowed" : "NotImplemented");
  return withCopySource(head, found);
}

function withCopySource(head: RequestHead, operation: Operation): Operation {
  if (!head.headers.has("x-amz-copy-source")) return operation;
  if (operation === "PutObject") return "CopyObject";
  throw refusal("NotImplemented", undefined, { Header: "x-amz-copy-source" });
}
