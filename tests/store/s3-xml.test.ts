/** The XML of S3's answers. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { childrenOf, escapeXml, parseXml, textOf } from "../../lib/store/s3/xml.ts";

test("elements, text and prefixes are read; declarations, comments and attributes passed over", () => {
  const root = parseXml(
    '\uFEFF<?xml version="1.0"?>\n<!-- a > b --><s3:List xmlns:s3="http://x/" a=\'1\'><K>a</K><K/><K >b</K ></s3:List>\n',
  );
  assert.equal(root.name, "List");
  assert.deepEqual(childrenOf(root, "K").map(({ text }) => text), ["a", "", "b"]);
});

const TEXTS: readonly [string, string][] = [
  ["a&amp;b", "a&b"],
  ["&lt;&gt;&quot;&apos;", "<>\"'"],
  ["&#65;&#x42;&#x1F4F7;", "AB📷"],
  ["&amp;lt;", "&lt;"],
  ["<![CDATA[a & <b> ]] &amp;]]>", "a & <b> ]] &amp;"],
  ["a<![CDATA[b]]>c<!-- x -->d", "abcd"],
  [" spaces \n kept ", " spaces \n kept "],
];

for (const [source, text] of TEXTS) {
  test(`the text ${JSON.stringify(source)} is ${JSON.stringify(text)}`, () => {
    assert.equal(textOf(parseXml(`<r><t>${source}</t></r>`), "t"), text);
  });
}

const BROKEN = [
  "",
  "hello",
  "<a>",
  "<a><b></a>",
  "<a></b>",
  "<a></a></a>",
  "<a/><b/>",
  "<a/>rest",
  "<a>&nbsp;</a>",
  "<a>&amp</a>",
  "<a>&#x110000;</a>",
  "<a b=c/>",
  "<a",
  "<a><![CDATA[x</a>",
  "<!DOCTYPE a><a/>",
];

for (const source of BROKEN) {
  test(`${JSON.stringify(source)} is refused`, () => {
    assert.throws(() => parseXml(source), SyntaxError);
  });
}

test("any text survives being escaped and read", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => {
    assert.equal(parseXml(`<t>${escapeXml(text)}</t>`).text, text);
  }));
});

test("a listing cut anywhere is never a listing", () => {
  const whole = "<L><IsTruncated>false</IsTruncated><C><Key>a&amp;b</Key></C><C><Key>c</Key></C></L>";
  for (let end = 0; end < whole.length; end++) {
    assert.throws(() => parseXml(whole.slice(0, end)), SyntaxError, whole.slice(0, end));
  }
});

test("a page of a thousand keys with the longest names is read in no time", () => {
  const key = "k".repeat(1024);
  const source = `<L>${`<C><Key>${key}</Key><Size>1</Size></C>`.repeat(1000)}</L>`;
  const started = performance.now();
  assert.equal(childrenOf(parseXml(source), "C").length, 1000);
  assert.ok(performance.now() - started < 5_000);
});
