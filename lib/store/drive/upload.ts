/**
 * An upload in parts.
 *
 * It begins as an empty file marked `pending`, which no listing shows and which any box can find as an
 * unfinished upload. Its bytes go through a session of Google's; when they are all there and their checksum
 * is right, one update of the mark makes it an object. So an object is never seen in part or unproved, and
 * every step can be repeated: the file's id was made before the file.
 *
 * The token is the id and the session, with a blank between.
 */

import { type Bytes, utf8 } from "../../bytes.ts";
import { StoreError } from "../../errors.ts";
import { sha256Hex } from "../checksum.ts";
import { type ObjectInfo, partRange, type PartReceipt, type Upload } from "../store.ts";
import { beginSession, createEmpty, deleteFile, type DriveFile, getFile, updateFile } from "./files.ts";
import { keyOf, keyProperties, sessionOf, sessionProperties, withoutSession } from "./properties.ts";
import { askProgress, cancelSession, type Progress, QUANTUM, sendBytes } from "./session.ts";
import { folderMissing } from "./refusals.ts";
import { infoOf, type Shelf } from "./shelf.ts";

/** Begins an upload. */
export async function beginDriveUpload(
  shelf: Shelf,
  key: string,
  size: number,
  partSize: number,
): Promise<Upload> {
  assertPartSize(partSize);
  return await shelf.underId(`upload ${key}`, async (id) => {
    await createPending(shelf, id, key);
    const session = size === 0 ? "" : await openSession(shelf, id, key, size).catch(async (error) => {
      // Refused for good, as when Drive is full: then no empty file shall stay behind.
      if (error instanceof StoreError && !error.transient) await forgetPending(shelf, id);
      throw error;
    });
    const facts = { key, size, partSize, id, session, confirmed: [] };
    return new DriveUpload(shelf, facts, size === 0 ? { kind: "whole" } : { kind: "partial", kept: 0 });
  });
}

async function createPending(shelf: Shelf, id: string, key: string): Promise<void> {
  const file = {
    id,
    name: `${key}.part`,
    parents: [shelf.folderId],
    mimeType: "application/octet-stream",
    appProperties: { coldframe: "pending", ...keyProperties(key) },
  };
  const made = await createEmpty(shelf.api, file, `cannot begin the upload of ${key}`);
  if (made.trashed) throw folderMissing();
}

/** The session is noted on the file, so that another box can end it. */
async function openSession(shelf: Shelf, id: string, key: string, size: number): Promise<string> {
  const what = `cannot begin the upload of ${key}`;
  const session = await beginSession(shelf.api, id, size, what);
  await updateFile(shelf.api, id, { appProperties: sessionProperties(session) }, what);
  return session;
}

/** Finds an upload again; undefined when Drive has forgotten it, and then nothing of it is left. */
export async function resumeDriveUpload(
  shelf: Shelf,
  key: string,
  size: number,
  partSize: number,
  token: string,
  known: readonly PartReceipt[],
): Promise<Upload | undefined> {
  const parsed = parseToken(token);
  if (parsed === undefined) return undefined;
  const { id, session } = parsed;
  const file = await getFile(shelf.api, id);
  if (file === undefined || keyOf(file.properties) !== key) return undefined;
  const progress = await progressOf(shelf, file, session, size);
  if (progress.kind === "gone") {
    await forgetPending(shelf, id);
    return undefined;
  }
  const kept = progress.kind === "whole" ? size : progress.kept;
  const isOurs = (receipt: PartReceipt) => receipt.tag === receiptTag(token, receipt.index, receipt.sha256);
  const confirmed = wholeParts(known.filter(isOurs), size, partSize, kept);
  return new DriveUpload(shelf, { key, size, partSize, id, session, confirmed }, progress);
}

/** The token of a pending file, as `Upload.token` gave it. */
export function tokenOf(file: DriveFile): string {
  return formatToken(file.id, sessionOf(file.properties) ?? "");
}

/** Ends the session of a token and removes its file, unless that has become an object. */
export async function abortDriveUpload(shelf: Shelf, token: string): Promise<void> {
  const parsed = parseToken(token);
  if (parsed === undefined) return;
  const { id, session } = parsed;
  if (session !== "") await cancelSession(shelf.api, session);
  await forgetPending(shelf, id);
}

async function forgetPending(shelf: Shelf, id: string): Promise<void> {
  const file = await getFile(shelf.api, id);
  if (file?.properties["coldframe"] === "pending") await deleteFile(shelf.api, id);
}

/** A session that has done its work may be forgotten; the file then has its size. */
async function progressOf(shelf: Shelf, file: DriveFile, session: string, size: number): Promise<Progress> {
  if (file.trashed) return { kind: "gone" };
  if (file.size === size) return { kind: "whole" };
  return session === "" ? { kind: "gone" } : await askProgress(shelf.api, session, size);
}

/** The receipts of the parts that lie before `kept`, from the first on without a gap. */
function wholeParts(
  known: readonly PartReceipt[],
  size: number,
  partSize: number,
  kept: number,
): PartReceipt[] {
  const byIndex = new Map(known.map((receipt) => [receipt.index, receipt]));
  const confirmed: PartReceipt[] = [];
  for (let index = 0;; index++) {
    const receipt = byIndex.get(index);
    const { offset, length } = partRange(size, partSize, index);
    if (receipt === undefined || receipt.size !== length || offset + length > kept) return confirmed;
    confirmed.push(receipt);
  }
}

interface UploadFacts {
  readonly key: string;
  readonly size: number;
  readonly partSize: number;
  readonly id: string;
  readonly session: string;
  readonly confirmed: readonly PartReceipt[];
}

