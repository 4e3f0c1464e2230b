/**
 * `check volumes`: is every volume where the catalog says, with the checksum that it was stored with? One
 * listing and one HEAD for each volume; of manifests and snapshots the listing alone must do.
 */

import { contentsOfVolume, copiesOf } from "../../catalog/copies.ts";
import { lostContents } from "../../catalog/damaged.ts";
import type { Found } from "../../catalog/findings.ts";
import { type Level, type Proof, provenObjects } from "../../catalog/proofs.ts";
import { listSnapshots, type Snapshot } from "../../catalog/runs.ts";
import { listVolumes, type Volume } from "../../catalog/volumes.ts";
import type { Availability, ObjectInfo } from "../../store/store.ts";
import { manifestKey, volumeKey } from "../object-keys.ts";
import type { Session } from "../session.ts";
import { foreignFinding, foreignObjects } from "./known.ts";
import { type DeepOptions, NO_KEY } from "./deep.ts";
import { countLevels, findingName, type Group, Look, NOTHING_PROVEN, type StoreReport } from "./look.ts";
import { thawVolumes } from "./thaw.ts";
import { readRecords } from "./records-deep.ts";
import { readVolumes } from "./volumes-deep.ts";
import { type ExpectedObject, type Fault, listAll, lookAt, type Looked } from "./objects.ts";
import { costOf, CountingStore } from "./requests.ts";
import { checksumRemarks, isDamaging, type LookRequest, openUnlessUnused } from "./staging.ts";
import { describeFault, pathsOf, type Remains, remainsOf, severityOf, withRemains } from "./texts.ts";

/** The name in `runs`, and the scope of the findings. */
export const VOLUMES = "check volumes";

/** A stored volume, as a check goes by it. */
export interface ExpectedVolume extends ExpectedObject {
  readonly volume: Volume;
}

/** Looks at every store that holds volumes or snapshots. */
export async function lookAtVolumes(
  session: Session,
  look: Look,
  { readBefore, deep }: LookRequest,
): Promise<StoreReport[]> {
  const volumes = (await listVolumes(session.db)).filter(({ state }) => state === "stored");
  const snapshots = await listSnapshots(session.db);
  const urls = new Set([session.urls.cold, ...[...volumes, ...snapshots].map(({ store }) => store)]);
  for (const volume of await listVolumes(session.db)) {
    if (volume.state === "damaged") (await lostFindings(session, volume)).forEach((found) => look.add(found));
  }
  const reports: StoreReport[] = [];
  for (const url of urls) {
    const there = ({ store }: { readonly store: string }) => store === url;
    const holds = { volumes: volumes.filter(there), snapshots: snapshots.filter(there) };
    const store = await openUnlessUnused(session, url, holds.volumes.length + holds.snapshots.length > 0);
    if (store === undefined) continue;
    const groups = await new StoreLook(session, look, store, deep).run(holds);
    const { requests } = store;
    reports.push({ store: url, groups, requests, cost: await costOf(session, url, requests, readBefore) });
  }
  return reports;
}

/** Files of a damaged volume that nobody can store again: they stay named until they are given up. */
async function lostFindings({ db }: Session, { id, key, store }: Volume): Promise<Found[]> {
  const lost = await copiesOf(db, await lostContents(db, id));
  if (lost.length === 0) return [];
  const files = lost.length === 1 ? "a file" : `${lost.length} files`;
  return [{
    name: `lost: ${key} at ${store}`,
    kind: "content-lost",
    severity: "damage",
    message: `${files} of the damaged ${key} at ${store} are in no good copy`,
    hint: "What can still be read of them: coldframe restore PATH --deleted --to DIR. " +
      "To give them up: coldframe check volumes --accept-lost",
    files: pathsOf(lost),
  }];
}

const FOLDERS = ["volumes/", "manifests/", "catalog/"];

class StoreLook {
  readonly #session: Session;
  readonly #look: Look;
  readonly #store: CountingStore;
  readonly #deep: DeepOptions | undefined;
  readonly #url: string;
  #listed: ReadonlyMap<string, ObjectInfo> = new Map();

  constructor(session: Session, look: Look, store: CountingStore, deep: DeepOptions | undefined) {
    this.#session = session;
    this.#deep = deep;
    this.#look = look;
    this.#store = store;
    this.#url = store.url;
  }

