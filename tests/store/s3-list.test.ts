/** A listing is whole, or it is an error. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { refused, scripted, xml } from "./s3-scripted.ts";

interface Page {
  readonly keys: readonly string[];
  readonly next?: string;
  readonly truncated?: string;
  readonly more?: string;
}

function page({ keys, next, truncated = String(next !== undefined), more = "" }: Page): Response {
  const contents = keys.map((key) =>
    `<Contents><Key>${key}</Key><LastModified>2024-02-29T12:00:00.000Z</LastModified><Size>7</Size>` +
    "<StorageClass>STANDARD</StorageClass></Contents>"
  );
  const token = next === undefined ? "" : `<NextContinuationToken>${next}</NextContinuationToken>`;
  return xml(
    '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
      `<IsTruncated>${truncated}</IsTruncated>${token}${more}${contents.join("")}</ListBucketResult>`,
  );
}

async function keysOf(...pages: readonly Response[]): Promise<string[]> {
  const { store } = await scripted(pages);
  return (await Array.fromAsync(store.list(""))).map(({ key }) => key);
}

test("a listing goes on for as many pages as there are", async () => {
  const { store, sent } = await scripted([
    page({ keys: ["home/a", "home/b"], next: "t/1+=" }),
    page({ keys: [], next: "t2" }),
    page({ keys: ["home/c"] }),
  ]);
  assert.deepEqual(
    await Array.fromAsync(store.list("")),
    ["a", "b", "c"].map((key) => ({
      key,
      size: 7,
      checksum: undefined,
      modified: Date.UTC(2024, 1, 29, 12),
      availability: { state: "ready" },
      storageClass: "STANDARD",
    })),
  );
  const base = "https://photos.s3.eu-central-1.amazonaws.com/?list-type=2&prefix=home%2F&encoding-type=url";
  assert.deepEqual(sent.map(({ url }) => url), [
    base,
    `${base}&continuation-token=t%2F1%2B%3D`,
    `${base}&continuation-token=t2`,
  ]);
});

test("keys are decoded where the server encoded them, and only there", async () => {
  const encoded = page({
    keys: ["home/a+b%2Bc%25d", "home/%C3%BC"],
    more: "<EncodingType>url</EncodingType>",
  });
  assert.deepEqual(await keysOf(encoded), ["a b+c%d", "ü"]);
  assert.deepEqual(await keysOf(page({ keys: ["home/a+b%2Bc &amp; d"] })), ["a+b%2Bc & d"]);
});

test("objects that other software put there are listed too, the folder's own marker is not", async () => {
  assert.deepEqual(await keysOf(page({ keys: ["home/", "home/sub/", "home/.DS_Store"] })), [
    "sub/",
    ".DS_Store",
  ]);
});

const BROKEN: readonly [string, readonly Response[]][] = [
  ["says that it is cut off, but not where to go on", [page({ keys: ["home/a"], truncated: "true" })]],
  ["says to go on where it began", [
    page({ keys: ["home/a"], next: "x" }),
    page({ keys: ["home/b"], next: "x" }),
  ]],
  ["does not say whether it ends", [page({ keys: ["home/a"], truncated: "" })]],
  ["has fewer keys than it announces", [page({ keys: ["home/a"], more: "<KeyCount>2</KeyCount>" })]],
  ["has keys that were not asked for", [page({ keys: ["elsewhere/a"] })]],
  ["has a key that cannot be decoded", [
    page({ keys: ["home/%zz"], more: "<EncodingType>url</EncodingType>" }),
  ]],
  ["has an object without a size", [
    xml(
      "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>home/a</Key></Contents></ListBucketResult>",
    ),
  ]],
  ["is empty", [xml("")]],
  ["is something else", [xml("<html><body>Please sign in to the hotel network</body></html>")]],
  ["is cut off", [xml("<ListBucketResult><IsTruncated>false</IsTruncated>")]],
  ["is an error in a 200", [xml("<Error><Code>InternalError</Code></Error>")]],
  ["fails on its second page", [page({ keys: ["home/a"], next: "x" }), refused(503, "SlowDown")]],
];

for (const [name, pages] of BROKEN) {
  test(`a listing that ${name} is an error to be tried again`, async () => {
    await assert.rejects(keysOf(...pages), { name: "StoreError", transient: true });
  });
}

test("archived objects are listed as such, and as thawed until their day", async () => {
  const object = (key: string, more: string) =>
    `<Contents><Key>home/${key}</Key><Size>1</Size><StorageClass>DEEP_ARCHIVE</StorageClass>${more}</Contents>`;
  const status = (progress: boolean, expiry = "") =>
    `<RestoreStatus><IsRestoreInProgress>${progress}</IsRestoreInProgress>${expiry}</RestoreStatus>`;
  const expiry = "<RestoreExpiryDate>2024-03-01T00:00:00.000Z</RestoreExpiryDate>";
  const { store, sent } = await scripted([
    xml(
      `<ListBucketResult><IsTruncated>false</IsTruncated>${object("cold", "")}${
        object("on its way", status(true))
      }${object("thawed", status(false, expiry))}</ListBucketResult>`,
    ),
  ]);
  assert.deepEqual((await Array.fromAsync(store.list(""))).map(({ availability }) => availability), [
    { state: "archived" },
    { state: "thawing" },
    { state: "ready", until: Date.UTC(2024, 2, 1) },
  ]);
  assert.equal(sent[0]?.headers.get("x-amz-optional-object-attributes"), "RestoreStatus");
});

test("unfinished uploads are listed page by page, those outside the store left out", async () => {
  const upload = (key: string, id: string) =>
    `<Upload><Key>${key}</Key><UploadId>${id}</UploadId><Initiated>2024-02-29T12:00:00.000Z</Initiated></Upload>`;
  const { store, sent } = await scripted([
    xml(
      "<ListMultipartUploadsResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>" +
        "<NextKeyMarker>home/a+b</NextKeyMarker><NextUploadIdMarker>1</NextUploadIdMarker>" +
        `${upload("home/a+b", "1")}${upload("elsewhere", "2")}</ListMultipartUploadsResult>`,
    ),
    xml(
      "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>" +
        `${upload("home/a b", "3")}</ListMultipartUploadsResult>`,
    ),
  ]);
  const started = Date.UTC(2024, 1, 29, 12);
  assert.deepEqual(await Array.fromAsync(store.listUploads()), [
    { key: "a b", token: "1", started },
    { key: "a b", token: "3", started },
  ]);
  assert.match(sent[1]?.url ?? "", /&key-marker=home%2Fa%20b&upload-id-marker=1$/);
});

test("a resumed upload reads every page of its parts, and counts only what agrees with the receipts", async () => {
  const MIB8 = 8 * 1024 * 1024;
  const part = (number: number, etag: string, size: number, more = "") =>
    `<Part><PartNumber>${number}</PartNumber><ETag>"${etag}"</ETag><Size>${size}</Size>${more}</Part>`;
  const hello = "<ChecksumSHA256>LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=</ChecksumSHA256>";
  const sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
  const { store, sent } = await scripted([
    xml(
      "<ListPartsResult><IsTruncated>true</IsTruncated><NextPartNumberMarker>2</NextPartNumberMarker>" +
        "<ChecksumAlgorithm>SHA256</ChecksumAlgorithm>" +
        `${part(1, "e0", MIB8, hello)}${part(2, "other", MIB8, hello)}</ListPartsResult>`,
    ),
    xml(
      "<ListPartsResult><IsTruncated>false</IsTruncated>" +
        `${part(3, "e2", MIB8 - 1, hello)}${part(4, "e3", MIB8, hello)}${
          part(5, "e4", 5, hello)
        }</ListPartsResult>`,
    ),
  ]);
  const known = [0, 1, 2, 3, 4].map((index) => ({
    index,
    size: index === 4 ? 5 : MIB8,
    sha256: index === 3 ? "0".repeat(64) : sha256,
    tag: `e${index}`,
  }));
  const upload = await store.resumeUpload("v", 4 * MIB8 + 5, "id", known);
  assert.deepEqual(upload?.confirmed.map(({ index }) => index), [0, 4]);
  assert.match(sent[1]?.url ?? "", /part-number-marker=2$/);
});
