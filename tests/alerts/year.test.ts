/**
 * A year in the life of a household, day by day under a clock of the test's own: the jobs that are due are
 * run, things go wrong and are mended, and what people were told is counted at the end.
 *
 * What runs daily by default runs weekly here, to spare time; COLDFRAME_WHOLE_YEAR=1 runs it daily.
 */

import assert from "node:assert/strict";
import { rename, writeFile } from "node:fs/promises";
import process from "node:process";
import { test } from "node:test";
import { openCatalog } from "../../lib/catalog/catalog.ts";
import { latestSuccesses } from "../../lib/catalog/runs.ts";
import { dueJobs } from "../../lib/jobs/due.ts";
import { rhythmsOf } from "../../lib/jobs/rhythms.ts";
import { openHome } from "../../lib/home/home.ts";
import { put } from "../cli/files.ts";
import { type User, withUser } from "../cli/harness.ts";
import { pseudoRandom } from "../tools.ts";
import { withRecorder } from "../servers/recorder.ts";
import type { Told } from "./told.ts";

const DAY = 86_400_000;
/** How often, in days, the frequent jobs run. */
const OFTEN = process.env["COLDFRAME_WHOLE_YEAR"] === "1" ? 1 : 7;
const START = Date.parse("2026-01-01T03:00:00Z");
const ARCHIVE = { archive: "a".repeat(32), opaqueKey: "b".repeat(64) };

/** What is due, by the very list that `watch` goes by. */
async function due(user: User): Promise<string[]> {
  const home = await openHome(user.home);
  if (home === undefined) throw new Error("no home");
  const db = await openCatalog(user.path("home/catalog.db"), ARCHIVE);
  try {
    const last = await latestSuccesses(db, home.box);
    const jobs = dueJobs(rhythmsOf(home.config), last, START, user.clock ?? 0);
    return jobs.filter(({ isDue }) => isDue).map(({ job }) => job);
  } finally {
    db.close();
  }
}

/** How many files of stored volumes were read back to their plain bytes at least once. */
async function restoredFiles(user: User): Promise<[restored: number, all: number]> {
  const db = await openCatalog(user.path("home/catalog.db"), ARCHIVE);
  try {
    const one = (sql: string) => db.first(sql, [], (row) => row.int("n"));
    return [
      await one(
        "SELECT count(DISTINCT content) AS n FROM proofs WHERE level = 'restored' AND content <> 0",
      ) ?? 0,
      await one("SELECT count(*) AS n FROM contents WHERE volume IS NOT NULL") ?? 0,
    ];
  } finally {
    db.close();
  }
}

const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  "sync": ["sync"],
  "check staging": ["check", "staging"],
  "check volumes": ["check", "volumes", "--deep", "--sample", "2"],
  "check sources": ["check", "sources"],
};

const UNPLUGGED = [50, 64] as const;
const REMOVED = [100, 160] as const;

/** What goes wrong, by the day it happens on, from 0. */
const EVENTS: Readonly<Record<number, (user: User) => Promise<unknown>>> = {
  // An external disk is unplugged for a fortnight.
  [UNPLUGGED[0]]: (user) => rename(user.path("Photos"), user.path("Unplugged")),
  [UNPLUGGED[1]]: (user) => rename(user.path("Unplugged"), user.path("Photos")),
  // Somebody moves the volumes away, and brings them back two months later.
  [REMOVED[0]]: (user) => rename(user.path("cold/volumes"), user.path("volumes")),
  [REMOVED[1]]: (user) => rename(user.path("volumes"), user.path("cold/volumes")),
};

/** From the first day to before the last the machine is off. */
const OFF = [200, 230] as const;
const DAYS = 372;

/** A user with a year of photos before them, whose first twelve are in a volume. */
async function begin(user: User): Promise<void> {
  user.clock = START;
  await user.ok("init", "--yes", "--classic", "--cold", `file:${user.path("cold")}`);
  const often = `${OFTEN}d`;
  await writeFile(
    user.path("home/config.toml"),
    `cold = "file:${user.path("cold")}"\nvolume-size = "10M"\n` +
      `[checks]\nsync = "${often}"\nstaging = "${often}"\nsources = "${often}"\nvolumes = "30d"\n`,
  );
  for (let i = 0; i < 12; i++) await put(user, `Photos/old-${i}.jpg`, pseudoRandom(2000, i + 1));
  await user.ok("sync", user.path("Photos"), "--seal");
}

