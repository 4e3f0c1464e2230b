/** The strict S3 server before judges that know nothing of us: boto3, awscli, rclone. */

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { equal } from "../../lib/bytes.ts";
import { pseudoRandom, testWith, withFolder } from "../tools.ts";
import { awsEnvironment, boto, type BotoTarget, runWith, testWithBoto } from "./boto.ts";
import { type S3Options, type S3Server, withS3 } from "./s3/server.ts";
import { GLACIER, ONE_WINNER, REFUSALS, ROUND_TRIP, UNKNOWN_KEY } from "./scripts.ts";

const BUCKET = "judged";

/** Runs `body` with a server, and fails when the server itself had a bug meanwhile. */
async function judged(
  body: (target: BotoTarget, server: S3Server) => Promise<void>,
  options: S3Options = {},
): Promise<void> {
  await withS3({ buckets: [BUCKET], ...options }, async (server) => {
    const { url: endpoint, region, accessKey, secretKey } = server;
    await body({ endpoint, region, accessKey, secretKey, bucket: BUCKET }, server);
    assert.deepEqual(server.crashes, []);
  });
}

function botoTest(name: string, script: string, options: S3Options = {}): void {
  testWithBoto(`boto3: ${name}`, () => judged(async (target) => void await boto(target, script), options));
}

botoTest("put, get, range, list and parts", ROUND_TRIP);
botoTest("a conditional write has one winner of twelve", ONE_WINNER);
botoTest("a wrong secret, body hash and clock are refused", REFUSALS);
botoTest("an unknown key is refused", UNKNOWN_KEY);
botoTest("an archived object is thawed before it is read", GLACIER);

botoTest(
  "each checksum algorithm is verified, kept and comes back",
  `
body = os.urandom(100_000)
for name in ["SHA256", "SHA1", "CRC32"] + CRT_ONLY:
    field = "Checksum" + name
    put = s3.put_object(Bucket=BUCKET, Key=name, Body=body, ChecksumAlgorithm=name)
    same(put["ChecksumType"], "FULL_OBJECT")
    got = s3.get_object(Bucket=BUCKET, Key=name, ChecksumMode="ENABLED")
    same((got["Body"].read(), got[field]), (body, put[field]))
    wrong = dict(put)[field]
    refused("BadDigest", s3.put_object, Bucket=BUCKET, Key="bad", Body=body + b"x", **{field: wrong})
    assert field not in s3.head_object(Bucket=BUCKET, Key=name), "shown without being asked for"
`,
);

botoTest(
  "a CRC over the whole is the same for one PUT and for parts; composite checksums end in the count",
  `
body = os.urandom(11 << 20)
pieces = [body[:5 << 20], body[5 << 20:10 << 20], body[10 << 20:]]
def upload(name, kind):
    field = "Checksum" + name
    begun = s3.create_multipart_upload(Bucket=BUCKET, Key="k", ChecksumAlgorithm=name, ChecksumType=kind)
    where = dict(Bucket=BUCKET, Key="k", UploadId=begun["UploadId"])
    parts = []
    for number, piece in enumerate(pieces, 1):
        sent = s3.upload_part(**where, PartNumber=number, Body=piece, ChecksumAlgorithm=name)
        parts.append({"PartNumber": number, "ETag": sent["ETag"], field: sent[field]})
    finish = dict(**where, MultipartUpload={"Parts": parts})
    if kind == "FULL_OBJECT":
        refused("BadDigest", s3.complete_multipart_upload, **finish, ChecksumType=kind, **{field: parts[0][field]})
        refused("InvalidRequest", s3.complete_multipart_upload, **finish, MpuObjectSize=len(body) - 1)
        finish[field] = wholes[name]
    return s3.complete_multipart_upload(**finish, MpuObjectSize=len(body))
wholes = {}
for name in ["CRC32"] + CRT_ONLY:
    whole = s3.put_object(Bucket=BUCKET, Key="whole", Body=body, ChecksumAlgorithm=name)
    wholes[name] = whole["Checksum" + name]
    same(upload(name, "FULL_OBJECT")["Checksum" + name], whole["Checksum" + name])
import base64
done = upload("SHA256", "COMPOSITE")
digest = hashlib.sha256(b"".join(hashlib.sha256(p).digest() for p in pieces)).digest()
same(done["ChecksumSHA256"], base64.b64encode(digest).decode() + "-3")
etag = hashlib.md5(b"".join(hashlib.md5(p).digest() for p in pieces)).hexdigest()
same(done["ETag"], f'"{etag}-3"')
parts = s3.get_object_attributes(Bucket=BUCKET, Key="k", ObjectAttributes=["ObjectParts", "Checksum", "ObjectSize"])
same([p["Size"] for p in parts["ObjectParts"]["Parts"]], [len(p) for p in pieces])
same(parts["ObjectSize"], len(body))
`,
);

