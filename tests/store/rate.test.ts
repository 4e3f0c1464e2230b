/** How fast is sent, by a clock of our own. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { hasCode } from "../../lib/errors.ts";
import { openFile } from "../../lib/store/file.ts";
import { parseRate, rateAt, rateLimited, RateLimiter } from "../../lib/store/rate.ts";
import { pseudoRandom, withFolder } from "../tools.ts";
import { FakeClock } from "./clock.ts";
import { testContext } from "./context.ts";

/** A local time of one winter day, in ms since 1970. */
function at(hour: number, minute = 0, second = 0): number {
  return new Date(2026, 0, 15, hour, minute, second).getTime();
}

test("a rate is bytes per second, with decimal or binary units", () => {
  const rates: [string, number][] = [
    ["500", 500],
    ["500k", 500_000],
    ["500K", 500_000],
    ["1.5M", 1_500_000],
    ["2MB/s", 2_000_000],
    ["2M/s", 2_000_000],
    ["64Ki", 65_536],
    ["1Mi", 1_048_576],
    ["1G", 1_000_000_000],
    ["else 3k", 3000],
    ["unlimited", Infinity],
  ];
  for (const [text, rate] of rates) assert.deepEqual(parseRate(text), { windows: [], otherwise: rate }, text);
});

test("hours of the day have rates of their own", () => {
  assert.deepEqual(parseRate("08:00-18:00 500k, else 2M"), {
    windows: [{ from: 480, to: 1080, rate: 500_000 }],
    otherwise: 2_000_000,
  });
  assert.deepEqual(parseRate("8:30-12:00 0,12:00-24:00 1k"), {
    windows: [{ from: 510, to: 720, rate: 0 }, { from: 720, to: 1440, rate: 1000 }],
    otherwise: Infinity,
  });
});

test("a rate that cannot be understood is refused with an example", () => {
  const bad = [
    "",
    "fast",
    "-5",
    "1X",
    "2M, 3M",
    "08:00 500k",
    "25:00-26:00 1k",
    "08:60-09:00 1k",
    "08:00-08:00 1k",
    "24:00-01:00 1k",
    "08:00-09:00",
    "0",
    "08:00-09:00 0, else 0",
    "constructor",
    "1toString",
  ];
  for (const text of bad) {
    assert.throws(
      () => parseRate(text),
      (error) => hasCode(error, "config") && /2M/.test(error.hint ?? ""),
      text,
    );
  }
});

test("a window begins with its first minute and ends before its last", () => {
  const schedule = parseRate("08:00-18:00 500k, else 2M");
  assert.equal(rateAt(schedule, at(7, 59, 59)), 2_000_000);
  assert.equal(rateAt(schedule, at(8)), 500_000);
  assert.equal(rateAt(schedule, at(17, 59, 59)), 500_000);
  assert.equal(rateAt(schedule, at(18)), 2_000_000);
});

test("a window may cross midnight", () => {
  const schedule = parseRate("22:00-06:00 2M, else 1k");
  assert.equal(rateAt(schedule, at(23)), 2_000_000);
  assert.equal(rateAt(schedule, at(0)), 2_000_000);
  assert.equal(rateAt(schedule, at(5, 59)), 2_000_000);
  assert.equal(rateAt(schedule, at(6)), 1000);
  assert.equal(rateAt(schedule, at(21, 59)), 1000);
});

/** Sends parts by several senders over a line that is `line` bytes/s fast for each; seconds until the debt is paid. */
async function sendAll(text: string, partSize: number, senders: number, count: number, line: number) {
  const clock = new FakeClock(at(12));
  const limiter = new RateLimiter(parseRate(text), clock);
  let left = count;
  await Promise.all(Array.from({ length: senders }, async () => {
    while (left-- > 0) {
      await limiter.acquire(partSize);
      await clock.sleep(partSize / line * 1000);
    }
  }));
  await limiter.acquire(1);
  return (clock.now() - at(12)) / 1000;
}

for (const partSize of [1000, 64 * 1024, 1_000_000, 8 * 1024 * 1024, 64 * 1024 * 1024]) {
  for (const senders of [1, 2, 7]) {
    test(`${senders} senders of ${partSize}-byte parts keep 1 MB/s within 5 %`, async () => {
      const count = Math.max(2 * senders, Math.ceil(10_500_000 / partSize));
      const seconds = await sendAll("1M", partSize, senders, count, 3_000_000);
      const wanted = count * partSize / 1_000_000;
      assert.ok(Math.abs(seconds / wanted - 1) < 0.05, `${seconds} s instead of ${wanted} s`);
    });
  }
}

