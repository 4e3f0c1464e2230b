/** The files and folders of the UDF side: File Entries and File Identifiers (ECMA-167 part 4, UDF 1.02 §2.3). */

import { concat } from "../../lib/bytes.ts";
import { type Extent, joined, type Node } from "./verify-node.ts";
import { isZero, SECTOR, type Structure } from "./verify-structure.ts";
import type { Context } from "./verify-tree.ts";
import { cs0, descriptor, implementation, longAd, timestamp } from "./verify-udf-fields.ts";

/** The largest whole-sector length in 30 bits. */
const MOST_EXTENT = 0x3ffff800;
/** As 0755 and 0644 (ECMA-167 4/14.9.5: five bits for other, group, owner: execute, write, read, …). */
const PERMISSIONS = { dir: 0b00111_00101_00101, file: 0b00110_00100_00100 };
const PARENT = 0x0a;

/** What came of the tree. */
export interface UdfTree {
  readonly root: Node;
  readonly files: number;
  readonly folders: number;
  readonly highestId: number;
}

interface Icb {
  readonly bytes: number;
  readonly at: number;
  readonly uniqueId: number;
}

interface Entry {
  readonly kind: "file" | "dir";
  readonly links: number;
  readonly size: number;
  readonly mtime: number;
  readonly uniqueId: number;
  /** In sectors of the image. */
  readonly pieces: readonly Extent[];
}

interface Identifier {
  readonly name: string;
  readonly flags: number;
  readonly icb: Icb;
  readonly where: string;
}

/** @param root as the file set points at it; @param start the partition's first sector */
export async function verifyUdfTree(
  context: Context,
  root: Icb,
  start: number,
  blocks: number,
): Promise<UdfTree> {
  const walk = new Walk(context, start, blocks);
  const entry = await walk.entry(root, "UDF root");
  context.faults.check(entry.kind === "dir", "UDF root: is no folder");
  const node = await walk.folder(entry, root, root, "UDF", "");
  return { root: node, files: walk.files, folders: walk.folders, highestId: walk.highestId };
}

class Walk {
  files = 0;
  folders = 0;
  highestId = 0;
  readonly #context: Context;
  readonly #start: number;
  readonly #blocks: number;
  readonly #ids = new Set<number>();
  readonly #entries = new Set<number>();

  constructor(context: Context, start: number, blocks: number) {
    this.#context = context;
    this.#start = start;
    this.#blocks = blocks;
  }

