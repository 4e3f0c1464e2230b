/**
 * Copying files out of one plaintext: in the order in which the bytes stand there, neighbours in one read,
 * several reads side by side, each file proven before it takes its name.
 */

import { CHUNK_SIZE, SEALED_CHUNK_SIZE } from "../../age/payload.ts";
import { ColdframeError } from "../../errors.ts";
import type { Extent } from "../../iso/read.ts";
import type { RandomAccess } from "../../types.ts";
import { abreast, inParallel } from "../pool.ts";
import type { Meter } from "../report.ts";
import { PIECE, readAhead } from "./object-access.ts";
import type { RestoredFile, WantedFile } from "./restored-file.ts";
import type { Target } from "./target.ts";

/** Bytes of a plaintext, and the files they become. */
export interface Copy<F extends WantedFile = WantedFile> {
  readonly size: number;
  readonly files: readonly F[];
  /** Where the bytes stand, in order; they add up to `size`. */
  readonly extents: readonly Extent[];
}

/** A copy that could not be made. */
export interface FailedCopy<C> {
  readonly copy: C;
  readonly error: unknown;
}

/** What copying needs beside the bytes. */
export interface CopyContext<F extends WantedFile = WantedFile> {
  readonly target: Target;
  readonly meter: Meter;
  readonly signal: AbortSignal;
  /** Told of each error; throws it when to go on would only repeat it. */
  consider(error: unknown): void;
  /** Told of each file that has its name. */
  restored(file: F): void | Promise<void>;
}

/** Reads of one plaintext at the same time; what they hold in memory is bounded by `readAhead`. */
const RUNS = 4;

/**
 * Makes copies. One that breaks does not stop the others.
 *
 * @param open gives the plaintext
 * @returns those that failed
 */
export async function copyFiles<F extends WantedFile, C extends Copy<F>>(
  open: () => Promise<RandomAccess>,
  copies: readonly C[],
  context: CopyContext<F>,
): Promise<FailedCopy<C>[]> {
  const failed: FailedCopy<C>[] = [];
  await inParallel(joinNeighbours(copies), abreast(RUNS), async (run) => {
    failed.push(...await copyRun(open, run, context));
  });
  return failed;
}

/** Copies what stands close together as one stream; when that breaks, each alone. */
async function copyRun<F extends WantedFile, C extends Copy<F>>(
  open: () => Promise<RandomAccess>,
  run: readonly C[],
  context: CopyContext<F>,
): Promise<FailedCopy<C>[]> {
  context.signal.throwIfAborted();
  const copying = new RunCopy<F, C>(context);
  try {
    await copying.make(await open(), run);
    return copying.failed;
  } catch (error) {
    context.signal.throwIfAborted();
    context.consider(error);
    if (run.length === 1) return run.map((copy) => ({ copy, error }));
  }
  const failed = [...copying.failed];
  for (const copy of run) {
    if (!copying.settled.has(copy)) failed.push(...await copyRun(open, [copy], context));
  }
  return failed;
}

/** Up to this size a file is written in one go. */
const SMALL = 1024 * 1024;

/** One run on its way. */
class RunCopy<F extends WantedFile, C extends Copy<F>> {
  readonly failed: FailedCopy<C>[] = [];
  /** Copies that are made or failed for good. */
  readonly settled = new Set<C>();
  readonly #context: CopyContext<F>;

  constructor(context: CopyContext<F>) {
    this.#context = context;
  }

  /** Throws when the bytes cannot be read; a small file that cannot be written is in `failed`. */
  async make(access: RandomAccess, run: readonly C[]): Promise<void> {
    const pieces = new Cutter(readExtents(access, spanOf(run)));
    try {
      let position = startOf(run[0]);
      for (const copy of run) {
        this.#context.signal.throwIfAborted();
        await pieces.skip(startOf(copy) - position);
        if (copy.size > SMALL) await this.#stream(copy, pieces);
        else await this.#place(copy, await pieces.whole(copy.size));
        position = startOf(copy) + copy.size;
      }
    } finally {
      await pieces.close();
    }
  }

