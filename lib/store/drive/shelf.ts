/**
 * The objects in a store's folder: found by key, judged, and settled when two runs wrote one key at once.
 *
 * Drive has no "create if absent": any number of files may have one name. So a key is looked for before a
 * write and again after it. Where two are found, the older wins (of the same age, the smaller id), for
 * readers and writers alike, and each writer removes its own file when that is not the winner; it never
 * touches the other's. This settles all but one case: two boxes that write one key within the moment in which
 * Drive's search finds neither. Then two files stay, the older counts, and `remove` removes both. Keys of
 * coldframe name their content, so the two hold the same bytes.
 */

import { hasCode, StoreError } from "../../errors.ts";
import { agree } from "../checksum.ts";
import type { ObjectInfo } from "../store.ts";
import type { DriveApi } from "./api.ts";
import { deleteFile, type DriveFile, generateIds, getFile, listFiles } from "./files.ts";
import { assertThere, byAge } from "./folder.ts";
import { keyOf, keyProperties, type Mark } from "./properties.ts";
import { inFolder } from "./query.ts";
import { folderMissing, isStatus } from "./refusals.ts";

/** Ids come from Drive by the hundred: one request for a hundred photos. */
const IDS_AT_ONCE = 100;
/** A bound for memory; what is forgotten is searched for again. */
const KNOWN_AT_MOST = 10_000;

/** An object whose bytes are known: by their size and SHA-256, and by their MD5 where that was computed. */
export interface Expected {
  /** Bytes. */
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
  readonly md5?: string;
}

/** One folder of Drive, seen as keys. */
export class Shelf {
  #ids: string[] = [];
  /** The ids of files that may have been made or not. */
  readonly #unsettled = new Map<string, string>();
  #fetching: Promise<void> | undefined;
  /**
   * Where keys are. Objects never change, so what was found once saves the search before each range; and
   * Drive's search may lag behind, so what was written here is known before it is found.
   */
  readonly #known = new Map<string, DriveFile>();

  constructor(
    readonly api: DriveApi,
    readonly folderId: string,
    readonly driveId: string | undefined,
  ) {}

  /**
   * Makes a file under an id of its own. When that fails, nobody knows whether the file was made: the next
   * try goes on under the same id, so that there is never a second copy.
   *
   * @param purpose names what is made, and is the same for every try
   */
  async underId<T>(purpose: string, make: (id: string) => Promise<T>): Promise<T> {
    const kept = this.#unsettled.get(purpose);
    this.#unsettled.delete(purpose);
    const id = kept ?? await this.#takeId();
    try {
      return await make(id);
    } catch (error) {
      if (outcomeUnknown(error)) this.#unsettled.set(purpose, id);
      throw error;
    }
  }

  /** Says that what an earlier try made has been found. */
  settled(purpose: string): void {
    this.#unsettled.delete(purpose);
  }

