import assert from "node:assert/strict";
import { test } from "node:test";
import { ColdframeError, type ErrorCode } from "../../lib/errors.ts";
import { type Accepted, assertPlausible, type Tally } from "../../lib/scan/guard.ts";

const same = { path: "/photos", device: "1", deviceBefore: "1" };
const other = { path: "/photos", device: "2", deviceBefore: "1" };

function verdict(source: typeof same, tally: Partial<Tally>, accepted: Accepted = {}): ErrorCode | "fine" {
  try {
    assertPlausible(source, { known: 100, found: 100, gone: 0, moved: 0, ...tally }, accepted);
    return "fine";
  } catch (error) {
    assert.ok(error instanceof ColdframeError);
    return error.code;
  }
}

for (
  const [what, source, tally, code] of [
    ["nothing gone", same, {}, "fine"],
    ["a first scan of an empty folder", same, { known: 0, found: 0 }, "fine"],
    ["half of the files gone", same, { found: 50, gone: 50 }, "fine"],
    ["more than half gone", same, { found: 49, gone: 51 }, "source-emptied"],
    ["20 of 30 gone", same, { known: 30, found: 10, gone: 20 }, "fine"],
    ["21 of 30 gone", same, { known: 30, found: 9, gone: 21 }, "source-emptied"],
    ["everything gone", same, { found: 0, gone: 100 }, "source-emptied"],
    ["the only file gone, which looks like an empty mount point", same, {
      known: 1,
      found: 0,
      gone: 1,
    }, "source-emptied"],
    ["everything gone but other files there", same, { found: 100, gone: 100 }, "source-emptied"],
    ["everything moved", same, { gone: 100, moved: 100 }, "fine"],
    ["half moved, half gone", same, { found: 50, gone: 100, moved: 50 }, "fine"],
    ["everything unreadable, so nothing known to be gone", same, { found: 0, gone: 0 }, "fine"],
    ["another device with the same files: a stick plugged in again", other, {}, "fine"],
    ["another device with half of the files", other, { found: 50, gone: 50 }, "fine"],
    ["another device without most of the files", other, { found: 49, gone: 51 }, "source-missing"],
    ["another device, and 3 of 5 files gone", other, { known: 5, found: 2, gone: 3 }, "source-missing"],
    ["another device, empty", other, { found: 0, gone: 100 }, "source-missing"],
    ["another device where everything has moved", other, { gone: 100, moved: 100 }, "fine"],
  ] as const
) {
  test(`${what}: ${code}`, () => assert.equal(verdict(source, tally), code));
}

test("at the first scan no device is another one", () => {
  const first = { path: "/photos", device: "1", deviceBefore: undefined };
  assert.doesNotThrow(() => assertPlausible(first, { known: 5, found: 2, gone: 3, moved: 0 }));
});

test("--accept-gone lets an emptied source pass, but not another disk", () => {
  assert.equal(verdict(same, { found: 0, gone: 100 }, { gone: true }), "fine");
  assert.equal(verdict(other, { found: 0, gone: 100 }, { gone: true }), "source-missing");
});

test("--accept-device lets another disk pass, but not an emptied source", () => {
  assert.equal(verdict(other, { found: 0, gone: 100 }, { device: true }), "fine");
  assert.equal(verdict(same, { found: 0, gone: 100 }, { device: true }), "source-emptied");
});

test("the errors say what, where, and which flag lets it pass", () => {
  assert.throws(() => assertPlausible(same, { known: 100, found: 5, gone: 95, moved: 0 }), {
    message: "95 of 100 known files are gone from /photos",
    hint: "Check that its disk is mounted. If you removed them, run again with --accept-gone.",
  });
  assert.throws(() => assertPlausible(same, { known: 100, found: 0, gone: 100, moved: 0 }), {
    message: "/photos is empty, but 100 files are known of it",
  });
  assert.throws(() => assertPlausible(other, { known: 100, found: 0, gone: 100, moved: 0 }), {
    message: "another disk stands at /photos, and 100 of 100 known files are not on it",
    hint: "Mount the right disk. If this is the new home of these files, run again with --accept-device.",
  });
});