test(
  "a year: the right jobs on the right days, each problem told once and reminded of weekly, twelve digests",
  {
    timeout: 600_000,
  },
  () =>
    withRecorder((hook) =>
      withUser(async (user) => {
        await begin(user);
        user.env = { COLDFRAME_WEBHOOK_URL: hook.url };
        const ran = new Map<string, number[]>();
        const told: { day: number; message: Told }[] = [];
        for (let day = 0; day < DAYS; day++) {
          user.clock = START + day * DAY;
          await EVENTS[day]?.(user);
          if (day >= OFF[0] && day < OFF[1]) continue;
          if (day % 30 === 10) {
            await put(user, `Photos/new-${day}.jpg`, pseudoRandom(1000, 100 + day)).catch(() => {});
          }
          for (const job of await due(user)) {
            const { code } = await user.run(...COMMANDS[job] ?? []);
            if (code !== 1) ran.set(job, [...ran.get(job) ?? [], day]);
            for (const { body } of hook.requests.splice(0)) told.push({ day, message: JSON.parse(body) });
          }
        }
        for (const [job, every] of RHYTHMS) assert.deepEqual(ran.get(job), expectedDays(job, every), job);
        assertTold(told);
        assert.deepEqual(await restoredFiles(user), [12, 12], "samples of two a month covered every file");
      })
    ),
);

const RHYTHMS = [["sync", OFTEN], ["check staging", OFTEN], ["check sources", OFTEN], [
  "check volumes",
  30,
]] as const;

/** A job runs when its time has passed; one that fails is tried again the next day. */
function expectedDays(job: string, every: number): number[] {
  const days: number[] = [];
  let last = job === "sync" ? 0 : -every; // the sync of the first day comes before the year
  for (let day = 0; day < DAYS; day++) {
    const isOff = day >= OFF[0] && day < OFF[1];
    const fails = job === "sync" && day >= UNPLUGGED[0] && day < UNPLUGGED[1];
    if (isOff || fails || day - last < every) continue;
    days.push(day);
    last = day;
  }
  return days;
}

/** The first day from this one on, on which a sync is due; one is, weekly, when its time has come. */
function nextSync(day: number): number {
  return Math.ceil(day / OFTEN) * OFTEN;
}

function assertTold(all: readonly { readonly day: number; readonly message: Told }[]): void {
  const about = ({ problems }: Told) => [...new Set(problems.map(({ kind }) => kind))].join(" ");
  const of = (kind: string) =>
    all.filter(({ message }) => message.kind === kind).map(({ day, message }) => `${day} ${about(message)}`);
  assert.deepEqual(of("opened"), [
    `${nextSync(UNPLUGGED[0])} run-failed`,
    "120 object-missing", // the monthly check that comes after
    "230 job-overdue", // the first run after the silence
  ]);
  assert.deepEqual([...new Set(of("closed"))], [
    "64 run-failed",
    "180 object-missing",
    "230 job-overdue",
  ]);
  const reminders = of("reminder");
  const first = nextSync(UNPLUGGED[0]) + 7;
  const expected = [...(first < UNPLUGGED[1] ? [`${first} run-failed`] : [])];
  for (let day = 127; day < 180; day += 7) expected.push(`${day} object-missing`);
  assert.deepEqual(reminders, expected);
  const digests = all.filter(({ message }) => message.kind === "digest").map(({ message }) => message);
  assert.equal(digests.length, 12);
  assert.equal(new Set(digests.map(({ id }) => id)).size, 12);
  assert.equal(new Set(all.map(({ message }) => message.id)).size, all.length, "no message came twice");
  assert.match(digests[4]?.text ?? "", /^ {2}DAMAGE: volumes\//m, "the digest of June names what is open");
  assert.match(digests[11]?.text ?? "", /^ {2}files in volumes +restored +12 of 12, from 2026-/m);
}
