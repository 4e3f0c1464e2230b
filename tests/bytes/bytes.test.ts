import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, equal, fromHex, toHex } from "../../lib/bytes.ts";

test("hex literals may be spaced for reading", () => {
  assert.equal(toHex(fromHex("00 ff\n 10")), "00ff10");
});

test("half a byte of hex is refused", () => {
  assert.throws(() => fromHex("abc"), RangeError);
});

test("concat keeps the order", () => {
  assert.ok(equal(concat(fromHex("01"), fromHex(""), fromHex("0203")), fromHex("010203")));
});
