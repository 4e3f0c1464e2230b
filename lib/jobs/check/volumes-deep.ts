/**
 * `check volumes --deep`. With the key, files out of volumes are read by their ranges, decrypted and hashed:
 * a sample of twenty photos takes some of the bytes of twenty photos. Without it only whole volumes can be
 * compared with what was stored. `--all` reads whole volumes once, for both.
 */

import { copiesOf } from "../../catalog/copies.ts";
import type { Level } from "../../catalog/proofs.ts";
import { provenObjects } from "../../catalog/proofs.ts";
import { contentBytes, contentsByOffset, type ContentTurn, contentTurns } from "../../catalog/turns.ts";
import { hasCode } from "../../errors.ts";
import { collectGarbage } from "../../garbage.ts";
import type { RandomAccess } from "../../types.ts";
import type { Meter } from "../report.ts";
import { objectAccess } from "../restore/object-access.ts";
import { openPlaintext, type PlaintextKeys } from "../restore/plaintext.ts";
import type { Session } from "../session.ts";
import { type DeepOptions, ONE_VOLUME, USUAL_SAMPLE } from "./deep.ts";
import { findingName, Look } from "./look.ts";
import { type ContentsRead, isBadCopy, readContents, readWhole } from "./read.ts";
import type { CountingStore } from "./requests.ts";
import { inTurn, Sampler, takeSample } from "./sample.ts";
import { pathsOf, remainsOf, withRemains } from "./texts.ts";
import type { ExpectedVolume } from "./volumes.ts";

/** What a deep check of volumes reached. */
export interface VolumesRead {
  /** Levels that whole volumes reached. */
  readonly volumes: readonly (readonly Level[])[];
  /** Files that came back right, and those that did not. */
  readonly files: { readonly restored: number; readonly bytes: number; readonly failed: number };
}

/** Reads a sample of volumes that can be read now. */
export async function readVolumes(
  session: Session,
  look: Look,
  store: CountingStore,
  volumes: readonly ExpectedVolume[],
  options: DeepOptions,
): Promise<VolumesRead> {
  const reading = new Reading(session, look, store, options);
  if (options.keys === undefined) await reading.wholeSample(volumes);
  else if (options.sample?.kind === "all") await reading.whole(volumes);
  else await reading.files(volumes, options.keys);
  return reading.result();
}

class Reading {
  readonly #session: Session;
  readonly #look: Look;
  readonly #store: CountingStore;
  readonly #options: DeepOptions;
  readonly #volumes: Level[][] = [];
  #restored = 0;
  #bytes = 0;
  #failed = 0;
  #opened = 0;
  #refusal: unknown;

  constructor(session: Session, look: Look, store: CountingStore, options: DeepOptions) {
    this.#session = session;
    this.#look = look;
    this.#store = store;
    this.#options = options;
  }

