/**
 * What an administrator sets up once: the permissions of the key on an unattended box, and the settings of
 * the bucket. The box may write what is not there, read, thaw, and remove only staged objects and snapshots;
 * whoever steals its key can neither overwrite nor delete what is stored.
 *
 * Sources: S3 User Guide, "Enforce conditional writes on Amazon S3 buckets", "Required permissions for S3
 * API operations", "S3 Object Lock considerations"; Service Authorization Reference, Amazon S3.
 */

import type { S3Location } from "./url.ts";

/** One statement of an IAM policy. */
export interface PolicyStatement {
  readonly Sid: string;
  readonly Effect: "Allow";
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** An IAM policy, as JSON takes it. */
export interface IamPolicy {
  readonly Version: "2012-10-17";
  readonly Statement: readonly PolicyStatement[];
}

/** A setting of the bucket: why it matters, and the command that makes it. */
export interface BucketSetting {
  readonly name: string;
  readonly why: string;
  /** For a POSIX shell; needs awscli and an administrator's key. */
  readonly command: string;
}

/** What of a store matters here. */
export type PolicyLocation = Pick<S3Location, "bucket" | "prefix" | "region" | "lock">;

/** Folders of a store whose objects come and go. */
const REMOVABLE = ["staged/", "catalog/"];

/** The smallest policy that lets coldframe work on this store and on nothing else. */
export function policyFor(location: PolicyLocation): IamPolicy {
  return {
    Version: "2012-10-17",
    Statement: [
      ...listing(location),
      reading(location),
      ...writing(location),
      {
        Sid: "RemoveStagedAndSnapshots",
        Effect: "Allow",
        Action: ["s3:DeleteObject"],
        Resource: REMOVABLE.map((folder) => objects(location, folder)),
      },
    ],
  };
}

function listing(location: PolicyLocation): readonly PolicyStatement[] {
  const { prefix } = location;
  return [
    {
      Sid: "List",
      Effect: "Allow",
      Action: ["s3:ListBucket"],
      Resource: [bucketArn(location)],
      ...(prefix === "" ? {} : { Condition: { StringLike: { "s3:prefix": `${literal(prefix)}*` } } }),
    },
    {
      // Knows no condition on the prefix.
      Sid: "ListUnfinishedUploads",
      Effect: "Allow",
      Action: ["s3:ListBucketMultipartUploads"],
      Resource: [bucketArn(location)],
    },
  ];
}

function reading(location: PolicyLocation): PolicyStatement {
  return {
    Sid: "ReadAndThaw",
    Effect: "Allow",
    Action: ["s3:GetObject", "s3:RestoreObject"],
    Resource: [objects(location)],
  };
}

/**
 * `s3:PutObject` covers the parts of an upload too, which carry no condition of their own: they are let
 * through by not being what makes an object.
 */
function writing(location: PolicyLocation): readonly PolicyStatement[] {
  const others = ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"];
  const locking = location.lock === undefined ? [] : ["s3:PutObjectRetention"];
  return [
    {
      Sid: "WriteOnlyWhatIsNotThere",
      Effect: "Allow",
      Action: ["s3:PutObject"],
      Resource: [objects(location)],
      Condition: { Null: { "s3:if-none-match": "false" } },
    },
    {
      Sid: "SendParts",
      Effect: "Allow",
      Action: ["s3:PutObject"],
      Resource: [objects(location)],
      Condition: { Bool: { "s3:ObjectCreationOperation": "false" } },
    },
    { Sid: "ManageUploads", Effect: "Allow", Action: [...others, ...locking], Resource: [objects(location)] },
  ];
}

function bucketArn({ bucket, region }: PolicyLocation): string {
  const partition = region?.startsWith("cn-")
    ? "aws-cn"
    : region?.startsWith("us-gov-")
    ? "aws-us-gov"
    : "aws";
  return `arn:${partition}:s3:::${bucket}`;
}

function objects(location: PolicyLocation, folder = ""): string {
  return `${bucketArn(location)}/${literal(location.prefix)}${folder}*`;
}

/** In policies `*` and `?` match anything, and `${…}` is a variable; `${*}` is a star. */
function literal(text: string): string {
  return text.replace(/[*?$]/g, (char) => `\${${char}}`);
}

/** What the bucket itself should be set to, each with the command that does it. */
export function bucketSettings(location: PolicyLocation): readonly BucketSetting[] {
  const versioning: BucketSetting = {
    name: "versioning",
    why: "a deleted or overwritten object can be brought back",
    command: command(location, "put-bucket-versioning", "--versioning-configuration", "Status=Enabled"),
  };
  const lock: BucketSetting = {
    name: "object lock",
    why: "volumes cannot be deleted before their time, not even with the box's key (needs versioning)",
    command: command(
      location,
      "put-object-lock-configuration",
      "--object-lock-configuration",
      "ObjectLockEnabled=Enabled",
    ),
  };
  return [
    versioning,
    ...(location.lock === undefined ? [] : [lock]),
    {
      name: "no public access",
      why: "nobody else ever reads the bucket, whatever other settings say",
      command: command(
        location,
        "put-public-access-block",
        "--public-access-block-configuration",
        "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true",
      ),
    },
    {
      name: "lifecycle",
      why:
        "unfinished uploads and old versions of staged objects and snapshots stop costing money, and old snapshots cost less",
      command: command(
        location,
        "put-bucket-lifecycle-configuration",
        "--lifecycle-configuration",
        JSON.stringify(lifecycleFor(location)),
      ),
    },
  ];
}

/** An upload may pause this long: longer than any holiday, shorter than a year of paying for its parts. */
const ABORT_DAYS = 30;
/** A removed snapshot or staged object can be brought back for so long. */
const KEEP_DAYS = 30;

/** A snapshot of so many days is hardly read any more; in this class it still can be, at once. */
const MOVE_DAYS = 90;

/** The lifecycle configuration of the bucket, as S3 takes it. */
export function lifecycleFor({ prefix }: PolicyLocation): Readonly<Record<string, unknown>> {
  return {
    Rules: [
      {
        ID: "coldframe-abort-unfinished-uploads",
        Status: "Enabled",
        Filter: { Prefix: prefix },
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: ABORT_DAYS },
      },
      ...REMOVABLE.map((folder) => ({
        ID: `coldframe-forget-removed-${folder.slice(0, -1)}`,
        Status: "Enabled",
        Filter: { Prefix: `${prefix}${folder}` },
        NoncurrentVersionExpiration: { NoncurrentDays: KEEP_DAYS },
        Expiration: { ExpiredObjectDeleteMarker: true },
      })),
      // Moved and never expired: where nothing changes for years, no newer snapshot is taken.
      {
        ID: "coldframe-old-snapshots",
        Status: "Enabled",
        Filter: { Prefix: `${prefix}catalog/` },
        Transitions: [{ Days: MOVE_DAYS, StorageClass: "GLACIER_IR" }],
      },
    ],
  };
}

function command({ bucket }: PolicyLocation, verb: string, option: string, value: string): string {
  return `aws s3api ${verb} --bucket ${quote(bucket)} ${option} ${quote(value)}`;
}

function quote(text: string): string {
  return /^[\w.,:=/-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
