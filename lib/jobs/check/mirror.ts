/** `check mirror NAME`: is every file of a mirror where the catalog says, with the checksum it had? */

import { type ContentCopies, copiesOf } from "../../catalog/copies.ts";
import type { Found } from "../../catalog/findings.ts";
import { type MirroredObject, mirroredPages, noteMissing } from "../../catalog/mirrors.ts";
import { openFindings } from "../../catalog/findings.ts";
import { provenObjects } from "../../catalog/proofs.ts";
import { MIRROR_FOLDER } from "../../plan/mirror-name.ts";
import type { ObjectInfo } from "../../store/store.ts";
import { mirrorNamed } from "../mirror/settings.ts";
import { mirrorCheckJob } from "../rhythms.ts";
import type { Session } from "../session.ts";
import { findingName, Look, type StoreReport } from "./look.ts";
import { type Fault, listAll, lookAt, type Looked } from "./objects.ts";
import { costOf, CountingStore } from "./requests.ts";
import { type ExpectedSingle, readSingles } from "./singles-deep.ts";
import { groupOf, isDamaging, isReadable, type LookRequest } from "./staging.ts";
import { describeFault, pathsOf, remainsOf, severityOf, withRemains } from "./texts.ts";

interface ExpectedMirrored extends ExpectedSingle {
  readonly mirrored: MirroredObject;
}

/** Looks at the store of a mirror of the settings. */
export async function lookAtMirror(
  session: Session,
  look: Look,
  name: string,
  { readBefore, deep }: LookRequest,
): Promise<StoreReport[]> {
  const store = new CountingStore(await session.storeAt(mirrorNamed(session, name).store));
  const known = await knownIn(session, store.url);
  const expected = known.filter(isThere);
  expected.forEach((object) => look.expect(store.url, object));
  const listed = await listAll(store, [MIRROR_FOLDER], session.signal);
  const looked = await lookAt(store, expected, listed, {
    onceChecksummed: await provenObjects(session.db, store.url, "checksummed"),
    stillExpected: async (keys) => {
      const now = new Set((await knownIn(session, store.url)).filter(isThere).map(({ key }) => key));
      return new Set(keys.filter((key) => now.has(key)));
    },
    signal: session.signal,
  });
  await judge(session, look, store.url, name, looked);
  foreign(store.url, name, listed, known).forEach((found) => look.add(found));
  const whole = looked.filter(({ info, faults }) => isReadable(info) && !faults.some(isDamaging));
  const objects = whole.map(({ object }) => object);
  const read = deep && await readSingles(session, look, store, objects, deep, mendHint(name));
  const groups = [groupOf("mirrored files", store.url, looked, read, deep)];
  const { requests } = store;
  return [{
    store: store.url,
    groups,
    requests,
    cost: await costOf(session, store.url, requests, readBefore),
  }];
}

async function knownIn({ db }: Session, url: string): Promise<ExpectedMirrored[]> {
  const all: ExpectedMirrored[] = [];
  for await (const page of mirroredPages(db, url)) {
    for (const mirrored of page) {
      const { key, size, checksum, stored, content } = mirrored;
      all.push({ mirrored, key, size, checksum, stored, content });
    }
  }
  return all;
}

/** What is known to be missing or damaged is the mirror's to send again: it is not looked for. */
function isThere({ mirrored }: ExpectedMirrored): boolean {
  return mirrored.missing === undefined;
}

function mendHint(name: string): string {
  return `coldframe check mirror ${name} --mend, then coldframe mirror ${name}`;
}

async function judge(
  session: Session,
  look: Look,
  url: string,
  name: string,
  looked: readonly Looked<ExpectedMirrored>[],
): Promise<void> {
  for (const { object, levels } of looked) {
    levels.forEach((level) => look.prove({ store: url, key: object.key, content: 0, level }));
  }
  const faulty = looked.filter(({ faults }) => faults.length > 0);
  const copies = new Map(
    (await copiesOf(session.db, faulty.map(({ object }) => object.content))).map((one) => [one.content, one]),
  );
  for (const { object, faults } of faulty) {
    for (const fault of faults) {
      look.add(mirrorFinding(url, name, object, fault, copies.get(object.content)));
      if (severityOf(fault) === "damage") look.distrust(url, object.key);
    }
  }
}

function mirrorFinding(
  url: string,
  name: string,
  object: ExpectedMirrored,
  fault: Fault,
  copies: ContentCopies | undefined,
): Found {
  const remains = remainsOf(copies === undefined ? [] : [copies], { store: url, key: object.key });
  return {
    name: findingName("object", url, object.key),
    kind: fault.kind,
    severity: severityOf(fault),
    message: withRemains(describeFault(url, object, fault), remains),
    hint: fault.kind === "checksum-missing"
      ? `Read it back: coldframe check mirror ${name} --deep --all`
      : `Send it again: ${mendHint(name)}`,
    files: copies === undefined ? [object.mirrored.path] : pathsOf([copies]),
  };
}

function foreign(
  url: string,
  name: string,
  listed: ReadonlyMap<string, ObjectInfo>,
  known: readonly ExpectedMirrored[],
): Found[] {
  const keys = new Set(known.map(({ key }) => key));
  const others = [...listed.keys()].filter((key) => !keys.has(key) && !key.startsWith(`${MIRROR_FOLDER}.`));
  const [first] = others;
  if (first === undefined) return [];
  return [{
    name: findingName("object", url, MIRROR_FOLDER),
    kind: "foreign-object",
    severity: "warning",
    message: others.length === 1
      ? `${first} at ${url} is not in the catalog`
      : `${others.length} objects at ${url} are not in the catalog, such as ${first}`,
    hint: `Take them in, if they are files of yours: coldframe mirror ${name}. Nothing was removed.`,
    files: [],
  }];
}

/** Says that damaged objects do not count any more: the next run of the mirror sends their files again. */
export async function mendMirror(session: Session, name: string): Promise<string[]> {
  const open = new Set(
    (await openFindings(session.db, mirrorCheckJob(name)))
      .filter(({ severity }) => severity === "damage")
      .map(({ name }) => name),
  );
  const { url } = await session.storeAt(mirrorNamed(session, name).store);
  const bad = (await knownIn(session, url)).filter(isThere).filter(({ key }) =>
    (["object", "bytes"] as const).some((aspect) => open.has(findingName(aspect, url, key)))
  );
  await noteMissing(session.db, bad.map(({ mirrored }) => mirrored.id), session.now());
  return bad.map(({ mirrored }) => `${mirrored.path} is to be sent again: run coldframe mirror ${name}`);
}