testWithBoto(
  "boto3: 2,500 keys with odd names come back over three pages, by prefix and by delimiter",
  () =>
    judged(async (target, server) => {
      for (let n = 0; n < 2490; n++) server.addObject(BUCKET, `plain/${n}`, new Uint8Array());
      await boto(
        target,
        `
odd = ["a b", "ä+ö", "&<>'\\"", "%25", "日本", "🐘", "\\uffee", "x\\ny", "~"]
for name in odd: s3.put_object(Bucket=BUCKET, Key="odd/" + name, Body=b"")
s3.put_object(Bucket=BUCKET, Key="top", Body=b"")
names = ["odd/" + name for name in odd] + ["top"] + ["plain/%d" % n for n in range(2490)]
names.sort(key=lambda name: name.encode())
pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET))
same([item["Key"] for page in pages for item in page["Contents"]], names)
same(len(pages), 3)
same([item["Key"] for page in s3.get_paginator("list_objects").paginate(Bucket=BUCKET) for item in page["Contents"]], names)
top = s3.list_objects_v2(Bucket=BUCKET, Delimiter="/")
same([p["Prefix"] for p in top["CommonPrefixes"]], ["odd/", "plain/"])
same([o["Key"] for o in top["Contents"]], ["top"])
found = s3.list_objects_v2(Bucket=BUCKET, Prefix="odd/")["Contents"]
same(len(found), len(odd))
for item in found: s3.get_object(Bucket=BUCKET, Key=item["Key"])
`,
      );
    }),
);

botoTest(
  "versions, delete markers and a lock that holds",
  `
s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True,
                 CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name})
import datetime
until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
put = s3.put_object(Bucket="locked", Key="k", Body=b"1", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until)
refused("AccessDenied", s3.delete_object, Bucket="locked", Key="k", VersionId=put["VersionId"])
gone = s3.delete_object(Bucket="locked", Key="k")
assert gone["DeleteMarker"]
refused("NoSuchKey", s3.get_object, Bucket="locked", Key="k")
same(s3.get_object(Bucket="locked", Key="k", VersionId=put["VersionId"])["Body"].read(), b"1")
versions = s3.list_object_versions(Bucket="locked")
same((len(versions["Versions"]), len(versions["DeleteMarkers"])), (1, 1))
s3.delete_object(Bucket="locked", Key="k", VersionId=gone["VersionId"])
same(s3.get_object(Bucket="locked", Key="k")["Body"].read(), b"1")
refused("InvalidRequest", s3.put_object, Bucket=BUCKET, Key="k", Body=b"", ObjectLockMode="COMPLIANCE",
        ObjectLockRetainUntilDate=until)
`,
);

botoTest(
  "a presigned URL reads, until it expires",
  `
import urllib.request, urllib.error, time
s3.put_object(Bucket=BUCKET, Key="a b", Body=b"hello")
signer = client(config={"signature_version": "s3v4"})
url = signer.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "a b"}, ExpiresIn=1)
same(urllib.request.urlopen(url).read(), b"hello")
def status(url):
    try: return urllib.request.urlopen(url).status
    except urllib.error.HTTPError as error: return error.code
same(status(url.replace("a%20b", "a%20c")), 403)
time.sleep(2.1)
same(status(url), 403)
`,
);

botoTest(
  "a session token must be there and right",
  `
from botocore.session import Session
key, secret = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
def with_token(token): return client(aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token)
with_token("right").put_object(Bucket=BUCKET, Key="k", Body=b"")
refused("InvalidToken", with_token("wrong").put_object, Bucket=BUCKET, Key="k", Body=b"")
refused("InvalidToken", s3.put_object, Bucket=BUCKET, Key="k", Body=b"")
`,
  { sessionToken: "right" },
);

