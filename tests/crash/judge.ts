/**
 * What must be true after the last run of a round, whatever was killed before. Asked of the stores from
 * outside, and of the catalog in plain SQL.
 */

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { connect, type Database } from "../../lib/catalog/database.ts";
import { integrityProblems } from "../../lib/catalog/catalog.ts";
import { manifestKey, stagedKey } from "../../lib/jobs/object-keys.ts";
import type { User } from "../cli/harness.ts";
import { type Contents, contentsBelow } from "./source.ts";
import type { Standing, StoreEvent, Tier } from "./tier.ts";

/** A source as it was when a run that ended well was over. */
export interface Moment {
  /** ms since 1970; undefined for now. */
  readonly at: number | undefined;
  readonly contents: Contents;
}

/** What is judged. */
export interface Case {
  readonly user: User;
  readonly staging: Tier;
  readonly cold: Tier;
  readonly moments: readonly Moment[];
}

/** Everything that is not as it must be. */
export async function judge(round: Case): Promise<string[]> {
  const tiers = [...new Set([round.staging, round.cold])];
  const db = connect(join(round.user.home, "catalog.db"));
  try {
    return [
      ...await integrityProblems(db),
      ...await foreignKeyProblems(db),
      ...await catalogAgainstStores(db, round),
      ...(await Promise.all(tiers.map(storeProblems))).flat(),
      ...await orderProblems(db, tiers),
      ...await homeProblems(round.user.home),
      ...await restoreProblems(round),
    ];
  } finally {
    db.close();
  }
}

async function foreignKeyProblems(db: Database): Promise<string[]> {
  return await db.all(
    "PRAGMA foreign_key_check",
    [],
    (row) => `a row of ${row.text("table")} points nowhere`,
  );
}

/** An object as the catalog or a store knows it. */
type Sizes = ReadonlyMap<string, number>;

async function catalogAgainstStores(db: Database, { staging, cold }: Case): Promise<string[]> {
  const objectsOf = async (sql: string): Promise<Sizes> =>
    new Map(await db.all(sql, [], (row) => [row.text("key"), row.int("size")] as const));
  const volumes = await objectsOf("SELECT key, object_size AS size FROM volumes WHERE state = 'stored'");
  const names = await db.all(
    "SELECT name FROM volumes WHERE state = 'stored'",
    [],
    (row) => row.text("name"),
  );
  const staged = await objectsOf("SELECT key, size FROM staged");
  const snapshotsIn = (scheme: string) =>
    objectsOf(`SELECT key, size FROM snapshots WHERE store LIKE '${scheme}:%'`);
  const left = await db.all(
    `SELECT 'volume ' || name || ' is ' || state AS what FROM volumes WHERE state <> 'stored'
      UNION ALL SELECT 'the upload of ' || key || ' is in the catalog' FROM uploads
      UNION ALL SELECT 'a part of upload ' || upload || ' is in the catalog' FROM upload_parts
      UNION ALL SELECT 'a path has no content in any store: ' || path FROM versions v JOIN contents c ON c.id = v.content
                 WHERE v.ended IS NULL AND c.volume IS NULL
                   AND NOT EXISTS (SELECT 1 FROM staged g WHERE g.content = c.id)`,
    [],
    (row) => `left over: ${row.text("what")}`,
  );
  const inCold = (await cold.objects()).standing;
  const inStaging = (await staging.objects()).standing;
  return [
    ...left,
    ...differences("volumes/", volumes, inCold),
    ...differences("manifests/", new Map(names.map((name) => [manifestKey(name), undefined])), inCold),
    ...differences("staged/", staged, inStaging),
    // A snapshot that its run could not note any more stays for a recovery to find: the other way is no fault.
    ...differences("", await snapshotsIn(schemeOf(staging)), inStaging).filter(isMissing),
    ...differences("", await snapshotsIn(schemeOf(cold)), inCold).filter(isMissing),
  ];
}

function schemeOf({ url }: Tier): string {
  return url.slice(0, url.indexOf(":"));
}

function isMissing(problem: string): boolean {
  return !problem.startsWith("unknown");
}