class DriveUpload implements Upload {
  readonly key: string;
  readonly size: number;
  readonly partSize: number;
  readonly token: string;
  readonly inOrder = true;
  readonly wholeHash = true;
  readonly confirmed: readonly PartReceipt[];
  readonly #shelf: Shelf;
  readonly #id: string;
  readonly #session: string;
  /** Undefined after trouble: then the session is asked before anything more is sent. */
  #progress: Progress | undefined;

  constructor(shelf: Shelf, facts: UploadFacts, progress: Progress) {
    this.key = facts.key;
    this.size = facts.size;
    this.partSize = facts.partSize;
    this.token = formatToken(facts.id, facts.session);
    this.confirmed = facts.confirmed;
    this.#shelf = shelf;
    this.#id = facts.id;
    this.#session = facts.session;
    this.#progress = progress;
  }

  async send(index: number, body: Bytes, sha256 = sha256Hex(body)): Promise<PartReceipt> {
    const { offset, length } = partRange(this.size, this.partSize, index);
    if (body.length !== length) {
      throw new StoreError(
        "store-protocol",
        `part ${index} of ${this.key} has ${body.length} bytes, not ${length}`,
      );
    }
    await this.#sendUpTo(offset, body);
    return { index, size: length, sha256, tag: receiptTag(this.token, index, sha256) };
  }

  /** Sends what the session lacks of a part: all of it, its end, or nothing. */
  async #sendUpTo(offset: number, body: Bytes): Promise<void> {
    const end = offset + body.length;
    for (;;) {
      const kept = await this.#kept();
      if (kept >= end) return;
      if (kept < offset) throw this.#lost(`Drive lost bytes of ${this.key} that it had`);
      const progress = await this.#step(() =>
        sendBytes(this.#shelf.api, this.#session, kept, body.subarray(kept - offset), this.size)
      );
      if (progress.kind === "partial" && progress.kept <= kept) throw this.#stuck();
    }
  }

  async #kept(): Promise<number> {
    const progress = this.#progress ?? await this.#step(() => this.#ask());
    if (progress.kind === "gone") throw this.#lost(`Drive has forgotten the upload of ${this.key}`);
    return progress.kind === "whole" ? this.size : progress.kept;
  }

  async #ask(): Promise<Progress> {
    const file = await getFile(this.#shelf.api, this.#id);
    return file === undefined
      ? { kind: "gone" }
      : await progressOf(this.#shelf, file, this.#session, this.size);
  }

  /** One exchange with the session. When it fails, nobody knows how much arrived. */
  async #step(exchange: () => Promise<Progress>): Promise<Progress> {
    this.#progress = undefined;
    this.#progress = await exchange();
    return this.#progress;
  }

  #lost(message: string): StoreError {
    this.#progress = undefined;
    return new StoreError("upload-gone", message, { hint: "The upload begins anew at the next run." });
  }

  #stuck(): StoreError {
    this.#progress = undefined;
    const message = `Drive keeps nothing of what is sent of ${this.key}`;
    return new StoreError("store-unreachable", message, { transient: true });
  }

  async complete(_receipts: readonly PartReceipt[], sha256?: string): Promise<ObjectInfo> {
    if (sha256 === undefined) {
      throw new StoreError("store-protocol", `the SHA-256 of ${this.key} is needed to complete its upload`);
    }
    const expected = { size: this.size, sha256 };
    const mine = await getFile(this.#shelf.api, this.#id);
    const standing = await this.#shelf.sameUnder(this.key, expected);
    if (standing !== undefined && standing.id !== this.#id) {
      await forgetPending(this.#shelf, this.#id);
      return infoOf(this.key, standing);
    }
    if (mine === undefined) throw this.#lost(`Drive has forgotten the upload of ${this.key}`);
    await this.#assertWhole(mine);
    await this.#shelf.prove(mine, expected, `cannot complete the upload of ${this.key}`);
    await this.#publish(mine);
    const object = await this.#shelf.settle(this.key, mine, expected);
    this.#shelf.remember(this.key, object);
    return infoOf(this.key, object);
  }

  async #assertWhole(mine: DriveFile): Promise<void> {
    if (mine.size === this.size || mine.properties["coldframe"] === "object") return;
    const kept = await this.#kept();
    const message = `${this.key} cannot be completed: Drive has ${kept} of ${this.size} bytes`;
    // All are there and the file does not show it: Drive is a moment behind.
    throw new StoreError("store-protocol", message, { transient: kept === this.size });
  }

  async #publish(mine: DriveFile): Promise<void> {
    if (mine.properties["coldframe"] === "object") return;
    const appProperties = { coldframe: "object", ...withoutSession(mine.properties) };
    const what = `cannot complete the upload of ${this.key}`;
    await updateFile(this.#shelf.api, this.#id, { name: this.key, appProperties }, what);
  }

  async abort(): Promise<void> {
    await abortDriveUpload(this.#shelf, this.token);
  }
}

function formatToken(id: string, session: string): string {
  return session === "" ? id : `${id} ${session}`;
}

function parseToken(token: string): { id: string; session: string } | undefined {
  // A session is a path of the API's: the access token goes with it, so a token from elsewhere gets nowhere.
  const [, id, session = ""] = /^([\w-]+)(?: (\/upload\/drive\/\S+))?$/.exec(token) ?? [];
  return id === undefined ? undefined : { id, session };
}

/**
 * What shows that a receipt is of this upload: Drive itself cannot tell one part from another until all of
 * them are there.
 */
function receiptTag(token: string, index: number, sha256: string): string {
  return sha256Hex(utf8(`${token} ${index} ${sha256}`)).slice(0, 32);
}

function assertPartSize(partSize: number): void {
  if (partSize % QUANTUM !== 0) throw new RangeError("a part of a Drive upload is a multiple of 256 KiB");
}