testWithBoto(
  "boto3: a restore is pending, then readable, then cold again, by the server's clock",
  () =>
    judged(async (target, server) => {
      const hour = 3600 * 1000;
      await boto(
        target,
        `s3.put_object(Bucket=BUCKET, Key="k", Body=b"brr", StorageClass="GLACIER")
s3.restore_object(Bucket=BUCKET, Key="k", RestoreRequest={"Days": 1, "GlacierJobParameters": {"Tier": "Standard"}})
refused("RestoreAlreadyInProgress", s3.restore_object, Bucket=BUCKET, Key="k", RestoreRequest={"Days": 1})`,
      );
      server.advance(5 * hour - 60_000);
      await boto(
        target,
        `set_clock(5)
refused("InvalidObjectState", s3.get_object, Bucket=BUCKET, Key="k")`,
      );
      server.advance(2 * 60_000);
      await boto(
        target,
        `set_clock(5)
same(s3.get_object(Bucket=BUCKET, Key="k")["Body"].read(), b"brr")
assert 'ongoing-request="false", expiry-date="' in s3.head_object(Bucket=BUCKET, Key="k")["Restore"]`,
      );
      server.advance(49 * hour);
      await boto(
        target,
        `set_clock(54)
refused("InvalidObjectState", s3.get_object, Bucket=BUCKET, Key="k")`,
      );
    }),
);

testWith(
  ["aws"],
  "awscli: copies small and large files both ways, and lists them",
  () =>
    judged(async (target, server) =>
      await withFolder(async (folder) => {
        const aws = (...args: string[]) =>
          runWith("aws", ["--endpoint-url", target.endpoint, ...args], awsEnvironment(target));
        const [small, large] = [pseudoRandom(1000, 1), pseudoRandom(20_000_001, 2)];
        await writeFile(join(folder, "small"), small);
        await writeFile(join(folder, "large"), large);
        await aws(
          "s3",
          "cp",
          folder,
          `s3://${BUCKET}/up`,
          "--recursive",
          "--no-progress",
          "--storage-class",
          "STANDARD_IA",
        );
        assert.ok(equal(server.bytes(BUCKET, "up/large"), large));
        assert.equal(server.object(BUCKET, "up/large")?.multipart, true);
        assert.equal(server.object(BUCKET, "up/small")?.storageClass, "STANDARD_IA");
        assert.match(await aws("s3", "ls", `s3://${BUCKET}/up/`), /1000 small/);
        await aws("s3", "cp", `s3://${BUCKET}/up/large`, join(folder, "back"), "--no-progress");
        assert.ok(equal(await readFile(join(folder, "back")), large));
      })
    ),
);

testWith(
  ["rclone"],
  "rclone: copies a folder, checks it, and deletes nothing it should not",
  () =>
    judged(async (target, server) =>
      await withFolder(async (folder) => {
        const rclone = (...args: string[]) => runWith("rclone", args, rcloneEnvironment(target, folder));
        const large = pseudoRandom(12_000_000, 3);
        await writeFile(join(folder, "large file"), large);
        await writeFile(join(folder, "ünïcode+&"), "text");
        await rclone(
          "copy",
          folder,
          `r:${BUCKET}/dir`,
          "--exclude",
          "rclone.conf",
          "--s3-upload-cutoff",
          "5Mi",
        );
        assert.ok(equal(server.bytes(BUCKET, "dir/large file"), large));
        await rclone("check", folder, `r:${BUCKET}/dir`, "--exclude", "rclone.conf", "--download");
        assert.equal((await rclone("lsf", `r:${BUCKET}/dir`)).trim().split("\n").length, 2);
        await rclone("deletefile", `r:${BUCKET}/dir/ünïcode+&`);
        assert.equal(server.object(BUCKET, "dir/ünïcode+&"), undefined);
      })
    ),
);

function rcloneEnvironment(target: BotoTarget, folder: string): Record<string, string> {
  return {
    ...awsEnvironment(target),
    RCLONE_CONFIG: join(folder, "rclone.conf"),
    RCLONE_CONFIG_R_TYPE: "s3",
    // The provider whose one peculiarity is that buckets stand in the path.
    RCLONE_CONFIG_R_PROVIDER: "Minio",
    RCLONE_CONFIG_R_ENV_AUTH: "true",
    RCLONE_CONFIG_R_ENDPOINT: target.endpoint,
    RCLONE_CONFIG_R_REGION: target.region,
    RCLONE_RETRIES: "1",
    RCLONE_LOW_LEVEL_RETRIES: "1",
  };
}
