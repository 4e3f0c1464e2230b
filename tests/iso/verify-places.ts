/**
 * Where the structures of a small image stand, so that a test can change one field of one of them.
 * Finds things the short way, by name and pointer, trusting the image: it is the good one.
 */

import { Buffer } from "node:buffer";
import type { Bytes } from "../../lib/bytes.ts";
import { crc, tagSum } from "./verify-udf-fields.ts";
import { SECTOR } from "./verify-structure.ts";

/** An image in memory whose fields can be found and changed. */
export class Subject {
  readonly bytes: Bytes;
  readonly view: DataView;

  constructor(bytes: Bytes) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  copy(): Subject {
    return new Subject(this.bytes.slice());
  }

  u32(at: number): number {
    return this.view.getUint32(at, true);
  }

  /** Byte offset of the directory of a path, by identifiers: `[]` is the root. */
  folder(descriptor: 16 | 17, path: readonly string[] = []): number {
    let at = this.u32(descriptor * SECTOR + 156 + 2) * SECTOR;
    for (const id of path) at = this.u32(this.record(at, id) + 2) * SECTOR;
    return at;
  }

  /** Offsets of the records of a directory, those of itself and its parent first. */
  records(folder: number): number[] {
    const found: number[] = [];
    const end = folder + this.u32(folder + 10);
    for (let at = folder; at < end;) {
      const length = this.view.getUint8(at);
      if (length > 0) found.push(at);
      at = length > 0 ? at + length : (Math.floor(at / SECTOR) + 1) * SECTOR;
    }
    return found;
  }

  /** Byte offset of the record with this identifier; in Joliet the identifier is UTF-16BE read as Latin-1. */
  record(folder: number, id: string): number {
    const found = this.records(folder).find((at) => this.text(at + 33, this.view.getUint8(at + 32)) === id);
    if (found === undefined) throw new Error(`no record ${JSON.stringify(id)}`);
    return found;
  }

  text(at: number, length: number): string {
    return Buffer.from(this.bytes.subarray(at, at + length)).toString("latin1");
  }

  /** Byte offset of a system-use field of a record, in the record or its continuation. */
  field(record: number, signature: string): number {
    const idLength = this.view.getUint8(record + 32);
    const start = record + 33 + idLength + (1 - idLength % 2);
    const found = this.#fieldIn(start, record + this.view.getUint8(record), signature);
    if (found === undefined) throw new Error(`no ${signature}`);
    return found;
  }

  #fieldIn(start: number, end: number, signature: string): number | undefined {
    for (let at = start; at + 4 <= end; at += this.view.getUint8(at + 2)) {
      const found = this.text(at, 2);
      if (found === signature) return at;
      if (found === "CE") return this.#fieldIn(this.area(at), this.area(at) + this.u32(at + 20), signature);
    }
    return undefined;
  }

  /** Byte offset of the area that a CE leads to. */
  area(ce: number): number {
    return this.u32(ce + 4) * SECTOR + this.u32(ce + 12);
  }

  /** Byte offset of the block of the partition. */
  block(block: number): number {
    return (257 + block) * SECTOR;
  }

  /** Byte offset of the root's File Entry: the file set stands at block 0. */
  rootEntry(): number {
    return this.block(this.u32(this.block(0) + 404));
  }

  /** Byte offsets of the File Identifiers of a folder. */
  identifiers(entry: number): number[] {
    const found: number[] = [];
    const start = this.block(this.u32(entry + 180));
    const end = start + this.u32(entry + 56);
    for (let at = start; at < end; at += this.identifierLength(at)) found.push(at);
    return found;
  }

  identifierLength(at: number): number {
    return 4 * Math.ceil((38 + this.view.getUint8(at + 19)) / 4);
  }

  /** Byte offset of the File Identifier of a name of one byte per character. */
  identifier(entry: number, name: string): number {
    const found = this.identifiers(entry).find((at) =>
      this.view.getUint8(at + 19) > 0 && this.text(at + 39, this.view.getUint8(at + 19) - 1) === name
    );
    if (found === undefined) throw new Error(`no identifier ${name}`);
    return found;
  }

  /** Byte offset of the File Entry that a File Identifier names. */
  entryOf(identifier: number): number {
    return this.block(this.u32(identifier + 24));
  }

  /** Makes the tag of a changed descriptor fit again, so that only the change itself can be noticed. */
  seal(at: number): void {
    const length = this.view.getUint16(at + 10, true);
    const body = this.bytes.subarray(at + 16, at + 16 + length);
    this.view.setUint16(at + 8, crc(body), true);
    this.sealTag(at);
  }

  sealTag(at: number): void {
    this.bytes[at + 4] = tagSum(this.bytes.subarray(at, at + 16));
  }
}
