/** Buckets and their settings. */

import { type Answer, bucketOf, type Call, emptyAnswer, header, isoTime, query, xmlAnswer } from "./call.ts";
import { refusal, type S3Code } from "./errors.ts";
import { requestText, requestXml } from "./lookup.ts";
import { newBucket } from "./model.ts";
import { childText, parseXml, type XmlElement } from "./xml.ts";

/** ListBuckets. */
export function listBuckets(call: Call): Answer {
  const names = [...call.state.buckets.keys()].sort();
  const buckets = names.flatMap((name) => call.state.buckets.get(name) ?? []);
  return xmlAnswer("ListAllMyBucketsResult", [
    ["Owner", [["ID", call.state.accessKey], ["DisplayName", call.state.accessKey]]],
    [
      "Buckets",
      buckets.map((bucket) => ["Bucket", [["Name", bucket.name], ["CreationDate", isoTime(bucket.created)]]]),
    ],
  ]);
}

/** CreateBucket. */
export function createBucket(call: Call): Answer {
  const { state, bucketName } = call;
  if (
    !/^(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucketName) || /^\d+(\.\d+){3}$/.test(bucketName)
  ) {
    throw refusal("InvalidBucketName", undefined, { BucketName: bucketName });
  }
  checkLocation(call);
  if (state.buckets.has(bucketName)) {
    throw refusal("BucketAlreadyOwnedByYou", undefined, { BucketName: bucketName });
  }
  const bucket = newBucket(bucketName, state.now());
  if (header(call, "x-amz-bucket-object-lock-enabled")?.toLowerCase() === "true") {
    bucket.objectLock = true;
    bucket.versioning = "Enabled";
  }
  state.buckets.set(bucketName, bucket);
  return emptyAnswer(200, { location: `/${bucketName}` });
}

function checkLocation(call: Call): void {
  const text = requestText(call);
  const document = text === "" ? undefined : parseXml(text, "CreateBucketConfiguration");
  const asked = (document === undefined ? undefined : childText(document, "LocationConstraint")) ?? "";
  const right = call.state.region === "us-east-1" ? "" : call.state.region;
  if (asked !== right) {
    const place = asked === "" ? "unspecified" : asked;
    throw refusal(
      "IllegalLocationConstraintException",
      `The ${place} location constraint is incompatible for the` +
        " region specific endpoint this request was sent to.",
    );
  }
}

/** DeleteBucket. */
export function deleteBucket(call: Call): Answer {
  const bucket = bucketOf(call);
  if (bucket.objects.size > 0 || bucket.uploads.size > 0) throw refusal("BucketNotEmpty");
  call.state.buckets.delete(bucket.name);
  return emptyAnswer(204);
}

/** HeadBucket. */
export function headBucket(call: Call): Answer {
  bucketOf(call);
  return emptyAnswer(200, { "x-amz-bucket-region": call.state.region, "x-amz-access-point-alias": "false" });
}

/** GetBucketLocation: us-east-1 is written as nothing. */
export function getLocation(call: Call): Answer {
  bucketOf(call);
  return xmlAnswer("LocationConstraint", call.state.region === "us-east-1" ? "" : call.state.region);
}

/** GetBucketVersioning: no Status at all where it never was switched on. */
export function getVersioning(call: Call): Answer {
  const { versioning } = bucketOf(call);
  return xmlAnswer("VersioningConfiguration", [["Status", versioning === "" ? undefined : versioning]]);
}

/** PutBucketVersioning. */
export function putVersioning(call: Call): Answer {
  const bucket = bucketOf(call);
  const status = childText(requestXml(call, "VersioningConfiguration"), "Status");
  if (status !== "Enabled" && status !== "Suspended") throw refusal("MalformedXML");
  if (bucket.objectLock && status === "Suspended") {
    throw refusal(
      "InvalidBucketState",
      "An Object Lock configuration is present on this bucket, so the versioning" +
        " state cannot be changed.",
    );
  }
  bucket.versioning = status;
  return emptyAnswer(200);
}