  async #place(copy: C, bytes: Uint8Array): Promise<void> {
    const { target, restored, consider } = this.#context;
    try {
      for (const file of copy.files) {
        await target.place(file, bytes);
        await restored(file);
      }
      this.#done(copy);
    } catch (error) {
      this.settled.add(copy);
      this.failed.push({ copy, error });
      consider(error);
    }
  }

  async #stream(copy: C, pieces: Cutter): Promise<void> {
    const { target, restored } = this.#context;
    const files: [F, RestoredFile][] = [];
    try {
      for (const file of copy.files) files.push([file, await target.begin(file)]);
      for await (const piece of pieces.take(copy.size)) {
        await Promise.all(files.map(([, open]) => open.write(piece)));
      }
      for (const [file, open] of files) {
        open.finish();
        await restored(file);
      }
      this.#done(copy);
    } finally {
      for (const [, open] of files) await open.discard();
    }
  }

  #done(copy: C): void {
    this.settled.add(copy);
    this.#context.meter.add(copy.size * copy.files.length, copy.files.length);
  }
}

/** The bytes of several extents as one stream. A piece is valid until the next is asked for. */
export async function* readExtents(
  access: RandomAccess,
  extents: readonly Extent[],
): AsyncGenerator<Uint8Array> {
  for (const { offset, length } of extents) yield* readAhead(access, offset, length);
}

function startOf(copy: Copy | undefined): number {
  return copy?.extents[0]?.offset ?? 0;
}

function endOf(copy: Copy): number {
  return startOf(copy) + copy.size;
}

/** What has to be read for a run: a copy alone in its extents, neighbours with the gaps between them. */
function spanOf(run: readonly Copy[]): readonly Extent[] {
  const [first] = run;
  const last = run.at(-1);
  if (first === undefined || last === undefined) return [];
  if (first === last) return first.extents;
  return [{ offset: startOf(first), length: endOf(last) - startOf(first) }];
}

/** What reading a run takes: bytes, rounded to whole chunks of an age file, and requests. */
export function readsOfRun(run: readonly Copy[]): { readonly bytes: number; readonly requests: number } {
  let [bytes, requests] = [0, 0];
  for (const { offset, length } of spanOf(run)) {
    bytes += blocks(offset, length, CHUNK_SIZE) * SEALED_CHUNK_SIZE;
    requests += blocks(offset, length, PIECE);
  }
  return { bytes, requests };
}

/** How many blocks of a size a range touches. */
function blocks(offset: number, length: number, size: number): number {
  return length === 0 ? 0 : Math.ceil((offset + length) / size) - Math.floor(offset / size);
}

/** A gap that is cheaper to read over than to ask again for what comes after. */
const GAP = 256 * 1024;

/** Runs of copies that are read as one, in the order in which they stand in the plaintext. */
export function* joinNeighbours<C extends Copy>(copies: readonly C[]): Generator<C[]> {
  let run: C[] = [];
  let end = 0;
  for (const copy of copies.toSorted((a, b) => startOf(a) - startOf(b))) {
    const apart = copy.extents.length !== 1 || startOf(copy) < end || startOf(copy) - end > GAP;
    if (run.length > 0 && apart) {
      yield run;
      run = [];
    }
    run.push(copy);
    end = copy.extents.length > 1 ? Infinity : endOf(copy);
  }
  if (run.length > 0) yield run;
}

/** Cuts a stream of pieces at given lengths. */
class Cutter {
  readonly #pieces: AsyncGenerator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(pieces: AsyncGenerator<Uint8Array>) {
    this.#pieces = pieces;
  }

  /** Lets go of what was not used. */
  async close(): Promise<void> {
    await this.#pieces.return(undefined);
  }

  async skip(length: number): Promise<void> {
    const passed = this.take(length);
    while ((await passed.next()).done !== true);
  }

  /** The next bytes as one array, valid until more are asked for. */
  async whole(length: number): Promise<Uint8Array> {
    if (this.#rest.length === 0 && length > 0) await this.#fetch(length);
    if (this.#rest.length >= length) return this.#cut(length);
    const bytes = new Uint8Array(length);
    let at = 0;
    for await (const piece of this.take(length)) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  }

  async *take(length: number): AsyncGenerator<Uint8Array> {
    for (let missing = length; missing > 0;) {
      if (this.#rest.length === 0) await this.#fetch(missing);
      const piece = this.#cut(missing);
      missing -= piece.length;
      yield piece;
    }
  }

  async #fetch(missing: number): Promise<void> {
    const next = await this.#pieces.next();
    if (next.done === true) {
      throw new ColdframeError("damaged", `the stored bytes end ${missing} too early`);
    }
    this.#rest = next.value;
  }

  #cut(length: number): Uint8Array {
    const piece = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(piece.length);
    return piece;
  }
}
