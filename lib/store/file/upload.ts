/**
 * Uploads in parts to a `file:` store. Each is two files in the store's folder of unfinished things:
 * `<token>.part`, which grows into the object, and `<token>.json`, which says what it is to become.
 */

import { randomBytes } from "node:crypto";
import { type FileHandle, opendir, readFile, rename, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { type Bytes, toHex, utf8 } from "../../bytes.ts";
import { messageOf, StoreError } from "../../errors.ts";
import { partsChecksum, sha256Hex } from "../checksum.ts";
import {
  type ObjectInfo,
  type ObjectKind,
  partCount,
  partRange,
  type PartReceipt,
  type Upload,
  type UploadInfo,
} from "../store.ts";
import type { Disk } from "./disk.ts";
import { hashRange, isAbsent, undefinedIfAbsent, withFile, writeAt, writeNewFile } from "./io.ts";
import { infoOf } from "./list.ts";

/** Also a guard: a token is part of a path, and comes back from outside. */
const TOKEN = /^upload-[0-9a-f]{32}$/;

/** What `<token>.json` holds. */
interface Plan {
  readonly key: string;
  readonly kind: ObjectKind;
  /** Bytes. */
  readonly size: number;
  readonly partSize: number;
  /** Ms since 1970. */
  readonly started: number;
}

/** Starts an upload; both its files are on the disk when this returns. */
export async function beginUpload(
  disk: Disk,
  plan: Omit<Plan, "started">,
): Promise<Upload> {
  await assertRoom(disk, plan.size);
  const token = `upload-${toHex(randomBytes(16))}`;
  const started = disk.context.now();
  // The plan comes first: a part file without one would never be found again.
  await writePlan(disk, token, { ...plan, started });
  await writeNewFile(partPath(disk, token), new Uint8Array(0), fileMode(plan.kind));
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
  if (!TOKEN.test(token)) return undefined;
  const plan = await readPlan(disk, token);
  if (plan === undefined || plan.key !== key || plan.size !== size) return undefined;
  const path = partPath(disk, token);
  if (await stat(path).catch(undefinedIfAbsent) === undefined) return undefined;
  const held = await withFile(path, "r", 0, (file) => confirm(disk, file, plan, known));
  return new FileUpload(disk, token, plan, held);
}

async function confirm(
  disk: Disk,
  file: FileHandle,
  plan: Omit<Plan, "started">,
  known: readonly PartReceipt[],
): Promise<PartReceipt[]> {
  const held: PartReceipt[] = [];
  for (const receipt of known) {
    disk.context.signal?.throwIfAborted();
    if (receipt.index >= partCount(plan.size, plan.partSize)) continue;
    const { offset, length } = partRange(plan.size, plan.partSize, receipt.index);
    const fits = receipt.size === length;
    if (fits && await hashRange(file, offset, length) === receipt.sha256) held.push(receipt);
  }
  return held;
}

/** Every upload whose plan can be read. */
export async function* listUploads(disk: Disk): AsyncIterable<UploadInfo> {
  const entries = await opendir(disk.temp).catch(undefinedIfAbsent);
  await disk.verify();
  if (entries === undefined) return;
  for await (const { name } of entries) {
    const token = name.replace(/\.json$/, "");
    if (token === name || !TOKEN.test(token)) continue;
    const plan = await readPlan(disk, token);
    if (plan !== undefined) yield { key: plan.key, token, started: plan.started };
  }
}

/** Forgets an upload. The part file goes first, so that one cut off here can still be found. */
export async function abortUpload(disk: Disk, token: string): Promise<void> {
  if (!TOKEN.test(token)) return;
  await rm(partPath(disk, token), { force: true });
  await rm(planPath(disk, token), { force: true });
}

class FileUpload implements Upload {
  readonly key: string;
  readonly size: number;
  readonly partSize: number;
  readonly token: string;
  readonly inOrder = false;
  readonly wholeHash = false;
  readonly confirmed: readonly PartReceipt[];
  readonly #disk: Disk;
  readonly #kind: ObjectKind;
  readonly #path: string;
  /** The SHA-256 of what stands in each part, as far as we saw it ourselves. */
  readonly #held = new Map<number, string>();

  constructor(disk: Disk, token: string, plan: Omit<Plan, "started">, confirmed: readonly PartReceipt[]) {
    this.key = plan.key;
    this.size = plan.size;
    this.partSize = plan.partSize;
    this.token = token;
    this.confirmed = confirmed;
    this.#disk = disk;
    this.#kind = plan.kind;
    this.#path = partPath(disk, token);
    for (const receipt of confirmed) this.#held.set(receipt.index, receipt.sha256);
  }

  async send(index: number, body: Bytes): Promise<PartReceipt> {
    const { offset, length } = this.#rangeOf(index, body.length);
    const sha256 = sha256Hex(body);
    await this.#run("write", async () => {
      // Opened for each part: a descriptor of its own hears of every write that failed since.
      await withFile(this.#path, "r+", 0, (file) => this.#write(file, offset, body, sha256));
    });
    this.#held.set(index, sha256);
    return { index, size: length, sha256, tag: "" };
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

  #rangeOf(index: number, given: number): { offset: number; length: number } {
    const range = partRange(this.size, this.partSize, index);
    const there = Number.isInteger(index) && index >= 0 && index < partCount(this.size, this.partSize);
    if (!there || range.length !== given) {
      throw new StoreError("store-protocol", `part ${index} of ${this.key} cannot have ${given} bytes`);
    }
    return range;
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
    await this.#disk.publishObject(this.#path, this.key, this.#kind);
  }

  /** The upload is gone: complete before, if its object is there with the bytes of the receipts. */
  async #assertPublished(receipts: readonly PartReceipt[]): Promise<void> {
    const path = this.#disk.objectPath(this.key);
    const found = await stat(path).catch(undefinedIfAbsent);
    if (found === undefined) throw gone(this.key);
    const same = found.isFile() && found.size === this.size && await this.#holds(path, receipts);
    if (!same) throw new StoreError("object-exists", `${path} is already there, with other bytes`);
  }

  async #holds(path: string, receipts: readonly PartReceipt[]): Promise<boolean> {
    const plan = { key: this.key, kind: this.#kind, size: this.size, partSize: this.partSize };
    const held = await withFile(path, "r", 0, (file) => confirm(this.#disk, file, plan, receipts));
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
  // Some network drives report nothing.
  if (blocks === 0 || bavail * bsize >= size) return;
  throw new StoreError(
    "store-full",
    `${disk.root} has ${bavail * bsize} bytes free, but ${size} are needed`,
    {
      hint: "Free some space on that disk or choose another store.",
    },
  );
}

async function writePlan(disk: Disk, token: string, plan: Plan): Promise<void> {
  const temp = disk.tempPath();
  await writeNewFile(temp, utf8(JSON.stringify(plan)), 0o666);
  await rename(temp, planPath(disk, token));
}

/** Undefined when it is not there, or not what we wrote. */
async function readPlan(disk: Disk, token: string): Promise<Plan | undefined> {
  const path = planPath(disk, token);
  const text = await readFile(path, "utf8").catch(undefinedIfAbsent);
  if (text === undefined) return undefined;
  try {
    return parsePlan(JSON.parse(text));
  } catch (error) {
    disk.context.warn(`${path} is not a plan of an upload and is left alone: ${messageOf(error)}`);
    return undefined;
  }
}

function parsePlan(value: unknown): Plan {
  if (typeof value !== "object" || value === null) throw new TypeError("not an object");
  const { key, kind, size, partSize, started }: Partial<Record<string, unknown>> = { ...value };
  if (typeof key !== "string" || !isKind(kind)) throw new TypeError("no key or kind");
  if (typeof size !== "number" || typeof partSize !== "number" || typeof started !== "number") {
    throw new TypeError("no sizes");
  }
  return { key, kind, size, partSize, started };
}

const KINDS: readonly unknown[] = [
  "volume",
  "manifest",
  "snapshot",
  "key",
  "staged",
  "mirror",
  "text",
] satisfies ObjectKind[];

function isKind(value: unknown): value is ObjectKind {
  return KINDS.includes(value);
}

function partPath(disk: Disk, token: string): string {
  return join(disk.temp, `${token}.part`);
}

function planPath(disk: Disk, token: string): string {
  return join(disk.temp, `${token}.json`);
}

/** Keys are for their owner only; everything else as the umask says, since a household may share a store. */
export function fileMode(kind: ObjectKind): number {
  return kind === "key" ? 0o600 : 0o666;
}
