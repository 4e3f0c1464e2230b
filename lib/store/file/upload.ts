/**
 * Uploads in parts to a `file:` store. Each is two files in the store's folder of unfinished things:
 * `<token>.part`, which grows into the object, and `<token>.json`, which says what it is to become.
 */

import { randomBytes } from "node:crypto";
import { type FileHandle, rm, stat, statfs } from "node:fs/promises";
import { type Bytes, toHex } from "../../bytes.ts";
import { StoreError } from "../../errors.ts";
import { writeAt } from "../../file-io.ts";
import { partsChecksum, sha256Hex } from "../checksum.ts";
import { type ObjectInfo, partCount, type PartReceipt, type Upload, type UploadInfo } from "../store.ts";
import { type Disk, fileMode } from "./disk.ts";
import { hashRange, isAbsent, undefinedIfAbsent, withFile, writeNewFile } from "./io.ts";
import { infoOf, namesIn } from "./list.ts";
import { isToken, partAt, partPath, type Plan, planPath, readPlan, tokenOfPlan, writePlan } from "./plan.ts";

/** Starts an upload; both its files are on the disk when this returns. */
export async function beginUpload(disk: Disk, wanted: Omit<Plan, "started">): Promise<Upload> {
  await assertRoom(disk, wanted.size);
  const token = `upload-${toHex(randomBytes(16))}`;
  const plan = { ...wanted, started: Math.floor(disk.context.now()) };
  // The plan comes first: a part file without one would never be found again.
  await writePlan(disk, token, plan);
  await writeNewFile(partPath(disk, token), new Uint8Array(0), fileMode(plan.secret));
  await disk.syncTemp();
  return new FileUpload(disk, token, plan, []);
}

/** See `Store.resumeUpload`. Reads the parts again: a receipt counts only where its bytes are. */
export async function resumeUpload(
  disk: Disk,
  key: string,
  size: number,
  token: string,
  known: readonly PartReceipt[],
): Promise<Upload | undefined> {
  if (!isToken(token)) return undefined;
  const plan = await readPlan(disk, token);
  if (plan === undefined || plan.key !== key || plan.size !== size) return undefined;
  const path = partPath(disk, token);
  if (await stat(path).catch(undefinedIfAbsent) === undefined) return undefined;
  const held = await withFile(path, "r", 0, (file) => confirm(disk, file, plan, known));
  return new FileUpload(disk, token, plan, held);
}

/** The receipts whose bytes stand in the file. */
async function confirm(
  disk: Disk,
  file: FileHandle,
  plan: Plan,
  known: readonly PartReceipt[],
): Promise<PartReceipt[]> {
  const held: PartReceipt[] = [];
  for (const receipt of known) {
    disk.context.signal?.throwIfAborted();
    const range = partAt(plan, receipt.index);
    if (range === undefined || range.length !== receipt.size) continue;
    if (await hashRange(file, range.offset, range.length) === receipt.sha256) held.push(receipt);
  }
  return held;
}

/** Every upload whose plan can be read. */
export async function* listUploads(disk: Disk): AsyncIterable<UploadInfo> {
  for (const name of await namesIn(disk, disk.temp)) {
    const token = tokenOfPlan(name);
    if (token === undefined) continue;
    const path = planPath(disk, token);
    const plan = await disk.run("read", path, () => readPlan(disk, token));
    if (plan !== undefined) yield { key: plan.key, token, started: plan.started };
  }
  await disk.verify();
}

/** Forgets an upload. The part file goes first, so that one cut off here can still be found. */
export async function abortUpload(disk: Disk, token: string): Promise<void> {
  if (!isToken(token)) return;
  await rm(partPath(disk, token), { force: true });
  await rm(planPath(disk, token), { force: true });
}

class FileUpload implements Upload {
  readonly token: string;
  readonly inOrder = false;
  readonly wholeHash = false;
  readonly confirmed: readonly PartReceipt[];
  readonly #disk: Disk;
  readonly #plan: Plan;
  readonly #path: string;
  /** The SHA-256 of what stands in each part, as far as we saw it ourselves. */
  readonly #held = new Map<number, string>();

  constructor(disk: Disk, token: string, plan: Plan, confirmed: readonly PartReceipt[]) {
    this.token = token;
    this.confirmed = confirmed;
    this.#disk = disk;
    this.#plan = plan;
    this.#path = partPath(disk, token);
    for (const receipt of confirmed) this.#held.set(receipt.index, receipt.sha256);
  }

  get key(): string {
    return this.#plan.key;
  }

  get size(): number {
    return this.#plan.size;
  }

  get partSize(): number {
    return this.#plan.partSize;
  }