  async #read(block: number, count: number, what: string): Promise<Uint8Array> {
    if (block + count > this.#blocks) {
      throw new RangeError(`${what}: block ${block} is outside of the partition`);
    }
    return await this.#context.read(this.#start + block, count);
  }

  /** ECMA-167 4/14.9. */
  async entry(icb: Icb, where: string): Promise<Entry> {
    const { faults, claims } = this.#context;
    faults.check(icb.bytes === SECTOR, `${where}: entry of ${icb.bytes} bytes`);
    if (this.#entries.has(icb.at)) throw new RangeError(`${where}: its entry is another one's too`);
    this.#entries.add(icb.at);
    claims.add(this.#start + icb.at, 1, `entry of ${where}`);
    const bytes = await this.#read(icb.at, 1, where);
    const descriptors = new DataView(bytes.buffer, bytes.byteOffset).getUint32(172, true);
    if (descriptors > SECTOR - 176) throw new RangeError(`${where}: ${descriptors} bytes of extents`);
    const s = descriptor(faults, where, bytes, 261, icb.at, 176 + descriptors);
    const kind = icbTag(s);
    const entry = { kind, ...this.#attributes(s, kind), ...this.#allocation(s, descriptors) };
    s.done();
    s.check(isZero(bytes.subarray(176 + descriptors)), "rubbish behind it");
    this.#identity(s, entry.uniqueId, icb);
    if (kind === "dir") this.folders++;
    else this.files++;
    return entry;
  }

  #identity(s: Structure, uniqueId: number, icb: Icb): void {
    s.check(uniqueId === icb.uniqueId, `unique id is ${uniqueId}, its name says ${icb.uniqueId}`);
    s.check(this.folders === 0 ? uniqueId === 0 : uniqueId >= 16, `unique id is ${uniqueId}`);
    s.check(!this.#ids.has(uniqueId), `unique id ${uniqueId} is taken`);
    this.#ids.add(uniqueId);
    this.highestId = Math.max(this.highestId, uniqueId);
  }

  #attributes(s: Structure, kind: "file" | "dir"): Pick<Entry, "links" | "mtime" | "uniqueId"> {
    s.u32(36, "user", 0);
    s.u32(40, "group", 0);
    s.u32(44, "permissions", PERMISSIONS[kind]);
    const links = s.u16(48, "links");
    const [access, mtime, change] = [
      timestamp(s, 72, "atime"),
      timestamp(s, 84, "mtime"),
      timestamp(s, 96, "ctime"),
    ];
    s.check(access === mtime && mtime === change, "has more than one time");
    s.u32(108, "checkpoint", 1);
    longAd(s, 112, "extended attributes");
    s.check(isZero(s.bytes.subarray(112, 128)), "has extended attributes");
    implementation(s, 128);
    return { links, mtime: Math.floor(mtime / 1000) * 1000, uniqueId: s.u64(160, "unique id") };
  }

  /** The short_ads, whose lengths must make up the information length. */
  #allocation(s: Structure, descriptors: number): Pick<Entry, "size" | "pieces"> {
    const size = s.u64(56, "information length");
    const recorded = s.u64(64, "blocks recorded");
    s.u32(168, "length of extended attributes", 0);
    s.u32(172, "length of allocation descriptors");
    s.check(descriptors % 8 === 0, "has half an extent");
    const pieces: Extent[] = [];
    for (let at = 176; at + 8 <= 176 + descriptors; at += 8) {
      const length = s.u32(at, "extent length");
      const last = at + 16 > 176 + descriptors;
      s.check(
        length > 0 && (last ? length <= MOST_EXTENT : length === MOST_EXTENT),
        `extent of ${length} bytes`,
      );
      const block = s.u32(at + 4, "extent location");
      s.check(block + Math.ceil(length / SECTOR) <= this.#blocks, `extent at block ${block}, outside`);
      pieces.push({ sector: this.#start + block, bytes: length });
    }
    const sum = pieces.reduce((total, { bytes }) => total + bytes, 0);
    const blocks = pieces.reduce((total, { bytes }) => total + Math.ceil(bytes / SECTOR), 0);
    s.check(sum === size, `extents hold ${sum} bytes, not ${size}`);
    s.check(blocks === recorded, `extents hold ${blocks} blocks, not ${recorded}`);
    return { size, pieces };
  }

  /** A folder and all in it. @param own its entry's place, @param parent that of its parent */
  async folder(entry: Entry, own: Icb, parent: Icb, where: string, name: string): Promise<Node> {
    const identifiers = await this.#identifiers(entry, where);
    const [up, ...members] = identifiers;
    const { faults } = this.#context;
    const good = up?.flags === PARENT && up.icb.at === parent.at && up.icb.bytes === SECTOR &&
      up.icb.uniqueId === parent.uniqueId;
    faults.check(good, `${where}: its first identifier does not lead to its parent`);
    const children: Node[] = [];
    for (const member of members) children.push(await this.#member(member, own));
    const folders = members.filter(({ flags }) => flags === 2).length;
    faults.check(entry.links === 1 + folders, `${where}: has ${entry.links} links, not ${1 + folders}`);
    const names = members.map((member) => member.name);
    faults.check(new Set(names).size === names.length, `${where}: two names are the same`);
    return { name, kind: "dir", mtime: entry.mtime, size: 0, extents: [], children };
  }

  async #member(member: Identifier, parent: Icb): Promise<Node> {
    const { faults } = this.#context;
    const entry = await this.entry(member.icb, member.where);
    const flags = entry.kind === "dir" ? 2 : 0;
    faults.check(
      member.flags === flags,
      `${member.where}: flags are ${member.flags}, but it is a ${entry.kind}`,
    );
    if (entry.kind === "dir") {
      return await this.folder(entry, member.icb, parent, member.where, member.name);
    }
    faults.check(entry.links === 1, `${member.where}: has ${entry.links} links`);
    const { mtime, size, pieces } = entry;
    return { name: member.name, kind: "file", mtime, size, extents: joined(pieces), children: [] };
  }

  async #identifiers(entry: Entry, where: string): Promise<Identifier[]> {
    const parts: Uint8Array[] = [];
    for (const { sector, bytes } of entry.pieces) {
      const sectors = Math.ceil(bytes / SECTOR);
      this.#context.claims.add(sector, sectors, `identifiers of ${where}`);
      const read = await this.#context.read(sector, sectors);
      this.#context.faults.check(
        isZero(read.subarray(bytes)),
        `${where}: rubbish at its end`,
      );
      parts.push(read.subarray(0, bytes));
    }
    const first = (entry.pieces[0]?.sector ?? 0) - this.#start;
    const all = concat(...parts);
    const found: Identifier[] = [];
    for (let at = 0; at < all.length;) {
      const { identifier, length } = this.#identifier(
        all.subarray(at),
        first + Math.floor(at / SECTOR),
        where,
      );
      found.push(identifier);
      at += length;
    }
    return found;
  }

  /** ECMA-167 4/14.4; its tag says in which block it begins. */
  #identifier(bytes: Uint8Array, block: number, folder: string): { identifier: Identifier; length: number } {
    if (bytes.length < 40) throw new RangeError(`${folder}: ends in an identifier`);
    const [used = 0] = bytes.subarray(19);
    const length = 4 * Math.ceil((38 + used) / 4);
    if (length > bytes.length) throw new RangeError(`${folder}: ends in an identifier`);
    const s = descriptor(this.#context.faults, `${folder} identifier`, bytes, 257, block, length);
    s.u16(16, "file version", 1);
    const flags = s.u8(18, "flags");
    s.check([0, 2, PARENT].includes(flags), `flags are ${flags}`);
    s.u8(19, "identifier length");
    const icb = longAd(s, 20, "entry");
    s.u16(36, "implementation use length", 0);
    const text = s.take(38, used);
    const name = used === 0 ? "" : cs0(s, text, "name");
    s.check((used === 0) === (flags === PARENT), `has ${used} bytes and flags ${flags}`);
    s.check(!/[/\0]/.test(name) && name !== "." && name !== "..", `is named ${JSON.stringify(name)}`);
    s.done();
    return { identifier: { name, flags, icb, where: `${folder}/${name}` }, length };
  }
}

/** ECMA-167 4/14.6: strategy 4, one entry, short_ads. */
function icbTag(s: Structure): "file" | "dir" {
  s.u32(16, "prior entries", 0);
  s.u16(20, "strategy", 4);
  s.u16(22, "strategy parameter", 0);
  s.u16(24, "entries", 1);
  const type = s.u8(27, "file type");
  s.check(type === 4 || type === 5, `file type is ${type}`);
  s.u16(34, "ICB flags", 0);
  return type === 4 ? "dir" : "file";
}
