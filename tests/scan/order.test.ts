import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { byPath } from "../../lib/order.ts";

test("an emoji sorts after U+FF01, as its bytes do and its code units do not", () => {
  assert.ok("\u{1f600}" < "\uff01");
  assert.ok(byPath("\u{1f600}", "\uff01") > 0);
});

test("the order of paths is the order of their UTF-8 bytes", () => {
  const path = fc.string({ unit: "binary" });
  fc.assert(fc.property(path, path, (a, b) => {
    assert.equal(Math.sign(byPath(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)));
  }));
});