  async send(index: number, body: Bytes, sha256 = sha256Hex(body)): Promise<PartReceipt> {
    const range = partAt(this.#plan, index);
    if (range?.length !== body.length) {
      throw new StoreError("store-protocol", `part ${index} of ${this.key} cannot have ${body.length} bytes`);
    }
    // A write that fails leaves neither the old bytes nor the new.
    this.#held.delete(index);
    await this.#run("write", async () => {
      // Opened for each part: a descriptor of its own hears of every write that failed since.
      await withFile(this.#path, "r+", 0, (file) => this.#write(file, range.offset, body, sha256));
    });
    this.#held.set(index, sha256);
    return { index, size: body.length, sha256, tag: "" };
  }

  async #write(file: FileHandle, offset: number, body: Bytes, sha256: string): Promise<void> {
    // A second name means that the object is published: a crash came before this name was removed.
    if ((await file.stat()).nlink > 1) {
      if (await hashRange(file, offset, body.length) === sha256) return;
      throw new StoreError("object-exists", `${this.key} is already complete, with other bytes`);
    }
    await writeAt(file, body, offset);
    await file.datasync();
  }

  async complete(receipts: readonly PartReceipt[]): Promise<ObjectInfo> {
    this.#assertCount(receipts);
    return await this.#run("complete", async () => {
      const unfinished = await stat(this.#path).catch(undefinedIfAbsent);
      if (unfinished === undefined) await this.#assertPublished(receipts);
      else await this.#publish(receipts);
      await abortUpload(this.#disk, this.token);
      const found = await stat(this.#disk.objectPath(this.key));
      return { ...infoOf(this.key, found), checksum: partsChecksum(receipts, this.partSize) };
    });
  }

  async #publish(receipts: readonly PartReceipt[]): Promise<void> {
    const strange = receipts.find(({ index, sha256 }) => this.#held.get(index) !== sha256);
    if (strange !== undefined) {
      throw new StoreError("store-protocol", `part ${strange.index} of ${this.key} was never confirmed`);
    }
    await withFile(this.#path, "r+", 0, async (file) => {
      const { size } = await file.stat();
      if (size !== this.size) throw this.#wrongSize(size);
      await file.sync();
    });
    await this.#disk.publishObject(this.#path, this.key, this.#plan.secret);
  }

  /** The upload is gone: complete before, if its object is there with the bytes of the receipts. */
  async #assertPublished(receipts: readonly PartReceipt[]): Promise<void> {
    const path = this.#disk.objectPath(this.key);
    const found = await stat(path).catch(undefinedIfAbsent);
    if (found === undefined) {
      await this.#disk.verify();
      throw gone(this.key);
    }
    const same = found.isFile() && found.size === this.size && await this.#holds(path, receipts);
    if (!same) throw new StoreError("object-exists", `${path} is already there, with other bytes`);
  }

  async #holds(path: string, receipts: readonly PartReceipt[]): Promise<boolean> {
    const held = await withFile(path, "r", 0, (file) => confirm(this.#disk, file, this.#plan, receipts));
    return held.length === receipts.length;
  }

  #assertCount(receipts: readonly PartReceipt[]): void {
    const count = partCount(this.size, this.partSize);
    if (receipts.length !== count || receipts.some(({ index }, i) => index !== i)) {
      throw new StoreError(
        "store-protocol",
        `${this.key} needs the receipts of its ${count} parts, in order`,
      );
    }
  }

  #wrongSize(size: number): StoreError {
    return new StoreError("damaged", `${this.#path} has ${size} bytes instead of ${this.size}`, {
      hint: "Something else changed or cut it; upload the object anew.",
    });
  }

  async abort(): Promise<void> {
    await this.#run("remove", () => abortUpload(this.#disk, this.token));
  }

  async #run<T>(doing: string, body: () => Promise<T>): Promise<T> {
    return await this.#disk.run(doing, this.#path, async () => {
      try {
        return await body();
      } catch (error) {
        if (!isAbsent(error) || await stat(this.#path).catch(undefinedIfAbsent) !== undefined) throw error;
        await this.#disk.verify();
        throw gone(this.key);
      }
    });
  }
}

function gone(key: string): StoreError {
  return new StoreError("upload-gone", `the store no longer knows the upload of ${key}`);
}

/**
 * A hint before hours of writing, not a promise: space may go meanwhile.
 *
 * @throws StoreError `store-full`
 */
async function assertRoom(disk: Disk, size: number): Promise<void> {
  const { blocks, bavail, bsize } = await statfs(disk.root);
  const free = bavail * bsize;
  // Some network drives report nothing.
  if (blocks === 0 || free >= size) return;
  throw new StoreError("store-full", `${disk.root} has ${free} bytes free, but ${size} are needed`, {
    hint: "Free some space on that disk or choose another store.",
  });
}
