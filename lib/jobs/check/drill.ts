/** `check --drill`: some files, taken by chance, restored through the whole path and compared with the source. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DrillFile, drillFiles } from "../../catalog/drill.ts";
import { type Finding, type Found, openFindings, settleFindings } from "../../catalog/findings.ts";
import { noteRun } from "../../catalog/runs.ts";
import { listVolumes } from "../../catalog/volumes.ts";
import { type ColdframeError, SourceChangedError } from "../../errors.ts";
import { absolutePath, ContentReader } from "../content-reader.ts";
import type { PlaintextKeys } from "../restore/plaintext.ts";
import type { RestorePlan } from "../restore/plan.ts";
import { restore } from "../restore/restore.ts";
import { sleep } from "../../store/sleep.ts";
import type { Session } from "../session.ts";
import { listAll } from "./objects.ts";

/** The name in `runs`, and the scope of the findings. */
export const DRILL = "check drill";

/** What became of a file. */
export interface DrilledFile {
  /** `<source name>/<path>`. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /**
   * `same`: restored, and the same as in its folder. `restored`: restored and right by its SHA-256, but there
   * is no unchanged file in a folder of this machine to compare it with. `failed`: it did not come back.
   */
  readonly outcome: "same" | "restored" | "failed";
  readonly reason: string | undefined;
}

/** What a drill came to. */
export interface DrillReport {
  readonly files: readonly DrilledFile[];
  /** Ms it took to bring them back. */
  readonly took: number;
  readonly findings: readonly Finding[];
}

/** How to drill. */
export interface DrillOptions {
  /** How many files. */
  readonly count: number;
  readonly keys: PlaintextKeys;
  /** Gives numbers from 0 to below 1. */
  random(): number;
}

/**
 * Restores files into a folder of its own, which is removed again.
 *
 * @throws ColdframeError as `restore` does when nothing at all comes back
 */
export async function drill(session: Session, options: DrillOptions): Promise<DrillReport> {
  const started = session.now();
  const box = session.home.box;
  const note = (outcome: "done" | "failed", summary: unknown) =>
    noteRun(session.db, { box, job: DRILL, started, ended: session.now(), outcome, summary });
  try {
    const report = await run(session, options, started);
    const failed = report.files.filter(({ outcome }) => outcome === "failed").length;
    await note("done", { files: report.files.length, damage: failed });
    return report;
  } catch (error) {
    await note("failed", {}).catch(() => {});
    throw error;
  }
}

async function run(session: Session, options: DrillOptions, started: number): Promise<DrillReport> {
  const readable = await readableVolumes(session);
  const chosen = await drillFiles(session.db, readable, options.count, options.random());
  const folder = await mkdtemp(join(tmpdir(), "coldframe-drill-")); // private to this user
  try {
    const reasons = chosen.length === 0 ? new Map() : await restoreAll(session, options.keys, chosen, folder);
    const took = session.now() - started;
    const files: DrilledFile[] = [];
    for (const file of chosen) files.push(await compare(session, folder, file, reasons.get(file.path)));
    files.sort((a, b) => a.path < b.path ? -1 : 1);
    return { files, took, findings: await settle(session, files) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Volumes that need no thaw, by their ids. */
async function readableVolumes(session: Session): Promise<number[]> {
  const stored = (await listVolumes(session.db)).filter(({ state }) => state === "stored");
  const ready: number[] = [];
  for (const [url, volumes] of Map.groupBy(stored, ({ store }) => store)) {
    const listed = await listAll(await session.storeAt(url), ["volumes/"], session.signal);
    for (const { id, key } of volumes) {
      const availability = listed.get(key)?.availability;
      if (availability === undefined || availability.state === "ready") ready.push(id);
    }
  }
  return ready;
}

/** Nothing is thawed for a drill; what leaves the cloud for it was asked for with its size. */
const ONLY_WHAT_IS_READY = {
  overwrite: false,
  planOnly: false,
  wait: false,
  sleep,
  tier: undefined,
  maxCost: undefined,
  days: 1,
  approve: (plan: RestorePlan) => Promise.resolve(plan.thaw.volumes === 0),
} as const;

async function restoreAll(
  session: Session,
  keys: PlaintextKeys,
  chosen: readonly DrillFile[],
  to: string,
): Promise<Map<string, string>> {
  const patterns = chosen.map(({ path }) => path);
  const { failed } = await restore(session, { patterns, to, ...ONLY_WHAT_IS_READY, ...keys });
  return new Map(failed.map(({ path, reason }) => [path, reason]));
}

async function compare(
  session: Session,
  folder: string,
  file: DrillFile,
  reason: string | undefined,
): Promise<DrilledFile> {
  const { path, size, sha256 } = file;
  if (reason !== undefined) return { path, size, outcome: "failed", reason };
  const wrong = await faultOf({ sha256, size, path: absolutePath(folder, path) });
  if (wrong !== undefined) return { path, size, outcome: "failed", reason: wrong.message };
  if (file.box !== session.home.box) return { path, size, outcome: "restored", reason: undefined };
  // Restored file and source both have the SHA-256 of the catalog: they are the same.
  const source = await faultOf({ sha256, size, path: absolutePath(file.root, file.below) });
  return { path, size, outcome: source === undefined ? "same" : "restored", reason: source?.message };
}

async function faultOf(
  content: { readonly sha256: string; readonly size: number; readonly path: string },
): Promise<ColdframeError | undefined> {
  const reader = new ContentReader();
  try {
    await reader.fill(new Uint8Array(0), content, 0);
    await reader.settle();
    return undefined;
  } catch (error) {
    if (error instanceof SourceChangedError) return error;
    throw error;
  } finally {
    await reader.close();
  }
}

async function settle(session: Session, files: readonly DrilledFile[]): Promise<Finding[]> {
  const found = files.filter(({ outcome }) => outcome === "failed").map(({ path, reason }): Found => ({
    name: path,
    kind: "restore-failed",
    severity: "damage",
    message: `${path} could not be restored: ${reason ?? "it is not there"}`,
    hint: "See which copy is bad: coldframe check volumes --deep --all, and check staging --deep --all",
    files: [path],
  }));
  const tried = new Set(files.map(({ path }) => path));
  await settleFindings(session.db, DRILL, found, session.now(), (name) => tried.has(name));
  return await openFindings(session.db, DRILL);
}
