import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, equal, fromHex, SpareBuffers, toHex } from "../../lib/bytes.ts";

test("hex literals may be spaced for reading", () => {
  assert.equal(toHex(fromHex("00 ff\n 10")), "00ff10");
});

test("half a byte of hex is refused", () => {
  assert.throws(() => fromHex("abc"), RangeError);
});

test("concat keeps the order", () => {
  assert.ok(equal(concat(fromHex("01"), fromHex(""), fromHex("0203")), fromHex("010203")));
});

test("a buffer that was given back is taken again, and never by two at a time", () => {
  const spare = new SpareBuffers(8, 1);
  const [first, second] = [spare.take(), spare.take()];
  assert.notEqual(first, second);
  spare.give(first);
  assert.equal(spare.take(), first);
  assert.notEqual(spare.take(), first);
});

test("buffers beyond those that are kept give their memory back", () => {
  const spare = new SpareBuffers(8, 1);
  const [first, second] = [spare.take(), spare.take()];
  spare.give(first);
  spare.give(second);
  assert.deepEqual([first.length, second.length], [8, 0]);
});