  async #takeId(): Promise<string> {
    for (;;) {
      const id = this.#ids.pop();
      if (id !== undefined) return id;
      this.#fetching ??= this.#fetchIds().finally(() => {
        this.#fetching = undefined;
      });
      await this.#fetching;
    }
  }

  async #fetchIds(): Promise<void> {
    this.#ids.push(...await generateIds(this.api, IDS_AT_ONCE));
  }

  /** Every file with a mark, with the key that it says it has; `store-missing` when the folder is gone. */
  async *marked(mark: Mark): AsyncGenerator<{ key: string; file: DriveFile }> {
    for await (const file of listFiles(this.api, inFolder(this.folderId, mark), this.driveId)) {
      const key = keyOf(file.properties);
      if (key !== undefined) yield { key, file };
    }
    // Last, since a folder that went to the bin meanwhile cuts the list short without an error.
    await this.assertThere();
  }

  /** The objects that count, by key. Held until the list is whole: of two under one key, either may count. */
  async objects(prefix: string): Promise<Map<string, DriveFile>> {
    const winners = new Map<string, DriveFile>();
    for await (const { key, file } of this.marked("object")) {
      const standing = winners.get(key);
      const wins = standing === undefined || byAge(file, standing) < 0;
      if (key.startsWith(prefix) && wins) winners.set(key, file);
    }
    for (const key of this.#known.keys()) {
      if (!key.startsWith(prefix) || winners.has(key)) continue;
      const file = await this.#recall(key);
      if (file !== undefined) winners.set(key, file);
    }
    return winners;
  }

  /** The files under a key, the winner first; mostly one or none. */
  async filesOf(key: string): Promise<DriveFile[]> {
    const found: DriveFile[] = [];
    const q = inFolder(this.folderId, "object", keyProperties(key));
    for await (const file of listFiles(this.api, q, this.driveId)) {
      // A longer key begins with the same pieces.
      if (keyOf(file.properties) === key) found.push(file);
    }
    const recalled = found.length === 0 ? await this.#recall(key) : undefined;
    return recalled === undefined ? found.sort(byAge) : [recalled];
  }

  /** What is known of a key without asking; perhaps no longer true. */
  known(key: string): DriveFile | undefined {
    return this.#known.get(key);
  }

  /** Notes where a key is; undefined when it is nowhere. */
  remember(key: string, file: DriveFile | undefined): void {
    if (this.#known.size >= KNOWN_AT_MOST) this.#known.clear();
    if (file === undefined) this.#known.delete(key);
    else this.#known.set(key, file);
  }

  /** A file that was known and is not found: it is newer than the search, or it is gone. */
  async #recall(key: string): Promise<DriveFile | undefined> {
    const known = this.#known.get(key);
    const file = known === undefined ? undefined : await getFile(this.api, known.id);
    if (file !== undefined && !file.trashed) return file;
    this.#known.delete(key);
    return undefined;
  }

  /** @throws StoreError `store-missing` when the folder is gone */
  async assertThere(): Promise<void> {
    await assertThere(this.api, this.folderId);
  }

  /**
   * What stands under a key before a write.
   *
   * @returns the object when it holds the very same bytes, undefined when the key is free
   * @throws StoreError `object-exists` when it holds others
   */
  async sameUnder(key: string, expected: Expected): Promise<DriveFile | undefined> {
    const [standing] = await this.filesOf(key);
    if (standing !== undefined && !holds(standing, expected, `cannot write ${key}`)) throw taken(key);
    return standing;
  }

  /**
   * What stands under a key after a write of ours: `mine`, or another's that came first.
   *
   * @throws StoreError `object-exists` when the other holds other bytes; ours is then gone
   */
  async settle(key: string, mine: DriveFile, expected: Expected): Promise<DriveFile> {
    const found = await this.filesOf(key);
    // Drive's search may lag behind: ours is there although it is not found yet.
    const winner = [mine, ...found].sort(byAge)[0] ?? mine;
    if (winner.id === mine.id) return mine;
    await deleteFile(this.api, mine.id);
    if (!holds(winner, expected, `cannot write ${key}`)) throw taken(key);
    return winner;
  }

  /**
   * Compares what Drive computed with what was sent, and removes a file of ours that came out wrong.
   *
   * @throws StoreError `damaged`; `store-missing` when the file fell into the bin with its folder
   */
  async prove(mine: DriveFile, expected: Expected, what: string): Promise<void> {
    if (mine.trashed) throw folderMissing();
    if (holds(mine, expected, what)) return;
    await deleteFile(this.api, mine.id);
    throw new StoreError("damaged", `${what}: Drive received other bytes than were sent`, {
      transient: true,
    });
  }
}

/**
 * Whether a file has the size and every checksum that can be compared.
 *
 * @throws StoreError, transient, when there is none to compare: Drive computes them soon after an upload
 */
function holds(file: DriveFile, expected: Expected, what: string): boolean {
  const sha256 = agree(prefixed("sha256", file.sha256), `sha256:${expected.sha256}`);
  const md5 = agree(prefixed("md5", file.md5), prefixed("md5", expected.md5));
  if (file.size !== expected.size || sha256 === false || md5 === false) return false;
  if (sha256 ?? md5) return true;
  throw new StoreError("store-protocol", `${what}: Drive has not computed its checksum yet`, {
    transient: true,
  });
}

/**
 * Whether a failed request may have had its effect all the same. Damage was removed again, and an id that met
 * 409 is spent: Drive takes none twice.
 */
function outcomeUnknown(error: unknown): boolean {
  if (hasCode(error, "damaged") || isStatus(error, 409)) return false;
  return !(error instanceof StoreError) || error.transient;
}

/** A file as the rest of coldframe sees it. */
export function infoOf(key: string, file: DriveFile): ObjectInfo {
  return {
    key,
    size: file.size,
    checksum: prefixed("sha256", file.sha256) ?? prefixed("md5", file.md5),
    modified: file.created,
    availability: { state: "ready" },
  };
}

function prefixed(algorithm: string, hex: string | undefined): string | undefined {
  return hex === undefined ? undefined : `${algorithm}:${hex}`;
}

function taken(key: string): StoreError {
  return new StoreError("object-exists", `${key} is already on Drive, with other bytes`, {
    hint: "Nothing was replaced. Move that file out of the folder if the key shall be written anew.",
  });
}
