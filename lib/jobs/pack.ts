/** Packing: volumes as files in a folder, without sending them anywhere. */

import { createHash, randomBytes } from "node:crypto";
import { link, open, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { newEnvelope } from "../age/header.ts";
import { findVolume, planVolume } from "../catalog/volumes.ts";
import { type Mentions, NO_MENTIONS, unlisted, type WaitingFile, waitingFiles } from "../catalog/waiting.ts";
import { ColdframeError, messageOf, systemCode } from "../errors.ts";
import { writeAt } from "../file-io.ts";
import { makeFolderDurably, syncFolder } from "../files.ts";
import { volumeName } from "../plan/name.ts";
import { absolutePath } from "./content-reader.ts";
import { encrypted } from "./encrypted.ts";
import { planWaiting } from "./planning.ts";
import type { ObjectMaker } from "./send.ts";
import type { Session } from "./session.ts";
import { VolumeReader } from "./volume-reader.ts";
import { buildVolume, volumeRows } from "./volume.ts";

/** How to pack. */
export interface PackOptions {
  readonly out: string;
  /** Unencrypted images. */
  readonly plain: boolean;
  readonly volumeSize: number;
  /** Also pack what does not fill a volume. */
  readonly seal: boolean;
  readonly dryRun: boolean;
}

/** An image file. */
export interface PackedFile {
  readonly name: string;
  readonly path: string;
  readonly files: number;
  /** Bytes. */
  readonly size: number;
}

/** What packing did. */
export interface PackReport {
  readonly packed: readonly PackedFile[];
  /** Files that do not fill a volume. */
  readonly waiting: number;
}

/**
 * Packs what is in no stored and no packed volume. A packed volume is a file and nothing more: its
 * contents count as protected only when it has been stored.
 */
export async function pack(session: Session, options: PackOptions): Promise<PackReport> {
  const { db, home } = session;
  const waiting = await waitingFiles(db, home.box, "packed");
  const mentions = await unlisted(db, home.box);
  const plan = planWaiting(session, waiting, mentions, options.volumeSize);
  const volumes = options.seal && plan.rest.length > 0 ? [...plan.full, plan.rest] : plan.full;
  const packed: PackedFile[] = [];
  for (const [i, files] of volumes.entries()) {
    session.signal.throwIfAborted();
    packed.push(await packVolume(session, options, files, i === 0 ? mentions : NO_MENTIONS));
  }
  return { packed, waiting: volumes.length === plan.full.length ? plan.rest.length : 0 };
}

async function packVolume(
  session: Session,
  options: PackOptions,
  files: readonly WaitingFile[],
  mentions: Mentions,
): Promise<PackedFile> {
  const owner = { archive: session.archive.archive, box: session.home.box };
  const name = await unusedName(session, (salt) => volumeName(owner, files, salt));
  const created = session.now();
  const built = buildVolume({ ...owner, name, created, udf: session.home.config.udf, files, ...mentions });
  const key = options.plain ? `${name}.iso` : `${name}.iso.age`;
  const path = join(resolve(options.out), key);
  const reader = new VolumeReader(built, readable(files));
  try {
    const { maker, headerSize } = await makerOf(session, options.plain, key, reader);
    const packed = { name, path, files: files.length, size: maker.size };
    if (options.dryRun) return packed;
    const meter = session.report.phase(`Packing ${name}`, maker.size);
    const fileSha256 = await writeImage(path, maker, (bytes) => meter.add(bytes), session.signal)
      .finally(() => meter.done());
    await planVolume(
      session.db,
      {
        ...owner,
        name,
        state: "packed",
        store: resolve(options.out),
        key,
        created,
        imageSize: built.image.size,
        objectSize: maker.size,
        headerSize,
        udf: session.home.config.udf,
        files: files.length,
        oldest: Math.min(...extremes(files)),
        newest: Math.max(...extremes(files)),
        fileSha256,
      },
      volumeRows(files, built.offsets, mentions.references),
    );
    return packed;
  } finally {
    await reader.close();
  }
}

/** A name that the catalog does not know. */
async function unusedName(session: Session, candidate: (salt: number) => string): Promise<string> {
  for (let salt = 0;; salt++) {
    const name = candidate(salt);
    if (await findVolume(session.db, name) === undefined) return name;
  }
}

/** Files are planned oldest first, but a group may reach further than its first file. */
function extremes(files: readonly WaitingFile[]): [oldest: number, newest: number] {
  return files.reduce<[number, number]>(
    ([oldest, newest], file) => [Math.min(oldest, file.mtime), Math.max(newest, file.mtime)],
    [Infinity, -Infinity],
  );
}

function readable(files: readonly WaitingFile[]) {
  return new Map(files.map((file) => [
    file.sha256,
    { sha256: file.sha256, size: file.size, path: absolutePath(file.root, file.below) },
  ]));
}

async function makerOf(
  session: Session,
  plain: boolean,
  key: string,
  reader: VolumeReader,
): Promise<{ maker: ObjectMaker; headerSize: number }> {
  if (plain) {
    const maker: ObjectMaker = {
      size: reader.size,
      part: (offset, length, buffer) => reader.readAt(offset, length, buffer),
      bufferSize: (length) => length,
      unprovenFrom: (end) => reader.unprovenFrom(end),
      prove: () => reader.settle(),
    };
    return { maker, headerSize: 0 };
  }
  const envelope = await newEnvelope(session.home.recipients);
  return { maker: await encrypted({ ...envelope, key }, reader), headerSize: envelope.header.length };
}

const PIECE = 8 * 1024 * 1024;

/**
 * Writes an image under a temporary name, which becomes its own when it is whole and on the disk.
 *
 * @returns its SHA-256, in hex
 */
async function writeImage(
  path: string,
  maker: ObjectMaker,
  onWritten: (bytes: number) => void,
  signal: AbortSignal,
): Promise<string> {
  const folder = resolve(path, "..");
  const temporary = `${path}.${randomBytes(6).toString("hex")}.part`;
  const hash = createHash("sha256");
  try {
    await makeFolderDurably(folder, 0o755);
    const file = await open(temporary, "wx", 0o600);
    try {
      const buffer = new Uint8Array(maker.bufferSize(PIECE));
      for (let offset = 0; offset < maker.size; offset += PIECE) {
        signal.throwIfAborted();
        const piece = await maker.part(offset, Math.min(PIECE, maker.size - offset), buffer);
        hash.update(piece);
        await writeAt(file, piece, offset);
        onWritten(piece.length);
      }
      await maker.prove();
      await file.sync();
    } finally {
      await file.close();
    }
    await link(temporary, path);
    await syncFolder(folder);
    return hash.digest("hex");
  } catch (error) {
    throw packError(error, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

function packError(error: unknown, path: string): unknown {
  const code = systemCode(error);
  if (error instanceof ColdframeError || code === undefined) return error;
  if (code === "EEXIST") {
    return new ColdframeError("exists", `${path} is already there`, {
      hint: "Choose another folder with --out.",
    });
  }
  const what = code === "ENOSPC" ? "the disk is full" : messageOf(error);
  return new ColdframeError(
    code === "ENOSPC" ? "store-full" : "store-denied",
    `cannot write ${path}: ${what}`,
    {
      hint: "Choose another folder with --out.",
      cause: error,
    },
  );
}