  /** @throws ColdframeError `key-wrong` when the key opened nothing at all: then it is the key that is wrong */
  result(): VolumesRead {
    if (this.#refusal !== undefined && this.#opened === 0) throw this.#refusal;
    return {
      volumes: this.#volumes,
      files: { restored: this.#restored, bytes: this.#bytes, failed: this.#failed },
    };
  }

  async wholeSample(volumes: readonly ExpectedVolume[]): Promise<void> {
    const last = await provenObjects(this.#session.db, this.#store.url, "read back");
    const proven = ({ key, stored }: ExpectedVolume) => {
      const time = last.get(key);
      return time === undefined || time < stored ? undefined : time;
    };
    const comparable = volumes.filter(({ checksum }) => checksum !== undefined);
    const ordered = inTurn(comparable, proven, () => this.#options.random());
    await this.whole(takeSample(ordered, this.#options.sample ?? ONE_VOLUME, (one) => one.volume.objectSize));
  }

  async whole(volumes: readonly ExpectedVolume[]): Promise<void> {
    const total = volumes.reduce((sum, { volume }) => sum + volume.objectSize, 0);
    await this.#metered(total, async (meter) => {
      for (const volume of volumes) {
        await this.#readVolume(volume, meter);
        collectGarbage();
      }
    });
  }

  /** A sample of files, volume by volume. */
  async files(volumes: readonly ExpectedVolume[], keys: PlaintextKeys): Promise<void> {
    const byId = new Map(volumes.map((one) => [one.volume.id, one]));
    const sample = await this.#chooseFiles([...byId.keys()]);
    await this.#metered(sample.reduce((sum, { size }) => sum + size, 0), async (meter) => {
      for (const [id, contents] of Map.groupBy(sample, ({ volume }) => volume)) {
        const volume = byId.get(id);
        if (volume !== undefined) await this.#readFiles(volume, contents, keys, meter);
      }
    });
  }

  async #chooseFiles(volumes: readonly number[]): Promise<ContentTurn[]> {
    const { db } = this.#session;
    const sampler = new Sampler(this.#options.sample ?? USUAL_SAMPLE, await contentBytes(db, volumes));
    const chosen: ContentTurn[] = [];
    for await (const page of contentTurns(db, volumes, this.#options.random())) {
      for (const turn of page) if (sampler.takes(turn.size)) chosen.push(turn);
      if (sampler.full) break;
    }
    return chosen;
  }

  async #metered(total: number, work: (meter: Meter) => Promise<void>): Promise<void> {
    const meter = this.#session.report.phase("Reading back", total);
    try {
      await work(meter);
    } finally {
      meter.done();
    }
  }

  /** One pass over a volume; only when something in it is wrong its files are asked for one by one. */
  async #readVolume(object: ExpectedVolume, meter: Meter): Promise<void> {
    this.#session.signal.throwIfAborted();
    const { keys } = this.#options;
    const { volume, key, checksum } = object;
    const streams = keys !== undefined && volume.cipher === undefined;
    const list = streams ? await contentsByOffset(this.#session.db, volume.id) : [];
    const source = { key, checksum, encrypted: key.endsWith(".age") };
    const onBytes = (bytes: number) => meter.add(bytes);
    const read = await this.#opening(() =>
      readWhole(this.#store, source, streams ? { keys, list } : undefined, onBytes)
    );
    if (read === undefined) return await this.#damaged(object, "the key does not open it");
    this.#look.read(this.#store.url, key);
    if (read.error !== undefined || read.sameBytes === false || read.good.length < list.length) {
      const why = read.error?.message ??
        (read.sameBytes === false ? "its checksum is another" : "files in it differ");
      if (!streams) return await this.#damaged(object, why);
      const unproven = list.filter((content) => !read.good.includes(content));
      return await this.#readFiles(object, unproven, keys, meter, why);
    }
    const levels: Level[] = [
      ...(read.sameBytes === true ? ["read back" as const] : []),
      ...(streams ? ["restored" as const] : []),
    ];
    levels.forEach((level) => this.#prove(key, 0, level));
    this.#volumes.push(levels);
    this.#count(read.good);
  }

  async #readFiles(
    object: ExpectedVolume,
    contents: readonly ContentTurn[],
    keys: PlaintextKeys,
    meter: Meter,
    known?: string,
  ): Promise<void> {
    this.#look.read(this.#store.url, object.key);
    const opened = await this.#openPlain(object, keys);
    if (typeof opened === "string") return await this.#damaged(object, opened);
    const read = await readContents(opened, contents, this.#session.signal, (bytes) => meter.add(bytes));
    read.good.forEach(({ content }) => this.#prove(object.key, content, "restored"));
    this.#count(read.good);
    if (read.bad.length > 0 || known !== undefined) await this.#damagedFiles(object, read, known);
  }

  /** The plaintext, or why there is none to be had. */
  async #openPlain(object: ExpectedVolume, keys: PlaintextKeys): Promise<RandomAccess | string> {
    const { volume, key } = object;
    const access = objectAccess(this.#store, key, volume.objectSize);
    const place = {
      kind: "volume",
      content: 0,
      store: volume.store,
      key,
      size: volume.objectSize,
      volume: volume.name,
      offset: 0,
      cipher: volume.cipher,
    } as const;
    try {
      return await this.#opening(() => openPlaintext(access, place, keys)) ?? "the key does not open it";
    } catch (error) {
      if (isBadCopy(error)) return error.message;
      throw error;
    }
  }

  /** Undefined when the key opens it not, which may be the fault of either. */
  async #opening<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      const result = await work();
      this.#opened++;
      return result;
    } catch (error) {
      if (!hasCode(error, "key-wrong")) throw error;
      this.#refusal = error;
      return undefined;
    }
  }

  #prove(key: string, content: number, level: Level): void {
    this.#look.prove({ store: this.#store.url, key, content, level });
  }

  #count(good: readonly { readonly size: number }[]): void {
    this.#restored += good.length;
    this.#bytes += good.reduce((sum, { size }) => sum + size, 0);
  }

  /** The whole object cannot be trusted. */
  async #damaged(object: ExpectedVolume, why: string): Promise<void> {
    const all = await contentsByOffset(this.#session.db, object.volume.id);
    this.#failed += all.length;
    await this.#report(object, all.map(({ content }) => content), `is not what was stored (${why})`);
  }

  async #damagedFiles(
    object: ExpectedVolume,
    { bad }: ContentsRead,
    known: string | undefined,
  ): Promise<void> {
    this.#failed += bad.length;
    const why = bad[0]?.reason ?? known ?? "";
    const what = bad.length === 0
      ? `is not what was stored, though every file in it is right (${why})`
      : `is damaged: ${
        bad.length === 1 ? "a file" : `${bad.length} files`
      } in it cannot be brought back (${why})`;
    await this.#report(object, bad.map(({ content }) => content.content), what);
  }

  async #report({ key, volume }: ExpectedVolume, contents: readonly number[], what: string): Promise<void> {
    const { url } = this.#store;
    const copies = await copiesOf(this.#session.db, contents);
    const remains = remainsOf(copies, { store: url, key, volume: volume.name });
    this.#look.distrust(url, key);
    this.#look.add({
      name: findingName("bytes", url, key),
      kind: "object-damaged",
      severity: "damage",
      message: withRemains(`${key} at ${url} ${what}`, remains),
      hint: "Store its files again: coldframe check volumes --mend, then coldframe sync",
      files: pathsOf(copies),
    });
  }
}