test("in any ten seconds no more than the rate, the slack and one part are sent", async () => {
  const clock = new FakeClock(at(12));
  const limiter = new RateLimiter(parseRate("1M"), clock);
  const partSize = 200_000;
  const sent: number[] = [];
  await Promise.all(Array.from({ length: 4 }, async () => {
    for (let i = 0; i < 50; i++) {
      await limiter.acquire(partSize);
      sent.push(clock.now());
      await clock.sleep(i % 10 === 0 ? 900 : 50);
    }
  }));
  for (const start of sent) {
    const bytes = sent.filter((time) => time >= start && time < start + 10_000).length * partSize;
    assert.ok(bytes <= 10_000_000 * 1.025 + partSize, `${bytes} bytes`);
  }
});

test("a line slower than the limit is not slowed down", async () => {
  assert.ok(Math.abs(await sendAll("1M", 100_000, 1, 100, 500_000) - 20) < 0.2);
});

test("an idle hour does not become a burst", async () => {
  const clock = new FakeClock(at(12));
  const limiter = new RateLimiter(parseRate("1M"), clock);
  await limiter.acquire(1000);
  clock.set(at(13));
  for (let i = 0; i < 100; i++) await limiter.acquire(100_000);
  assert.ok(clock.now() - at(13) > 9500);
});

test("the rate changes with the hour, also within one debt", async () => {
  const clock = new FakeClock(at(17, 59, 50));
  const limiter = new RateLimiter(parseRate("08:00-18:00 100k, else 1M"), clock);
  await limiter.acquire(6_000_000);
  await limiter.acquire(1);
  // Ten seconds at 100 kB/s pay 1 MB, five at 1 MB/s the rest.
  assert.equal(clock.now(), at(18, 0, 5));
});

test("a pause lasts until its hour ends", async () => {
  const clock = new FakeClock(at(17, 30));
  const limiter = new RateLimiter(parseRate("08:00-18:00 0, else 1M"), clock);
  await limiter.acquire(5);
  assert.equal(clock.now(), at(18));
});

test("without a limit nobody waits", async () => {
  const clock = new FakeClock(at(12));
  const limiter = new RateLimiter(parseRate("unlimited"), clock);
  for (let i = 0; i < 100; i++) await limiter.acquire(1e12);
  assert.ok(clock.now() - at(12) <= 100);
});

test("a clock set forward by fifty years costs neither time nor the limit", async () => {
  const clock = new FakeClock(0);
  const limiter = new RateLimiter(parseRate("1M"), clock);
  await limiter.acquire(1_000_000);
  clock.set(at(12));
  const before = performance.now();
  for (let i = 0; i < 20; i++) await limiter.acquire(1_000_000);
  assert.ok(performance.now() - before < 10_000);
  assert.ok(clock.now() - at(12) >= 18_500);
});

test("a clock set back does not stop the senders for longer than their debt", async () => {
  const clock = new FakeClock(at(12));
  const limiter = new RateLimiter(parseRate("1M"), clock);
  await limiter.acquire(2_000_000);
  clock.set(at(11));
  await limiter.acquire(1);
  assert.ok(clock.now() - at(11) <= 2000);
});

test("waiting ends when the run is stopped, and the next sender still gets its turn", async () => {
  const clock = new FakeClock(at(12));
  const limiter = new RateLimiter(parseRate("1k"), clock);
  const stop = new AbortController();
  await limiter.acquire(60_000);
  const waiting = limiter.acquire(1, stop.signal);
  const next = limiter.acquire(1);
  await Promise.resolve();
  stop.abort(new Error("stopped"));
  await assert.rejects(waiting, /stopped/);
  await next;
  assert.ok(clock.now() >= at(12, 1));
});

test("a limited store pays for puts and parts, once for all its senders", async () => {
  await withFolder(async (folder) => {
    const clock = new FakeClock(at(12));
    const file = await openFile(`file:${folder}/store`, testContext(), { create: true, partSize: 50_000 });
    const limiter = new RateLimiter(parseRate("10k"), clock);
    const store = rateLimited(file, limiter);
    await store.put("staged/a", pseudoRandom(50_000), { kind: "staged" });
    const upload = await store.beginUpload("volumes/v", 150_000, { kind: "volume" });
    const body = pseudoRandom(50_000);
    const receipts = await Promise.all([0, 1].map((i) => upload.send(i, body)));
    const resumed = await store.resumeUpload("volumes/v", 150_000, upload.token, receipts);
    receipts.push(await resumed?.send(2, body) ?? assert.fail("the store forgot the upload"));
    await resumed?.complete(receipts);
    await limiter.acquire(1);
    assert.equal(Math.round((clock.now() - at(12)) / 1000), 20);
    assert.equal((await store.head("volumes/v"))?.size, 150_000);
  });
});
