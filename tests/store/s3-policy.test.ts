/** What the policy of an unattended box allows, and what it does not. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { bucketSettings, lifecycleFor, policyFor } from "../../lib/store/s3/policy.ts";
import { parseS3Url } from "../../lib/store/s3/url.ts";

const LOCATION = parseS3Url("s3://photos/home?region=eu-central-1");

test("the policy of a store is this one, word for word", () => {
  assert.deepEqual(policyFor(LOCATION), {
    Version: "2012-10-17",
    Statement: [
      {
        Sid: "List",
        Effect: "Allow",
        Action: ["s3:ListBucket"],
        Resource: ["arn:aws:s3:::photos"],
        Condition: { StringLike: { "s3:prefix": "home/*" } },
      },
      {
        Sid: "ListUnfinishedUploads",
        Effect: "Allow",
        Action: ["s3:ListBucketMultipartUploads"],
        Resource: ["arn:aws:s3:::photos"],
      },
      {
        Sid: "ReadAndThaw",
        Effect: "Allow",
        Action: ["s3:GetObject", "s3:RestoreObject"],
        Resource: ["arn:aws:s3:::photos/home/*"],
      },
      {
        Sid: "WriteOnlyWhatIsNotThere",
        Effect: "Allow",
        Action: ["s3:PutObject"],
        Resource: ["arn:aws:s3:::photos/home/*"],
        Condition: { Null: { "s3:if-none-match": "false" } },
      },
      {
        Sid: "SendParts",
        Effect: "Allow",
        Action: ["s3:PutObject"],
        Resource: ["arn:aws:s3:::photos/home/*"],
        Condition: { Bool: { "s3:ObjectCreationOperation": "false" } },
      },
      {
        Sid: "ManageUploads",
        Effect: "Allow",
        Action: ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
        Resource: ["arn:aws:s3:::photos/home/*"],
      },
      {
        Sid: "RemoveStagedAndSnapshots",
        Effect: "Allow",
        Action: ["s3:DeleteObject"],
        Resource: ["arn:aws:s3:::photos/home/staged/*", "arn:aws:s3:::photos/home/catalog/*"],
      },
    ],
  });
});

test("a lock adds the permission to set it, and none to take it away", () => {
  const text = JSON.stringify(policyFor(parseS3Url("s3://photos?region=eu-central-1&lock=365d")));
  assert.match(text, /"s3:PutObjectRetention"/);
  assert.doesNotMatch(text, /Bypass|DeleteObjectVersion|PutBucket/);
});

test("a star in the prefix stands for itself", () => {
  const text = JSON.stringify(policyFor(parseS3Url("s3://photos/a*?region=eu-central-1")));
  assert.match(text, /photos\/a\$\{\*\}\/\*/);
});

test("other partitions have their own names", () => {
  const arn = (region: string) =>
    policyFor(parseS3Url(`s3://photos?region=${region}`)).Statement[0]?.Resource[0];
  assert.equal(arn("cn-north-1"), "arn:aws-cn:s3:::photos");
  assert.equal(arn("us-gov-west-1"), "arn:aws-us-gov:s3:::photos");
});

test("the bucket's settings come with their commands, quoted for a shell", () => {
  const commands = bucketSettings(parseS3Url("s3://photos/it's?lock=1y")).map(({ command }) => command);
  assert.deepEqual(commands.slice(0, 2), [
    "aws s3api put-bucket-versioning --bucket photos --versioning-configuration Status=Enabled",
    "aws s3api put-object-lock-configuration --bucket photos" +
    " --object-lock-configuration ObjectLockEnabled=Enabled",
  ]);
  assert.match(commands.at(-1) ?? "", /"Prefix":"it'\\''s\/staged\/"/);
});

test("the lifecycle never touches volumes", () => {
  const text = JSON.stringify(lifecycleFor(LOCATION));
  assert.doesNotMatch(text, /volumes/);
  assert.match(text, /"DaysAfterInitiation":30/);
});

test("the lifecycle removes no object that is there, and moves only snapshots, to a class that can be read", () => {
  const { Rules: rules } = lifecycleFor(LOCATION);
  assert.ok(Array.isArray(rules));
  assert.doesNotMatch(JSON.stringify(rules), /"Expiration":\{"(Days|Date)"/);
  const moving = rules.filter((rule) => "Transitions" in rule);
  assert.deepEqual(moving, [{
    ID: "coldframe-old-snapshots",
    Status: "Enabled",
    Filter: { Prefix: "home/catalog/" },
    Transitions: [{ Days: 90, StorageClass: "GLACIER_IR" }],
  }]);
});
