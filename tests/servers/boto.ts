/** boto3 as an independent judge: a script in Python that fails when what it finds is not what it expects. */

import { spawn, spawnSync } from "node:child_process";
import process from "node:process";
import { test } from "node:test";

/** What a script needs to reach a server. */
export interface BotoTarget {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly bucket: string;
}

/** The Python that has boto3; CI may name one by COLDFRAME_PYTHON. */
export const PYTHON = process.env["COLDFRAME_PYTHON"] ?? "python3";

/** Python starts slowly on a busy machine; Bun would give up after 5 s. */
const TIMEOUT_MS = 120_000;

const PRELUDE = `
import hashlib, io, os, sys, threading
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

BUCKET = os.environ["BUCKET"]

# Checksums that boto3 can make only with awscrt; CI has it (pip install "boto3[crt]").
import botocore.compat
assert botocore.compat.HAS_CRT or os.environ.get("CI") != "true", "awscrt is missing in CI"
CRT_ONLY = ["CRC32C", "CRC64NVME"] if botocore.compat.HAS_CRT else []

def client(**more):
    config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0}, connect_timeout=10, read_timeout=30,
                    **more.pop("config", {}))
    return boto3.client("s3", endpoint_url=os.environ["ENDPOINT"], config=config, **more)

s3 = client()

def python_signer():
    # With awscrt boto3 signs in C, where a test cannot make it lie.
    import botocore.auth
    botocore.auth.AUTH_TYPE_MAPS.update({"v4": botocore.auth.S3SigV4Auth, "s3v4": botocore.auth.S3SigV4Auth})
    return botocore.auth

def set_clock(hours):
    import datetime
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours)
    python_signer().get_current_datetime = lambda *_, **__: now.replace(tzinfo=None)
    global s3
    s3 = client()

def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        found = error.response["Error"]["Code"]
        assert found == code, f"expected {code}, got {error.response}"
        return error.response
    raise AssertionError(f"expected {code}, but it went through")

def same(actual, expected):
    assert actual == expected, f"expected {expected!r}, got {actual!r}"
`;

/** Environment for AWS tools: this server, these keys, nothing of the user's own. */
export function awsEnvironment(target: BotoTarget): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "",
    HOME: "/nonexistent",
    CI: process.env["CI"] ?? "",
    LANG: "C.UTF-8",
    AWS_ACCESS_KEY_ID: target.accessKey,
    AWS_SECRET_ACCESS_KEY: target.secretKey,
    AWS_DEFAULT_REGION: target.region,
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_PAGER: "",
    BUCKET: target.bucket,
    ENDPOINT: target.endpoint,
  };
}

/**
 * Runs a Python script against a server. It finds `s3`, `client(…)`, `refused(code, call, …)`, `same(a, b)`,
 * `set_clock(hours)`, `BUCKET` and `CRT_ONLY`.
 *
 * @throws Error with the script's output when it fails
 */
export async function boto(target: BotoTarget, script: string): Promise<string> {
  return await runWith(PYTHON, ["-"], awsEnvironment(target), PRELUDE + script);
}

/** Runs a program with an environment of its own and text on its standard input; gives its output. */
export async function runWith(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input = "",
): Promise<string> {
  const child = spawn(program, args, { env, stdio: ["pipe", "pipe", "pipe"] });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => output += text);
  child.stderr.setEncoding("utf8").on("data", (text: string) => errors += text);
  child.stdin.end(input);
  const timer = setTimeout(() => child.kill("SIGKILL"), 120_000);
  const code = await new Promise((resolve, reject) => child.on("close", resolve).on("error", reject));
  clearTimeout(timer);
  if (code !== 0) throw new Error(`${program} ended with ${code}:\n${output}\n${errors}`);
  return output;
}

/** A test that needs boto3; left out where it is missing, a failure in CI. */
export function testWithBoto(name: string, body: () => Promise<void>): void {
  if (spawnSync(PYTHON, ["-c", "import boto3"]).status === 0) test(name, { timeout: TIMEOUT_MS }, body);
  else if (process.env["CI"] === "true") {
    test(name, () => Promise.reject(new Error("boto3 is missing in CI")));
  } else test(`${name} (left out: boto3 not installed)`, () => {});
}
