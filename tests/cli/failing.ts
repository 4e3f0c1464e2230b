/** What every failure of a command must look like, whatever went wrong. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import type { ErrorCode } from "../../lib/errors.ts";
import type { Result, User } from "./harness.ts";

/** How a command must fail. */
export interface Failure {
  readonly code: ErrorCode;
  /** What the user must be able to read in the error's line. */
  readonly says: RegExp;
  /** What the user must be told to do. */
  readonly hint: RegExp;
  /** 1 unless it is wrong usage. */
  readonly exit?: 1 | 2 | 75;
}

/**
 * Runs a command that must fail, three times: for people (one line and a hint, no stack trace), for
 * programs (one JSON object, with the same code) and for developers (with a stack trace).
 */
export async function assertFails(user: User, args: readonly string[], failure: Failure): Promise<void> {
  const exit = failure.exit ?? 1;
  const text = await user.run(...args);
  assert.equal(text.code, exit, text.err);
  assertOneLine(text, failure);
  await assertNoSecret(user, text);

  const json = await user.run(...args, "--json");
  assert.equal(json.code, exit, json.err);
  const lines = json.out.trimEnd().split("\n");
  assert.equal(lines.length, 1, json.out);
  const { error } = JSON.parse(lines[0] ?? "");
  assert.equal(error.code, failure.code);
  assert.match(error.message, failure.says);
  assert.match(error.hint, failure.hint);
  await assertNoSecret(user, json);

  const debug = await user.run(...args, "--debug");
  assert.equal(debug.code, exit);
  assert.match(debug.err, STACK, "--debug shows where the error came from");
  await assertNoSecret(user, debug);
}

const STACK = /\n\s+at .*\.ts/;

/** One line that says what is wrong, one that says what to do, and nothing after them. */
export function assertOneLine({ err }: Result, { says, hint }: Pick<Failure, "says" | "hint">): void {
  const lines = err.trimEnd().split("\n");
  const at = lines.findIndex((line) => line.startsWith("Error: "));
  assert.ok(at >= 0, `an error is said:\n${err}`);
  assert.match(lines[at] ?? "", says);
  assert.match(lines[at + 1] ?? "", /^→ /, `a hint follows:\n${err}`);
  assert.match(lines[at + 1] ?? "", hint);
  assert.equal(lines.length, at + 2, `nothing follows the hint:\n${err}`);
  assert.doesNotMatch(err, STACK);
}

/** Neither the secret key, nor the passphrase, nor the token of the catalog may be in any output. */
export async function assertNoSecret(user: User, { out, err }: Result): Promise<void> {
  const identity = await readFile(user.path("home/keys/identity.txt"), "utf8").catch(() => "");
  const secrets = [
    /^AGE-SECRET-KEY-\S+/m.exec(identity)?.[0],
    user.env["COLDFRAME_PASSPHRASE"],
    user.env["COLDFRAME_CATALOG_TOKEN"],
  ];
  for (const secret of secrets) {
    if (secret !== undefined) assert.ok(!(out + err).includes(secret), "no secret in any output");
  }
  assert.doesNotMatch(out + err, /AGE-SECRET-KEY-(PQ-)?1/);
}
