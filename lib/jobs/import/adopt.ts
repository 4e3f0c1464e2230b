/**
 * Taking lomo-backup's images into the catalog as they stand: their contents count as stored, so that nothing
 * is uploaded twice, and `find`, `restore` and the checks work on them. The objects are never changed.
 */

import { addStoredVolume, type RecoveredFile } from "../../catalog/recovered.ts";
import type { Database } from "../../catalog/database.ts";
import { adoptedObjects, pathsTaken, waitingAmong } from "../../catalog/adopted.ts";
import { findVolume } from "../../catalog/volumes.ts";
import { SALT_SIZE } from "../../import/lomob.ts";
import { besideName } from "../../import/names.ts";
import type { ThawTier } from "../../store/store.ts";
import type { Session } from "../session.ts";
import { type ExaminedImage, examineImage, openImageObject } from "./examine.ts";
import { listLomob, type LomobObject, type LomobSource } from "./lomob-source.ts";
import { emptyProblem, type ImportProblem, problemFrom } from "./problems.ts";
import { Thawer } from "./thaw.ts";

/** The name that adopted files stand under, as a source. No machine reads it: it is no folder any more. */
export const ADOPTED_SOURCE = "lomo-backup";
/** The machine that adopted volumes come from. */
const ADOPTED_BOX = "lomo-backup";

/** An image that is now a volume. */
export interface AdoptedImage {
  readonly key: string;
  readonly volume: string;
  readonly files: number;
}

/** What an adoption did. */
export interface AdoptReport {
  readonly adopted: readonly AdoptedImage[];
  /** Images that were volumes already. */
  readonly known: number;
  /** Contents that waited to be stored and need not be any more, and their bytes. */
  readonly spared: { readonly contents: number; readonly bytes: number };
  /** Images that are being thawed, to be adopted by a later run. */
  readonly thawing: readonly string[];
  readonly problems: readonly ImportProblem[];
}

/**
 * Adopts every image that its hash proves. Files that were uploaded alone stay where they are: they can be
 * restored, and the next sync stores them anew.
 *
 * @param thaw has archived images thawed; undefined not to
 * @throws StoreError when the place is gone
 */
export async function adoptLomob(
  session: Session,
  source: LomobSource,
  thaw: ThawTier | undefined,
): Promise<AdoptReport> {
  const objects = (await listLomob(source)).filter(({ kind }) => kind === "image");
  const adopting = new Adopting(session, source, thaw);
  const known = await adoptedObjects(session.db, source.place.store.url);
  for (const object of objects) {
    session.signal.throwIfAborted();
    if (known.has(object.info.key)) adopting.known++;
    else await adopting.take(object);
  }
  return adopting.report();
}

class Adopting {
  readonly #session: Session;
  readonly #source: LomobSource;
  readonly #thawer: Thawer;
  readonly #adopted: AdoptedImage[] = [];
  readonly #problems: ImportProblem[] = [];
  #spared = { contents: 0, bytes: 0 };
  known = 0;

  constructor(session: Session, source: LomobSource, thaw: ThawTier | undefined) {
    this.#thawer = new Thawer(source.place.store, thaw);
    this.#session = session;
    this.#source = source;
  }

  report(): AdoptReport {
    return {
      adopted: this.#adopted,
      known: this.known,
      spared: this.#spared,
      thawing: this.#thawer.thawing,
      problems: this.#problems,
    };
  }

  async take({ info }: LomobObject): Promise<void> {
    const { key, size } = info;
    if (size === 0) {
      return void this.#problems.push(emptyProblem(key, `${key} has no bytes: its upload failed`));
    }
    try {
      if (await this.#thawer.mustWait(info)) return;
      const image = await this.#examine(info);
      this.#problems.push(...image.problems);
      if (image.proof === "wrong") return;
      const name = `${image.stem}--${image.survey.sha256.slice(0, 8)}`;
      if (await findVolume(this.#session.db, name) !== undefined) this.known++; // a copy of it, elsewhere
      else await this.#adopt(image, name);
    } catch (error) {
      this.#session.signal.throwIfAborted();
      this.#problems.push(problemFrom(key, undefined, error));
    }
  }

  async #examine(info: LomobObject["info"]): Promise<ExaminedImage> {
    const image = await openImageObject(this.#source, info);
    const meter = this.#session.report.phase("Reading and proving", image.access.size);
    try {
      return await examineImage(this.#source, image, meter);
    } finally {
      meter.done();
    }
  }

  async #adopt(image: ExaminedImage, name: string): Promise<void> {
    const { db, report } = this.#session;
    const { info, survey } = image;
    // Only now, when something is to be kept there: this marks a folder as a store.
    const store = await this.#session.storeAt(this.#source.place.store.url);
    const spared = await waitingAmong(db, survey.files.map(({ sha256 }) => sha256));
    const created = survey.created ?? info.modified ?? this.#session.now();
    const times = survey.files.map(({ mtime }) => mtime);
    await addStoredVolume(db, {
      volume: {
        name,
        box: ADOPTED_BOX,
        store: store.url,
        key: info.key,
        created,
        imageSize: image.access.size,
        objectSize: info.size,
        headerSize: image.encrypted ? SALT_SIZE : 0,
        cipher: image.encrypted ? "lomob" : undefined,
        udf: false,
        files: survey.files.length,
        oldest: times.reduce((a, b) => Math.min(a, b), created),
        newest: times.reduce((a, b) => Math.max(a, b), times[0] ?? created),
      },
      files: await filesOf(db, image),
      folders: [],
      checksum: (await store.head(info.key))?.checksum,
    }, this.#session.now());
    this.#spared = {
      contents: this.#spared.contents + spared.contents,
      bytes: this.#spared.bytes + spared.bytes,
    };
    this.#adopted.push({ key: info.key, volume: name, files: survey.files.length });
    report.say(`${info.key} is now volume ${name}.`);
  }
}

/** The files of an image; one whose path is taken by other bytes of an earlier image gets a name beside it. */
async function filesOf(db: Database, { survey, stem }: ExaminedImage): Promise<RecoveredFile[]> {
  const taken = await pathsTaken(db, ADOPTED_SOURCE, survey.files);
  return survey.files.map(({ path, mtime, mode, size, sha256, offset }) => ({
    source: ADOPTED_SOURCE,
    below: taken.has(path) ? besideName(path, stem) : path,
    mtime,
    mode,
    size,
    sha256,
    offset,
  }));
}
