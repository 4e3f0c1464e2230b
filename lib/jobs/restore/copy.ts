/**
 * Copying files out of one plaintext: in the order in which the bytes stand there, neighbours in one read,
 * each file proven before it takes its name.
 */

import { ColdframeError } from "../../errors.ts";
import type { Extent } from "../../iso/read.ts";
import type { RandomAccess } from "../../types.ts";
import type { Meter } from "../report.ts";
import { readAhead } from "./object-access.ts";
import type { RestoredFile, Target, WantedFile } from "./target.ts";

/** Bytes of a plaintext, and the files they become. */
export interface Copy {
  readonly size: number;
  readonly files: readonly WantedFile[];
  /** Where the bytes stand, in order; they add up to `size`. */
  readonly extents: readonly Extent[];
}

/** A copy that could not be made. */
export interface FailedCopy<C extends Copy> {
  readonly copy: C;
  readonly error: unknown;
}

/** What copying needs beside the bytes. */
export interface CopyContext {
  readonly target: Target;
  readonly meter: Meter;
  readonly signal: AbortSignal;
  /** Told of each error; throws it when to go on would only repeat it. */
  consider(error: unknown): void;
  /** Told of each file that has its name. */
  restored(file: WantedFile): void;
}

/**
 * Makes copies. One that breaks does not stop the others.
 *
 * @param open gives the plaintext
 * @returns those that failed
 */
export async function copyFiles<C extends Copy>(
  open: () => Promise<RandomAccess>,
  copies: readonly C[],
  context: CopyContext,
): Promise<FailedCopy<C>[]> {
  const ordered = copies.toSorted((a, b) => startOf(a) - startOf(b));
  const failed: FailedCopy<C>[] = [];
  for (const run of joinNeighbours(ordered)) failed.push(...await copyRun(open, run, context));
  return failed;
}

/** Copies what stands close together as one stream; when that breaks, each alone. */
async function copyRun<C extends Copy>(
  open: () => Promise<RandomAccess>,
  run: readonly C[],
  context: CopyContext,
): Promise<FailedCopy<C>[]> {
  const done = new Set<C>();
  try {
    await stream(await open(), run, done, context);
    return [];
  } catch (error) {
    context.signal.throwIfAborted();
    context.consider(error);
    if (run.length === 1) return run.map((copy) => ({ copy, error }));
  }
  const failed: FailedCopy<C>[] = [];
  for (const copy of run) {
    if (!done.has(copy)) failed.push(...await copyRun(open, [copy], context));
  }
  return failed;
}

async function stream<C extends Copy>(
  access: RandomAccess,
  run: readonly C[],
  done: Set<C>,
  context: CopyContext,
): Promise<void> {
  const pieces = new Cutter(readExtents(access, spanOf(run)));
  let position = startOf(run[0]);
  for (const copy of run) {
    context.signal.throwIfAborted();
    await pieces.skip(startOf(copy) - position);
    await write(copy, pieces, context);
    position = startOf(copy) + copy.size;
    done.add(copy);
    context.meter.add(copy.size * copy.files.length, copy.files.length);
  }
}

async function write(copy: Copy, pieces: Cutter, { target, restored }: CopyContext): Promise<void> {
  const files: RestoredFile[] = [];
  try {
    for (const file of copy.files) files.push(await target.begin(file));
    for await (const piece of pieces.take(copy.size)) {
      for (const file of files) await file.write(piece);
    }
    for (const [i, file] of files.entries()) {
      await file.finish();
      const wanted = copy.files[i];
      if (wanted !== undefined) restored(wanted);
    }
  } finally {
    for (const file of files) await file.discard();
  }
}

/** The bytes of several extents as one stream. */
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

/** A gap that is cheaper to read over than to ask again for what comes after. */
const GAP = 256 * 1024;

function* joinNeighbours<C extends Copy>(copies: readonly C[]): Generator<C[]> {
  let run: C[] = [];
  let end = 0;
  for (const copy of copies) {
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
  readonly #pieces: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  async skip(length: number): Promise<void> {
    const passed = this.take(length);
    while ((await passed.next()).done !== true);
  }

  async *take(length: number): AsyncGenerator<Uint8Array> {
    for (let missing = length; missing > 0;) {
      if (this.#rest.length === 0) {
        const next = await this.#pieces.next();
        if (next.done === true) {
          throw new ColdframeError("damaged", `the stored bytes end ${missing} too early`);
        }
        this.#rest = next.value;
      }
      const piece = this.#rest.subarray(0, missing);
      this.#rest = this.#rest.subarray(piece.length);
      missing -= piece.length;
      yield piece;
    }
  }
}
