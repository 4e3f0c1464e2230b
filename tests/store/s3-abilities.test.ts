/** How a server's abilities are found out. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Abilities, type Use } from "../../lib/store/s3/abilities.ts";
import { S3Error } from "../../lib/store/s3/errors.ts";

function refusal(status: number, reason: string, message = "", header?: string): S3Error {
  return new S3Error({
    operation: "PutObject",
    bucket: "photos",
    key: "a",
    status,
    reason,
    message,
    region: undefined,
    header,
    locked: false,
    retryAfter: undefined,
  });
}

interface Tried {
  readonly abilities: Abilities;
  readonly uses: Use[];
  readonly warnings: string[];
  readonly result: unknown;
}

/** Negotiates with a server that answers each use like this. */
async function negotiate(
  answer: (use: Use) => unknown,
  checksum: "sha256" | "crc64nvme" = "sha256",
): Promise<Tried> {
  const warnings: string[] = [];
  const uses: Use[] = [];
  const abilities = new Abilities(checksum, false, (message) => void warnings.push(message));
  const result = await abilities.negotiate((use) => {
    uses.push(use);
    const outcome = answer(use);
    return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome);
  }).catch((error: unknown) => error);
  return { abilities, uses, warnings, result };
}

const short = (uses: readonly Use[]) =>
  uses.map((use) => `${use.checksum}${use.conditional ? " if-none" : ""}`);

test("a server that knows everything is asked once", async () => {
  const { uses, result } = await negotiate(() => "done");
  assert.deepEqual(short(uses), ["sha256 if-none"]);
  assert.equal(result, "done");
});

const VAGUE = "A header you provided implies functionality that is not implemented";

test("where the refusal names no header, checksums are given up before protection from overwriting", async () => {
  const { uses, abilities, warnings } = await negotiate(({ checksum }) =>
    checksum === "md5" ? "done" : refusal(501, "NotImplemented", VAGUE)
  );
  assert.deepEqual(short(uses), ["sha256 if-none", "md5 if-none"]);
  assert.deepEqual(abilities.use, { checksum: "md5", conditional: true });
  assert.deepEqual(warnings, []);
});

test("checksums are kept where only the condition is unknown", async () => {
  const { uses, abilities, warnings } = await negotiate(({ conditional }) =>
    conditional ? refusal(501, "NotImplemented", VAGUE) : "done"
  );
  assert.deepEqual(short(uses), ["sha256 if-none", "md5 if-none", "sha256"]);
  assert.deepEqual(abilities.use, { checksum: "sha256", conditional: false });
  assert.equal(warnings.length, 1);
});

test("a header that is named is the one given up", async () => {
  const named = await negotiate(({ conditional }) =>
    conditional ? refusal(501, "NotImplemented", VAGUE, "If-None-Match") : "done"
  );
  assert.deepEqual(short(named.uses), ["sha256 if-none", "sha256"]);
  const b2 = await negotiate(({ checksum }) =>
    checksum === "md5" ? "done" : refusal(
      400,
      "InvalidArgument",
      "Unsupported header 'x-amz-checksum-sha256' received for this API call.",
    )
  );
  assert.deepEqual(short(b2.uses), ["sha256 if-none", "md5 if-none"]);
});

test("any other refusal is final at once", async () => {
  for (
    const error of [
      refusal(403, "AccessDenied"),
      refusal(400, "InvalidRequest", "Missing lock"),
      new Error("x"),
    ]
  ) {
    const { uses, result } = await negotiate(() => error);
    assert.equal(uses.length, 1);
    assert.equal(result, error);
  }
});

test("a server that refuses everything gets the first refusal reported, and nothing is learnt", async () => {
  const errors: Error[] = [];
  const { abilities, result, uses } = await negotiate(() => {
    errors.push(refusal(501, "NotImplemented", VAGUE));
    return errors.at(-1);
  });
  assert.equal(uses.length, 4);
  assert.equal(result, errors[0]);
  assert.deepEqual(abilities.use, { checksum: "sha256", conditional: true });
});

test("losing the CRC-64 the user asked for is said", async () => {
  const { warnings } = await negotiate(
    ({ checksum }) => checksum === "md5" ? "done" : refusal(501, "NotImplemented", VAGUE),
    "crc64nvme",
  );
  assert.match(warnings[0] ?? "", /no CRC-64\/NVME/);
});

test("a request goes on when another has learnt the same in the meantime", async () => {
  const abilities = new Abilities("sha256", true, () => {});
  const late = Promise.withResolvers<void>();
  const attempt = (wait: Promise<void>) => async ({ checksum }: Use) => {
    if (checksum === "md5") return "done";
    await wait;
    throw refusal(501, "NotImplemented", "x-amz-checksum-sha256");
  };
  const slow = abilities.negotiate(attempt(late.promise));
  assert.equal(await abilities.negotiate(attempt(Promise.resolve())), "done");
  late.resolve();
  assert.equal(await slow, "done");
});