/** GetObjectLockConfiguration. */
export function getLockConfiguration(call: Call): Answer {
  if (call.state.quirks.noObjectLock) throw refusal("NotImplemented");
  const { objectLock, defaultRetention } = bucketOf(call);
  if (!objectLock) throw refusal("ObjectLockConfigurationNotFoundError");
  const rule = defaultRetention === undefined ? undefined : [
    ["DefaultRetention", [["Mode", defaultRetention.mode], ["Days", defaultRetention.days]]] as const,
  ];
  return xmlAnswer("ObjectLockConfiguration", [["ObjectLockEnabled", "Enabled"], ["Rule", rule]]);
}

/** PutObjectLockConfiguration: needs versioning, and cannot be taken back. */
export function putLockConfiguration(call: Call): Answer {
  if (call.state.quirks.noObjectLock) throw refusal("NotImplemented");
  const bucket = bucketOf(call);
  const document = requestXml(call, "ObjectLockConfiguration");
  if (bucket.versioning !== "Enabled") throw refusal("InvalidBucketState");
  const rule = document.children.find((child) => child.name === "Rule");
  bucket.defaultRetention = rule === undefined ? undefined : parseDefault(rule);
  bucket.objectLock = true;
  return emptyAnswer(200);
}

function parseDefault(rule: XmlElement): { mode: "GOVERNANCE" | "COMPLIANCE"; days: number } {
  const retention = rule.children.find((child) => child.name === "DefaultRetention");
  const mode = retention === undefined ? undefined : childText(retention, "Mode");
  const days = Number(retention && childText(retention, "Days")) ||
    365 * Number(retention && childText(retention, "Years"));
  if ((mode !== "GOVERNANCE" && mode !== "COMPLIANCE") || !(days >= 1)) throw refusal("MalformedXML");
  return { mode, days };
}

/** The settings that are kept as the document the client sent, and what is said when there is none. */
const KEPT: Readonly<Record<string, { root: string | undefined; missing: S3Code }>> = {
  lifecycle: { root: "LifecycleConfiguration", missing: "NoSuchLifecycleConfiguration" },
  policy: { root: undefined, missing: "NoSuchBucketPolicy" },
  publicAccessBlock: {
    root: "PublicAccessBlockConfiguration",
    missing: "NoSuchPublicAccessBlockConfiguration",
  },
};

function keptSetting(call: Call): { name: string; root: string | undefined; missing: S3Code } {
  const name = Object.keys(KEPT).find((known) => query(call, known) !== undefined) ?? "";
  const setting = KEPT[name];
  if (setting === undefined) throw refusal("NotImplemented");
  return { name, ...setting };
}

/** GetBucketLifecycleConfiguration, GetBucketPolicy, GetPublicAccessBlock. */
export function getSetting(call: Call): Answer {
  const { name, root, missing } = keptSetting(call);
  const body = bucketOf(call).configs.get(name);
  if (body === undefined) throw refusal(missing);
  const type = root === undefined ? "application/json" : "application/xml";
  return { status: 200, headers: { "content-type": type }, body };
}

/** PutBucketLifecycleConfiguration, PutBucketPolicy, PutPublicAccessBlock: well-formed, else not looked into. */
export function putSetting(call: Call): Answer {
  const { name, root } = keptSetting(call);
  const bucket = bucketOf(call);
  const text = requestText(call);
  if (root === undefined) checkJson(text);
  else parseXml(text, root);
  bucket.configs.set(name, text);
  return emptyAnswer(name === "policy" ? 204 : 200);
}

function checkJson(text: string): void {
  try {
    JSON.parse(text);
  } catch {
    throw refusal("InvalidRequest", "Policies must be valid JSON and the first byte must be '{'");
  }
}

/** DeleteBucketLifecycle, DeleteBucketPolicy. */
export function deleteSetting(call: Call): Answer {
  bucketOf(call).configs.delete(keptSetting(call).name);
  return emptyAnswer(204);
}

/** GetBucketEncryption: since 2023 every bucket encrypts with AES-256. */
export function getEncryption(call: Call): Answer {
  bucketOf(call);
  const algorithm = [["ApplyServerSideEncryptionByDefault", [["SSEAlgorithm", "AES256"]]]] as const;
  return xmlAnswer("ServerSideEncryptionConfiguration", [["Rule", algorithm]]);
}