  async run(
    { volumes, snapshots }: { readonly volumes: readonly Volume[]; readonly snapshots: readonly Snapshot[] },
  ): Promise<Group[]> {
    // Where no staged files stand between, one listing of everything takes fewer requests than three.
    const prefixes = this.#url === this.#session.urls.staging ? FOLDERS : [""];
    this.#listed = await listAll(this.#store, prefixes, this.#session.signal);
    const groups = [
      ...await this.#volumes(volumes),
      await this.#manifests(volumes),
      await this.#snapshots(snapshots),
    ];
    for (const prefix of ["volumes/", "manifests/"]) {
      const foreign = await foreignObjects(this.#session.db, this.#listed.values(), prefix);
      foreignFinding(this.#url, prefix, foreign).forEach((found) => this.#look.add(found));
    }
    return groups;
  }

  async #volumes(volumes: readonly Volume[]): Promise<Group[]> {
    const expected = volumes.map((volume): ExpectedVolume => ({
      volume,
      key: volume.key,
      size: volume.objectSize,
      checksum: volume.checksum,
      stored: volume.stored ?? volume.created,
    }));
    const looked = await this.#lookAt(expected, async () => {
      const now = await listVolumes(this.#session.db);
      return now.filter(({ state }) => state === "stored").map(({ key }) => key);
    });
    for (const { object, faults } of looked) {
      for (const fault of faults) this.#look.add(await this.#volumeFinding(object, fault));
    }
    const unknown = volumes.filter(({ checksum }) => checksum === undefined).length;
    if (this.#deep !== undefined) return await this.#readVolumes(looked, this.#deep);
    const group = this.#group("volumes", looked);
    return [{ ...group, remarks: [...group.remarks, ...unknownRemarks(unknown)] }];
  }

  async #readVolumes(looked: readonly Looked<ExpectedVolume>[], deep: DeepOptions): Promise<Group[]> {
    const whole = looked.filter(({ faults }) => !faults.some(isDamaging));
    const objects = (state: Availability["state"]) =>
      whole.filter(({ info }) => info?.availability.state === state).map(({ object }) => object);
    const [ready, archived, thawing] = [objects("ready"), objects("archived"), objects("thawing")];
    const { volumes, files } = await readVolumes(this.#session, this.#look, this.#store, ready, deep);
    const remarks = [
      ...(deep.keys === undefined ? [NO_KEY] : []),
      ...(thawing.length > 0 ? [`${thawing.length} are being thawed`] : []),
      ...await this.#archivedRemarks(archived, deep),
    ];
    const group = this.#group("volumes", looked, volumes);
    const read = files.restored + files.failed;
    const { restored, bytes } = files;
    if (read === 0) return [{ ...group, remarks }];
    const proven = { ...NOTHING_PROVEN, restored };
    return [{ ...group, remarks }, {
      what: "files out of volumes",
      objects: read,
      bytes,
      proven,
      remarks: [],
    }];
  }

  async #archivedRemarks(archived: readonly ExpectedVolume[], deep: DeepOptions): Promise<string[]> {
    if (archived.length === 0) return [];
    const one = archived.length === 1;
    const what = one ? "1 volume is archived" : `${archived.length} volumes are archived`;
    if (deep.thaw === undefined) {
      return [`${what} and ${one ? "was" : "were"} not read: --thaw bulk would ask for it, with its price`];
    }
    return [`${what}; ${await thawVolumes(this.#session, this.#store, archived, deep.thaw, deep)}`];
  }