/** @param expected sizes by key; undefined where the catalog keeps none */
function differences(
  prefix: string,
  expected: ReadonlyMap<string, number | undefined>,
  there: ReadonlyMap<string, Standing>,
): string[] {
  const problems: string[] = [];
  for (const [key, size] of expected) {
    const found = there.get(key);
    if (found === undefined) problems.push(`missing: ${key} is in the catalog, but not in its store`);
    else if (size !== undefined && found.size !== size) {
      problems.push(`${key} has ${found.size} bytes, not ${size}`);
    }
  }
  for (const key of there.keys()) {
    if (key.startsWith(prefix) && !expected.has(key)) {
      problems.push(`unknown: ${key} is in its store, but not in the catalog`);
    }
  }
  return problems;
}

async function storeProblems(tier: Tier): Promise<string[]> {
  const { twice } = await tier.objects();
  const changed = (await tier.events()).filter(({ kind, key }) =>
    kind === "replaced" || kind === "removed" && !/^(staged|catalog)\//.test(key)
  );
  return [
    ...twice.map((key) => `${key} is twice in its store`),
    ...changed.map(({ kind, key }) => `${key} was ${kind}`),
    ...(await tier.unfinished()).map((key) =>
      `an unfinished upload was left in the ${tier.kind} store: ${key}`
    ),
    ...tier.faults().map((error) => `the test's own server failed: ${error}`),
  ];
}

/** Nothing may leave staging before its volume, its manifest and a snapshot that knows of them are stored. */
async function orderProblems(db: Database, tiers: readonly Tier[]): Promise<string[]> {
  const events = (await Promise.all(tiers.map((tier) => tier.events()))).flat().sort((a, b) => a.at - b.at);
  const opaqueKey = await db.first(
    "SELECT value FROM meta WHERE key = 'opaqueKey'",
    [],
    (row) => row.text("value"),
  );
  const volumeOf = new Map(
    await db.all(
      "SELECT c.sha256, p.name, p.key FROM contents c JOIN volumes p ON p.id = c.volume",
      [],
      (row) =>
        [stagedKey(opaqueKey ?? "", row.text("sha256")), [
          row.text("key"),
          manifestKey(row.text("name")),
        ]] as const,
    ),
  );
  return events.flatMap((event, i) => {
    if (event.kind !== "removed" || !event.key.startsWith("staged/")) return [];
    if (events.slice(i).some(({ kind, key }) => kind === "written" && key === event.key)) return []; // made way
    return isKeptBefore(events.slice(0, i), volumeOf.get(event.key))
      ? []
      : [`${event.key} was removed before its volume, its manifest and a snapshot were stored`];
  });
}

function isKeptBefore(events: readonly StoreEvent[], needed: readonly string[] | undefined): boolean {
  if (needed === undefined) return false;
  const written = needed.map((key) =>
    events.findIndex((event) => event.kind === "written" && event.key === key)
  );
  const last = Math.max(...written);
  return !written.includes(-1) &&
    events.slice(last).some(({ kind, key }) => kind === "written" && key.startsWith("catalog/"));
}

/** What a home holds between runs. Bun leaves SQLite's own two files, the first of them empty. */
const IN_HOME = /^(box|catalog\.db(-wal|-shm)?|config\.toml|lock\.db|keys|google|store|tmp)$/;

async function homeProblems(home: string): Promise<string[]> {
  const strange = (await readdir(home)).filter((name) => !IN_HOME.test(name));
  const scratch = await readdir(join(home, "tmp")).catch(() => []);
  return [...strange, ...scratch].map((name) => `left in the home: ${name}`);
}

async function restoreProblems({ user, moments }: Case): Promise<string[]> {
  const problems: string[] = [];
  for (const [i, { at, contents }] of moments.entries()) {
    const out = user.path(`out-${i}`);
    const then = at === undefined ? [] : ["--at", new Date(at).toISOString()];
    const { code, err } = await user.run("restore", "**", "--to", out, ...then);
    if (code !== 0) problems.push(`restore ended with ${code}: ${err.trim()}`);
    const back = await contentsBelow(join(out, "Photos")).catch((): Contents => ({}));
    for (const path of new Set([...Object.keys(contents), ...Object.keys(back)])) {
      if (back[path] === contents[path]) continue;
      const what = back[path] === undefined
        ? "was not restored"
        : contents[path] === undefined
        ? "came from nowhere"
        : "came back wrong";
      problems.push(`${path}${at === undefined ? "" : ` of an earlier run`} ${what}`);
    }
  }
  return problems;
}
