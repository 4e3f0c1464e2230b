/** Reads and writes of all the bytes asked for: a single system call may take or give fewer. */

import { readSync, write, writeSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { promisify } from "node:util";
import type { Bytes } from "./bytes.ts";

/**
 * Fills `into` from `position`.
 *
 * @returns how many bytes were filled: all, but where the file ends before
 */
export async function readInto(file: FileHandle, position: number, into: Bytes): Promise<number> {
  let done = 0;
  while (done < into.length) {
    const { bytesRead } = await file.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

/** As `readInto`, in synchronous calls: for small files, where waiting takes longer than the work. */
export function readIntoSync(fd: number, position: number, into: Bytes): number {
  let done = 0;
  while (done < into.length) {
    const bytesRead = readSync(fd, into, done, into.length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

/** Up to `length` bytes from `position`; fewer only where the file ends. */
export async function readAt(file: FileHandle, position: number, length: number): Promise<Bytes> {
  const bytes = new Uint8Array(length);
  return bytes.subarray(0, await readInto(file, position, bytes));
}

/** Writes all of `bytes` at `position`. */
export async function writeAt(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

const writeLater = promisify(write);

/** As `writeAt`, to a file that is otherwise handled in synchronous calls; it must stay open meanwhile. */
export async function writeAtLater(fd: number, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await writeLater(fd, bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/** As `writeAt`, in synchronous calls. */
export function writeAtSync(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(fd, bytes, done, bytes.length - done, position + done);
  }
}
