/** Images made by hand, byte by byte, for what no honest program writes; and ways to look at what is read. */

import { Buffer } from "node:buffer";
import { open } from "node:fs/promises";
import { type Bytes, concat, fromHex, utf8 } from "../../lib/bytes.ts";
import { type ImageNode, openImage, sliceExtents } from "../../lib/iso/read.ts";
import type { RandomAccess } from "../../lib/types.ts";

export const SECTOR = 2048;

/** A directory record; the fields that a test does not name are those of an empty file without Rock Ridge. */
export interface RecordSpec {
  readonly id: Uint8Array | string;
  readonly block?: number;
  readonly size?: number;
  readonly flags?: number;
  readonly systemUse?: Uint8Array;
  readonly date?: Uint8Array;
  readonly attributeBlocks?: number;
  readonly interleave?: number;
}

export function both32(value: number): Bytes {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setUint32(0, value, true);
  new DataView(bytes.buffer).setUint32(4, value, false);
  return bytes;
}

/** ECMA-119 §9.1. */
export function record(spec: RecordSpec): Bytes {
  const id = typeof spec.id === "string" ? utf8(spec.id) : spec.id;
  const pad = new Uint8Array(id.length % 2 === 0 ? 1 : 0);
  const body = concat(
    Uint8Array.of(spec.attributeBlocks ?? 0),
    both32(spec.block ?? 0),
    both32(spec.size ?? 0),
    spec.date ?? fromHex("7c 02 1d 0c 00 00 00"),
    Uint8Array.of(spec.flags ?? 0, spec.interleave ?? 0, 0),
    fromHex("01 00 00 01"),
    Uint8Array.of(id.length),
    id,
    pad,
    spec.systemUse ?? new Uint8Array(),
  );
  const odd = (body.length + 1) % 2;
  return concat(Uint8Array.of(body.length + 1 + odd), body, new Uint8Array(odd));
}

/** A system-use entry: signature, length, version 1, body. */
export function entry(signature: string, ...body: readonly Uint8Array[]): Bytes {
  const bytes = concat(...body);
  return concat(utf8(signature), Uint8Array.of(4 + bytes.length, 1), bytes);
}

export const SP = fromHex("53 50 07 01 be ef 00");
export const name = (text: string, flags = 0): Bytes => entry("NM", Uint8Array.of(flags), utf8(text));
export const mode = (value: number): Bytes => entry("PX", both32(value), both32(1), both32(0), both32(0));
export const continued = (block: number, offset: number, length: number): Bytes =>
  entry("CE", both32(block), both32(offset), both32(length));

export const DIR = 2;
const DOT = Uint8Array.of(0);
const DOT_DOT = Uint8Array.of(1);

/** A folder of whole sectors; records are laid out as they come, without regard for sectors, when `raw`. */
export function folder(
  block: number,
  parent: number,
  records: readonly RecordSpec[],
  own: Uint8Array = new Uint8Array(),
  sectors = 1,
): Bytes {
  const size = sectors * SECTOR;
  const bytes = concat(
    record({ id: DOT, block, size, flags: DIR, systemUse: own }),
    record({ id: DOT_DOT, block: parent, size, flags: DIR }),
    ...records.map(record),
  );
  return concat(bytes, new Uint8Array(size - bytes.length));
}

/** The root stands here in every crafted image. */
export const ROOT = 20;

/** An image from its sectors; those not given are zero. The descriptors are added where they are not given. */
export function image(sectors: Readonly<Record<number, Uint8Array>>, blocks = 64, joliet?: number): Bytes {
  const bytes = new Uint8Array(blocks * SECTOR);
  bytes.set(descriptor(1, ROOT), 16 * SECTOR);
  if (joliet !== undefined) bytes.set(descriptor(2, joliet), 17 * SECTOR);
  bytes.set(concat(fromHex("ff"), utf8("CD001"), fromHex("01")), (joliet === undefined ? 17 : 18) * SECTOR);
  for (const [block, content] of Object.entries(sectors)) bytes.set(content, Number(block) * SECTOR);
  return bytes;
}

function descriptor(type: number, root: number): Bytes {
  const bytes = new Uint8Array(SECTOR);
  bytes.set(concat(Uint8Array.of(type), utf8("CD001"), Uint8Array.of(1)));
  bytes.set(utf8("CRAFTED".padEnd(32)), 40);
  if (type === 2) bytes.set(fromHex("25 2f 45"), 88);
  bytes.set(fromHex("00 08 08 00"), 128);
  bytes.set(record({ id: DOT, block: root, size: SECTOR, flags: DIR }), 156);
  bytes.set(concat(utf8("2024022912000000"), Uint8Array.of(0)), 813);
  return bytes;
}

/** What a reader asked for. */
export interface Watched extends RandomAccess {
  /** Calls of `readAt` so far. */
  readonly calls: () => number;
  /** Bytes read so far. */
  readonly bytes: () => number;
}

/** Bytes in memory behind the interface; a read outside of them is a fault of the reader. */
export function memory(image: Bytes): Watched {
  let calls = 0;
  let read = 0;
  return {
    size: image.length,
    calls: () => calls,
    bytes: () => read,
    readAt(offset, length) {
      calls++;
      read += length;
      const inside = offset >= 0 && length >= 0 && offset + length <= image.length;
      if (!inside || !Number.isSafeInteger(offset + length)) {
        return Promise.reject(new Error(`read of ${length} bytes at ${offset}, outside of the image`));
      }
      return Promise.resolve(image.slice(offset, offset + length));
    },
  };
}

/** A file on disk behind the interface, for as long as `body` runs. */
export async function withImageFile<T>(path: string, body: (access: RandomAccess) => Promise<T>): Promise<T> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    return await body({
      size,
      async readAt(offset, length) {
        const bytes = new Uint8Array(length);
        const { bytesRead } = await file.read(bytes, 0, length, offset);
        if (bytesRead < length) throw new Error(`read ${bytesRead} of ${length} bytes at ${offset}`);
        return bytes;
      },
    });
  } finally {
    await file.close();
  }
}

/** All nodes of an image. */
export async function nodesOf(access: RandomAccess): Promise<ImageNode[]> {
  const nodes: ImageNode[] = [];
  for await (const node of (await openImage(access)).walk()) nodes.push(node);
  return nodes;
}

/** A listing that compares well: `path` → "dir", "→ target", or the file's text. */
export async function contentsOf(access: RandomAccess): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const node of await nodesOf(access)) found.set(node.path, await contentOf(access, node));
  return found;
}

async function contentOf(access: RandomAccess, node: ImageNode): Promise<string> {
  if (node.kind === "dir") return "dir";
  if (node.kind === "symlink") return `→ ${node.target}`;
  const parts = sliceExtents(node.extents, 0, node.size);
  const bytes = await Promise.all(parts.map(({ offset, length }) => access.readAt(offset, length)));
  return Buffer.concat(bytes).toString("latin1");
}
