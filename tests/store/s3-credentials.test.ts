/** Where credentials, region and endpoint come from, in which order. */

import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { StoreError } from "../../lib/errors.ts";
import { loadAws } from "../../lib/store/aws/credentials.ts";
import { parseIni } from "../../lib/store/aws/ini.ts";
import { withFolder } from "../tools.ts";

const CREDENTIALS = `
[default]
aws_access_key_id = AKIADEFAULT
aws_secret_access_key = secret=of/default+
[nas]
aws_access_key_id=AKIANAS
aws_secret_access_key=secretOfNas
aws_session_token=tokenOfNas
`;

const CONFIG = `
# a comment
[default]
region = eu-west-1
endpoint_url = https://default.example
[profile   nas]
region = garage ; of the house
services = house
[services house]
dynamodb =
  endpoint_url = https://not-this.example
s3 =
  endpoint_url = http://nas.local:3900
  addressing_style = path
[profile corp]
sso_session = corp
region = us-east-1
`;

/** A home folder with both files. */
async function withHome(body: (env: Record<string, string>) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    await mkdir(join(folder, ".aws"));
    await writeFile(join(folder, ".aws", "credentials"), CREDENTIALS);
    await writeFile(join(folder, ".aws", "config"), CONFIG);
    await body({ HOME: folder });
  });
}

test("without a word the profile `default` is used", () =>
  withHome(async (env) => {
    assert.deepEqual(await loadAws(env), {
      credentials: {
        accessKeyId: "AKIADEFAULT",
        secretAccessKey: "secret=of/default+",
        sessionToken: undefined,
      },
      region: "eu-west-1",
      endpoint: "https://default.example",
    });
  }));

test("AWS_PROFILE chooses another profile, with its token, region and endpoint", () =>
  withHome(async (env) => {
    assert.deepEqual(await loadAws({ ...env, AWS_PROFILE: "nas" }), {
      credentials: { accessKeyId: "AKIANAS", secretAccessKey: "secretOfNas", sessionToken: "tokenOfNas" },
      region: "garage",
      endpoint: "http://nas.local:3900",
    });
  }));

test("keys in the environment come before those of a profile", () =>
  withHome(async (env) => {
    const keys = { AWS_ACCESS_KEY_ID: "AKIAENV", AWS_SECRET_ACCESS_KEY: "s", AWS_SESSION_TOKEN: "t" };
    const { credentials, region } = await loadAws({ ...env, ...keys, AWS_PROFILE: "nas" });
    assert.deepEqual(credentials, { accessKeyId: "AKIAENV", secretAccessKey: "s", sessionToken: "t" });
    assert.equal(region, "garage");
  }));

test("a profile named in the URL comes before keys in the environment", () =>
  withHome(async (env) => {
    const keys = { AWS_ACCESS_KEY_ID: "AKIAENV", AWS_SECRET_ACCESS_KEY: "s" };
    assert.equal((await loadAws({ ...env, ...keys }, "nas")).credentials.accessKeyId, "AKIANAS");
  }));

test("region and endpoint in the environment come before those of the profile", () =>
  withHome(async (env) => {
    const { region, endpoint } = await loadAws({
      ...env,
      AWS_DEFAULT_REGION: "second",
      AWS_REGION: "first",
      AWS_ENDPOINT_URL: "https://all.example",
      AWS_ENDPOINT_URL_S3: "https://s3.example",
    });
    assert.equal(region, "first");
    assert.equal(endpoint, "https://s3.example");
    const ignoring = await loadAws({ ...env, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "true" });
    assert.equal(ignoring.endpoint, undefined);
  }));

test("the files may be elsewhere", () =>
  withFolder(async (folder) => {
    const [a, b] = [join(folder, "keys"), join(folder, "settings")];
    await writeFile(a, "[default]\r\naws_access_key_id = A\r\naws_secret_access_key = S\r\n");
    await writeFile(b, "[default]\nregion = there\n");
    const env = { HOME: "/nowhere", AWS_SHARED_CREDENTIALS_FILE: a, AWS_CONFIG_FILE: b };
    const { credentials, region } = await loadAws(env);
    assert.equal(credentials.secretAccessKey, "S");
    assert.equal(region, "there");
  }));

async function refusal(promise: Promise<unknown>): Promise<StoreError> {
  const error = await promise.then(() => undefined, (reason: unknown) => reason);
  assert.ok(error instanceof StoreError && error.code === "store-denied" && !error.transient, String(error));
  return error;
}

test("where there are none, the error says where it looked", async () => {
  const { message, hint } = await refusal(loadAws({ HOME: "/nowhere" }));
  assert.match(message, /not in the environment, and no profile "default" .*\/nowhere\/\.aws\/credentials/);
  assert.match(hint ?? "", /AWS_ACCESS_KEY_ID/);
});

test("half of a key in the environment is an error, not a reason to look elsewhere", () =>
  withHome(async (env) => {
    const { message } = await refusal(loadAws({ ...env, AWS_ACCESS_KEY_ID: "AKIAENV" }));
    assert.match(message, /AWS_SECRET_ACCESS_KEY is not set/);
  }));

test("a profile that signs in elsewhere is named, with the command that helps", () =>
  withHome(async (env) => {
    const { message, hint } = await refusal(loadAws({ ...env, AWS_PROFILE: "corp" }));
    assert.match(message, /profile "corp" gets its keys by sso_session/);
    assert.match(hint ?? "", /export-credentials --profile corp/);
  }));

test("lines without a meaning and comments are passed over", () => {
  const file = parseIni("stray = 1\n; no\n[ a ]\nx = 1 # one\n  nested\ny=2;3\nnothing\n[a]\nz = 3\n");
  assert.deepEqual(new Map(file.get("a")), new Map([["x", "1"], ["y", "2;3"], ["z", "3"]]));
});
