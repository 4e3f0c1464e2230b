/** `check staging`: is every staged file where the catalog says, with the checksum that it was stored with? */

import { type ContentCopies, copiesOf } from "../../catalog/copies.ts";
import type { Found } from "../../catalog/findings.ts";
import { type Level, provenObjects } from "../../catalog/proofs.ts";
import { stagedCopies, type StagedCopy, stagedStores } from "../../catalog/staged.ts";
import { hasCode } from "../../errors.ts";
import type { Session } from "../session.ts";
import type { ObjectInfo } from "../../store/store.ts";
import { type DeepOptions, NO_KEY } from "./deep.ts";
import { type ExpectedSingle, readSingles } from "./singles-deep.ts";
import { foreignFinding, foreignObjects } from "./known.ts";
import { countLevels, findingName, type Group, Look, type StoreReport } from "./look.ts";
import { type Fault, listAll, lookAt, type Looked } from "./objects.ts";
import { costOf, CountingStore } from "./requests.ts";
import { describeFault, pathsOf, type Remains, remainsOf, severityOf, withRemains } from "./texts.ts";

/** The name in `runs`, and the scope of the findings. */
export const STAGING = "check staging";

/** How to look at stores. */
export interface LookRequest {
  /** Bytes that checks have read since the month began. */
  readonly readBefore: number;
  /** Undefined where nothing is to be read. */
  readonly deep: DeepOptions | undefined;
}

/** A staged object, as a check goes by it. */
export interface ExpectedStaged extends ExpectedSingle {
  readonly copy: StagedCopy;
}

/** Looks at every store in which files are staged. */
export async function lookAtStaging(
  session: Session,
  look: Look,
  { readBefore, deep }: LookRequest,
): Promise<StoreReport[]> {
  const urls = new Set([session.urls.staging, ...await stagedStores(session.db)]);
  const reports: StoreReport[] = [];
  for (const url of urls) {
    const report = await lookAtStore(session, look, url, { readBefore, deep });
    if (report !== undefined) reports.push(report);
  }
  return reports;
}

async function lookAtStore(
  session: Session,
  look: Look,
  url: string,
  { readBefore, deep }: LookRequest,
): Promise<StoreReport | undefined> {
  const expected = (await stagedCopies(session.db, url)).map(expectedOf);
  const store = await openUnlessUnused(session, url, expected.length > 0);
  if (store === undefined) return undefined;
  expected.forEach((object) => look.expect(url, object));
  const listed = await listAll(store, ["staged/"], session.signal);
  const looked = await lookAt(store, expected, listed, {
    onceChecksummed: await provenObjects(session.db, url, "checksummed"),
    stillExpected: async (keys) => {
      const wanted = new Set(keys);
      const now = await stagedCopies(session.db, url);
      return new Set(now.map(({ key }) => key).filter((key) => wanted.has(key)));
    },
    signal: session.signal,
  });
  // What a volume holds already is about to be removed here: it may be gone.
  const counted = looked.filter(({ object, info }) => info !== undefined || !object.copy.replaceable);
  await judgeStaged(session, look, url, counted);
  const foreign = await foreignObjects(session.db, listed.values(), "staged/");
  foreignFinding(url, "staged/", foreign).forEach((found) => look.add(found));
  const whole = counted.filter(({ info, faults }) => isReadable(info) && !faults.some(isDamaging));
  const objects = whole.map(({ object }) => object);
  const read = deep &&
    await readSingles(session, look, store, objects, deep, "coldframe check staging --mend");
  const group = groupOf("staged files", url, counted, read, deep);
  const { requests } = store;
  return {
    store: url,
    groups: [group],
    requests,
    cost: await costOf(session, url, requests, readBefore),
  };
}

/** The store that settings name is first made when something is stored there. */
export async function openUnlessUnused(
  session: Session,
  url: string,
  used: boolean,
): Promise<CountingStore | undefined> {
  try {
    return new CountingStore(await session.storeAt(url));
  } catch (error) {
    if (!used && hasCode(error, "store-missing")) return undefined;
    throw error;
  }
}

function expectedOf(copy: StagedCopy): ExpectedStaged {
  const { key, size, checksum, content, time } = copy;
  return { copy, key, size, checksum, content, stored: time };
}

async function judgeStaged(
  session: Session,
  look: Look,
  url: string,
  looked: readonly Looked<ExpectedStaged>[],
): Promise<void> {
  for (const { object, levels } of looked) {
    levels.forEach((level) => look.prove({ store: url, key: object.key, content: 0, level }));
  }
  const faulty = looked.filter(({ faults }) => faults.length > 0);
  const ids = faulty.map(({ object }) => object.copy.content);
  const copies = new Map((await copiesOf(session.db, ids)).map((one) => [one.content, one]));
  for (const { object, faults } of faulty) {
    for (const fault of faults) {
      look.add(stagedFinding(url, object, fault, copies.get(object.copy.content)));
      if (severityOf(fault) === "damage") look.distrust(url, object.key);
    }
  }
}

function stagedFinding(
  url: string,
  object: ExpectedStaged,
  fault: Fault,
  copies: ContentCopies | undefined,
): Found {
  const remains = remainsOf(copies === undefined ? [] : [copies], { store: url, key: object.key });
  return {
    name: findingName(fault.kind === "wrong-class" ? "class" : "object", url, object.key),
    kind: fault.kind,
    severity: severityOf(fault),
    message: withRemains(describeFault(url, object, fault), remains),
    hint: stagedHint(url, fault, remains),
    files: pathsOf(copies === undefined ? [] : [copies]),
  };
}

function stagedHint(url: string, { kind }: Fault, { lost }: Remains): string {
  if (kind === "checksum-missing") return "Read it back: coldframe check staging --deep --all";
  if (lost.length === 0) return "Store it again: coldframe check staging --mend";
  const bin = /^gdrive:/i.test(url) ? "Drive's bin" : "the store's versions or bin, if it has any";
  return `Take it back out of ${bin}. To give it up: coldframe sync --accept-gone`;
}

/** Whether an object can be read now. */
export function isReadable(info: ObjectInfo | undefined): boolean {
  return info?.availability.state === "ready";
}

/** Whether there is no use in reading an object that has this fault. */
export function isDamaging(fault: Fault): boolean {
  return severityOf(fault) === "damage";
}

/**
 * What was proven of objects that hold one file each.
 *
 * @param read the levels that those reached which were read; undefined when none was to be read
 */
export function groupOf(
  what: string,
  url: string,
  looked: readonly Looked[],
  read: readonly (readonly Level[])[] | undefined,
  deep: DeepOptions | undefined,
): Group {
  const proven = countLevels([...looked.map(({ levels }) => levels), ...read ?? []]);
  return {
    what,
    objects: looked.length,
    bytes: looked.reduce((sum, { object }) => sum + (object.size ?? 0), 0),
    proven,
    remarks: [
      ...(deep === undefined ? checksumRemarks(url, looked.length, proven.checksummed) : []),
      ...(deep !== undefined && deep.keys === undefined ? [NO_KEY] : []),
    ],
  };
}

/** Why checksums were not compared, where that is no fault. */
export function checksumRemarks(url: string, objects: number, checksummed: number): string[] {
  if (objects === 0 || checksummed > 0) return [];
  return url.startsWith("file:")
    ? ["a folder keeps no checksums: add --deep to read the bytes"]
    : ["the store reports no checksum that could be compared: add --deep to read the bytes"];
}
