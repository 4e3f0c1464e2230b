/** Which S3 URLs are understood, and what is said of the others. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { StoreError } from "../../lib/errors.ts";
import { addressOf } from "../../lib/store/s3/address.ts";
import { parseEndpoint, parseS3Url } from "../../lib/store/s3/url.ts";

test("a URL with everything is read", () => {
  const url = "s3://my-bucket/family/photos/?region=eu-central-1&endpoint=https://s3.example.net:9000/" +
    "&class=deep_archive&lock=365d&lock-mode=compliance&checksum=crc64nvme&style=virtual&profile=nas";
  assert.deepEqual(parseS3Url(url), {
    bucket: "my-bucket",
    prefix: "family/photos/",
    region: "eu-central-1",
    endpoint: "https://s3.example.net:9000",
    storageClass: "DEEP_ARCHIVE",
    lock: { mode: "COMPLIANCE", days: 365 },
    checksum: "crc64nvme",
    style: "virtual",
    profile: "nas",
  });
});

test("a URL with nothing but a bucket has the defaults", () => {
  assert.deepEqual(parseS3Url("s3://my-bucket"), {
    bucket: "my-bucket",
    prefix: "",
    region: undefined,
    endpoint: undefined,
    storageClass: "STANDARD",
    lock: undefined,
    checksum: "sha256",
    style: undefined,
    profile: undefined,
  });
});

const PREFIXES: readonly [string, string][] = [
  ["s3://b-1", ""],
  ["s3://b-1/", ""],
  ["s3://b-1/a", "a/"],
  ["s3://b-1//a//b/", "a/b/"],
  ["s3://b-1/Unsere%20Fotos", "Unsere Fotos/"],
  ["s3://b-1/Grüße", "Grüße/"],
  ["s3://b-1/100%25", "100%/"],
  ["s3://b-1/a+b", "a+b/"],
];

for (const [url, prefix] of PREFIXES) {
  test(`${url} has the prefix "${prefix}"`, () => assert.equal(parseS3Url(url).prefix, prefix));
}

const LOCKS: readonly [string, number][] = [["1d", 1], ["365d", 365], ["10y", 3650], ["100y", 36_500]];

for (const [text, days] of LOCKS) {
  test(`lock=${text} is ${days} days, and an administrator may lift it`, () => {
    assert.deepEqual(parseS3Url(`s3://b-1?lock=${text}`).lock, { mode: "GOVERNANCE", days });
  });
}

const WRONG: readonly [string, RegExp][] = [
  ["s3://", /bucket is missing/],
  ["s3:bucket", /bucket is missing/],
  ["s3://a_/x", /not a bucket name/],
  ["s3://a..b/x", /not a bucket name/],
  ["s3://b-1?clas=DEEP_ARCHIVE", /no parameter "clas"/],
  ["s3://b-1?class=DEEP_ARCHIV", /class=DEEP_ARCHIV is not known/],
  ["s3://b-1?class=", /"class" is empty/],
  ["s3://b-1?region=a&region=b", /"region" is given twice/],
  ["s3://b-1?lock=365", /lock=365 is not understood/],
  ["s3://b-1?lock=0d", /lock=0d is not understood/],
  ["s3://b-1?lock=101y", /lock=101y is not understood/],
  ["s3://b-1?lock-mode=governance", /lock-mode needs lock/],
  ["s3://b-1?checksum=md5", /checksum=md5 is not known/],
  ["s3://b-1?endpoint=s3.example.net", /must begin with https/],
  ["s3://b-1?endpoint=ftp://s3.example.net", /must begin with https/],
  ["s3://b-1/a%2Gb", /two hex digits/],
  ["s3://b-1/a/%2e%2e/%2e%2e%2fb", /cannot have \. or \.\./],
  ["s3://b-1:9000/a", /without a port/],
  ["s3://b-1/a#b", /without a port or #/],
];

for (const [url, message] of WRONG) {
  test(`${url} is refused with the reason`, () => {
    assert.throws(() => parseS3Url(url), (error) => {
      assert.ok(error instanceof StoreError && error.code === "store-url" && !error.transient);
      assert.match(error.message, message);
      return true;
    });
  });
}

test("a secret in a URL is refused and not repeated", () => {
  for (
    const url of ["s3://AKIAX:hush-hush@b-1/a", "s3://b-1?endpoint=https://AKIAX:hush-hush@s3.example.net"]
  ) {
    assert.throws(() => parseS3Url(url), (error) => {
      assert.ok(error instanceof StoreError);
      assert.doesNotMatch(`${error.message} ${error.hint}`, /hush|AKIAX/);
      return true;
    });
  }
});

test("an endpoint loses its closing slash and keeps its path", () => {
  assert.equal(parseEndpoint("http://nas.local:3900/"), "http://nas.local:3900");
  assert.equal(parseEndpoint("https://gate.example/s3/"), "https://gate.example/s3");
});

const ADDRESSES: readonly [string, string | undefined, "path" | "virtual" | undefined, string][] = [
  ["photos", undefined, undefined, "https://photos.s3.eu-west-1.amazonaws.com/a/b?x=1"],
  ["my.photos", undefined, undefined, "https://s3.eu-west-1.amazonaws.com/my.photos/a/b?x=1"],
  ["photos", undefined, "path", "https://s3.eu-west-1.amazonaws.com/photos/a/b?x=1"],
  ["photos", "http://127.0.0.1:9000", undefined, "http://127.0.0.1:9000/photos/a/b?x=1"],
  ["photos", "https://gate.example/s3", undefined, "https://gate.example/s3/photos/a/b?x=1"],
  ["photos", "https://oss.example", "virtual", "https://photos.oss.example/a/b?x=1"],
];

for (const [bucket, endpoint, style, url] of ADDRESSES) {
  test(`bucket ${bucket} at ${endpoint ?? "AWS"} (${style ?? "usual"} style) is at ${url}`, () => {
    assert.equal(addressOf(bucket, "eu-west-1", endpoint, style).url("a/b", { x: "1" }), url);
  });
}

test("China has its own domain", () => {
  assert.match(
    addressOf("photos", "cn-north-1", undefined, undefined).url("a", {}),
    /\.amazonaws\.com\.cn\/a$/,
  );
});

test("every character of a key that is not unreserved is percent-encoded", () => {
  const key = "a b+c%d/e?f#g&h=i!j'k(l)m*n~o/ü.jpg";
  const encoded = "a%20b%2Bc%25d/e%3Ff%23g%26h%3Di%21j%27k%28l%29m%2An~o/%C3%BC.jpg";
  assert.equal(addressOf("b", "r", "http://h", undefined).url(key, {}), `http://h/b/${encoded}`);
});
