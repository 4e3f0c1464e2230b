import assert from "node:assert/strict";
import { test } from "node:test";
import { Pace } from "../../lib/pace.ts";

function work(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

test("synchronous work gives way to timers and signals, but not at every turn", async () => {
  const pace = new Pace();
  let fired = false;
  const timer = setTimeout(() => fired = true, 0);
  await pace.rest();
  assert.equal(fired, false);
  for (let i = 0; i < 20 && !fired; i++) {
    work(25);
    assert.equal(pace.due, true);
    await pace.rest();
  }
  clearTimeout(timer);
  assert.equal(fired, true);
});

test("an abort is thrown at the next rest, with its reason", async () => {
  const abort = new AbortController();
  const pace = new Pace(abort.signal);
  await pace.rest();
  abort.abort(new Error("Ctrl-C"));
  await assert.rejects(pace.rest(), /Ctrl-C/);
});