  /** To compare their checksums would take as many requests again, for what the volumes hold, too. */
  async #manifests(volumes: readonly Volume[]): Promise<Group> {
    // Images of other tools have none, nor has one in which nothing was found; a recovery takes no note of them.
    const own = volumes.filter(({ name, key, manifestSize }) =>
      key === volumeKey(name) || manifestSize !== undefined
    );
    const expected = own.map((volume): ExpectedVolume => ({
      volume,
      key: manifestKey(volume.name),
      size: volume.manifestSize,
      checksum: undefined,
      stored: volume.stored ?? volume.created,
    }));
    const looked = await this.#lookAt(expected, async () => {
      const now = await listVolumes(this.#session.db);
      return now.filter(({ state }) => state === "stored").map(({ name }) => manifestKey(name));
    });
    for (const { object, faults } of looked) {
      for (const fault of faults) this.#look.add(this.#manifestFinding(object, fault));
    }
    const read = await this.#readRecords(
      looked,
      ({ volume }) => volume.manifestChecksum,
      "its volume and the catalog have the same list",
    );
    return this.#group("manifests", looked, read);
  }

  async #snapshots(snapshots: readonly Snapshot[]): Promise<Group> {
    const expected = snapshots.map(({ key, size, time }): ExpectedObject => ({
      key,
      size,
      checksum: undefined,
      stored: time,
    }));
    const looked = await this.#lookAt(expected, async () => {
      return (await listSnapshots(this.#session.db)).map(({ key }) => key);
    });
    for (const { object, faults } of looked) {
      for (const fault of faults) this.#look.add(this.#snapshotFinding(object, fault));
    }
    const checksums = new Map(snapshots.map(({ key, checksum }) => [key, checksum]));
    const read = await this.#readRecords(
      looked,
      ({ key }) => checksums.get(key),
      "it is an earlier copy of the catalog",
    );
    return this.#group("snapshots", looked, read);
  }

  /** @param remains what there is beside a bad one */
  async #readRecords<O extends ExpectedObject>(
    looked: readonly Looked<O>[],
    checksumOf: (object: O) => string | undefined,
    remains: string,
  ): Promise<Level[][]> {
    if (this.#deep === undefined) return [];
    const records = looked.flatMap(({ object, faults }) =>
      faults.some(isDamaging) ? [] : [{ ...object, checksum: checksumOf(object) }]
    );
    return await readRecords(
      this.#session,
      this.#look,
      this.#store,
      records,
      this.#deep,
      ({ key }, why) =>
        this.#look.add({
          name: findingName("bytes", this.#url, key),
          kind: "object-damaged",
          severity: "damage",
          message: `${key} at ${this.#url} is not what was stored (${why}); ${remains}`,
          hint: "Move that object away, then: coldframe check volumes --mend",
          files: [],
        }),
    );
  }

  async #lookAt<O extends ExpectedObject>(
    expected: readonly O[],
    keysNow: () => Promise<string[]>,
  ): Promise<Looked<O>[]> {
    expected.forEach((object) => this.#look.expect(this.#url, object));
    const looked = await lookAt(this.#store, expected, this.#listed, {
      onceChecksummed: await provenObjects(this.#session.db, this.#url, "checksummed"),
      stillExpected: async (keys) => new Set(keys).intersection(new Set(await keysNow())),
      signal: this.#session.signal,
    });
    for (const { object, levels, faults } of looked) {
      const proof = (level: Proof["level"]): Proof => ({
        store: this.#url,
        key: object.key,
        content: 0,
        level,
      });
      levels.forEach((level) => this.#look.prove(proof(level)));
      if (faults.some((fault) => severityOf(fault) === "damage")) {
        this.#look.distrust(this.#url, object.key);
      }
    }
    return looked;
  }

  #group(what: string, looked: readonly Looked[], read: readonly (readonly Level[])[] = []): Group {
    const proven = countLevels([...looked.map(({ levels }) => levels), ...read]);
    return {
      what,
      objects: looked.length,
      bytes: looked.reduce((sum, { object }) => sum + (object.size ?? 0), 0),
      proven,
      remarks: what === "volumes" ? checksumRemarks(this.#url, looked.length, proven.checksummed) : [],
    };
  }

  async #volumeFinding(object: ExpectedVolume, fault: Fault): Promise<Found> {
    const { db } = this.#session;
    const { volume, key } = object;
    const copies = await copiesOf(db, await contentsOfVolume(db, volume.id));
    const remains = remainsOf(copies, { store: this.#url, key, volume: volume.name });
    return {
      name: findingName(fault.kind === "wrong-class" ? "class" : "object", this.#url, key),
      kind: fault.kind,
      severity: severityOf(fault),
      message: withRemains(describeFault(this.#url, object, fault), remains),
      hint: volumeHint(fault, remains),
      files: pathsOf(copies),
    };
  }

  /** What a manifest tells stands in its volume and in the catalog, too: it is missed after a disaster only. */
  #manifestFinding(object: ExpectedVolume, fault: Fault): Found {
    const missing = fault.kind === "object-missing";
    return {
      name: findingName(fault.kind === "wrong-class" ? "class" : "object", this.#url, object.key),
      kind: fault.kind,
      severity: fault.kind === "object-size" ? "damage" : "warning",
      message: `${describeFault(this.#url, object, fault)}; its volume and the catalog have the same list`,
      hint: missing
        ? "Store it again: coldframe check volumes --mend"
        : "Move that object away, then: coldframe check volumes --mend",
      files: [],
    };
  }

  #snapshotFinding(object: ExpectedObject, fault: Fault): Found {
    return {
      name: findingName(fault.kind === "wrong-class" ? "class" : "object", this.#url, object.key),
      kind: fault.kind,
      severity: fault.kind === "object-size" ? "damage" : "warning",
      message: `${describeFault(this.#url, object, fault)}; it is an earlier copy of the catalog`,
      hint: "Take a new one: coldframe check volumes --mend",
      files: [],
    };
  }
}

function volumeHint({ kind }: Fault, { lost }: Remains): string {
  if (kind === "checksum-missing") return "Read it back: coldframe check volumes --deep --all";
  if (kind === "wrong-class") return "Look for a lifecycle rule of the bucket; see docs/CHECK.md.";
  const mend = "Store its files again: coldframe check volumes --mend, then coldframe sync";
  return lost.length === 0 ? mend : `First try to bring the object back, from the store's versions. ${mend}`;
}

function unknownRemarks(volumes: number): string[] {
  if (volumes === 0) return [];
  return [
    `of ${volumes} the catalog knows no checksum, since it was recovered: add --deep to read the bytes`,
  ];
}
