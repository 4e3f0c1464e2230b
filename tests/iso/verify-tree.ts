/** The directories of one tree, ISO with Rock Ridge or Joliet, and its path tables (ECMA-119 §6.8, §6.9, §9). */

import { Buffer } from "node:buffer";
import { type Extent, joined, type Node } from "./verify-node.ts";
import { type Area, type ReadArea, type RockRidge, verifyRockRidge } from "./verify-rock-ridge.ts";
import {
  type Claims,
  type Faults,
  hex,
  isZero,
  latin1,
  moment,
  SECTOR,
  Structure,
  utf16,
} from "./verify-structure.ts";
import type { TreePlace } from "./verify-volume.ts";

/** What a verifier of a tree needs. */
export interface Context {
  readonly faults: Faults;
  readonly claims: Claims;
  read(sector: number, sectors: number): Promise<Uint8Array>;
}

/** A continuation area and who uses it. */
export interface AreaUse extends Area {
  readonly where: string;
}

/** What came of a tree. */
export interface VerifiedTree {
  readonly root: Node;
  readonly areas: readonly AreaUse[];
  /** Where records of things without bytes point, one sector for all of them. */
  readonly emptyAt: ReadonlySet<number>;
}

/** Bytes in each section of a large file but the last. */
const SECTION = 0xfffff800;
const MODES = { dir: 0o040755, file: 0o100644, symlink: 0o120777 } as const;

interface Entry {
  readonly id: Uint8Array;
  readonly sector: number;
  readonly size: number;
  readonly date: string;
  readonly flags: number;
  readonly rock: RockRidge | undefined;
  readonly where: string;
}

interface Folder {
  readonly path: string;
  readonly id: Uint8Array;
  readonly sector: number;
  readonly size: number;
  readonly date: string;
  readonly parent: Folder | undefined;
  readonly ordinal: number;
  readonly node: Mutable;
  /** Rock Ridge links as the parent's record tells them. */
  links: number;
}

type Mutable = { -readonly [key in keyof Node]: Node[key] extends readonly (infer T)[] ? T[] : Node[key] };

export async function verifyTree(context: Context, place: TreePlace, joliet: boolean): Promise<VerifiedTree> {
  const tree = new Tree(context, joliet);
  const folders = await tree.walk(place.root);
  await verifyTables(context, place, folders, joliet);
  return {
    root: tree.rootNode(),
    areas: tree.areas,
    emptyAt: tree.emptyAt,
  };
}

class Tree {
  readonly areas: AreaUse[] = [];
  readonly emptyAt = new Set<number>();
  readonly #context: Context;
  readonly #joliet: boolean;
  readonly #sectors = new Map<number, Uint8Array>();
  readonly #visited = new Set<number>();
  #folders: Folder[] = [];

  constructor(context: Context, joliet: boolean) {
    this.#context = context;
    this.#joliet = joliet;
  }

  rootNode(): Node {
    const [root] = this.#folders;
    if (root === undefined) throw new RangeError("no root");
    return root.node;
  }

  /** All folders, breadth first. */
  async walk(rootRecord: Uint8Array): Promise<Folder[]> {
    const { faults } = this.#context;
    const label = this.#joliet ? "Joliet" : "ISO";
    const root = this.#record(rootRecord, `${label} root`, "none", () => new Uint8Array());
    this.#folders = [this.#folder(root, label, undefined, 1)];
    // The list grows while it is walked.
    for (const folder of this.#folders) await this.#read(folder);
    faults.check(root.flags === 2, "the root's record has other flags than 2");
    return this.#folders;
  }

  #folder(entry: Entry, path: string, parent: Folder | undefined, ordinal: number): Folder {
    const { id, sector, size, date } = entry;
    const node: Mutable = { name: "", kind: "dir", mtime: timeOf(date), size: 0, extents: [], children: [] };
    return { path, id, sector, size, date, parent, ordinal, node, links: entry.rock?.links ?? 0 };
  }

  async #read(folder: Folder): Promise<void> {
    const { faults, claims, read } = this.#context;
    faults.check(folder.size > 0 && folder.size % SECTOR === 0, `${folder.path}: size is ${folder.size}`);
    const sectors = Math.ceil(folder.size / SECTOR);
    if (this.#visited.has(folder.sector)) throw new RangeError(`${folder.path}: is another folder too`);
    this.#visited.add(folder.sector);
    claims.add(folder.sector, sectors, `folder ${folder.path}`);
    const bytes = await read(folder.sector, sectors);
    const raw = [...split(faults, bytes, folder.path)];
    await this.#loadAreas(raw);
    this.#members(folder, raw.map((record, i) => this.#entryIn(folder, record, i)));
  }

  /** Continuation areas are looked up while records are parsed, so their sectors are read before. */
  async #loadAreas(records: readonly Uint8Array[]): Promise<void> {
    if (this.#joliet) return;
    for (const record of records) {
      let next = continuationOf(record);
      for (let count = 0; next !== undefined && count < 20; count++) {
        if (!this.#sectors.has(next.sector)) {
          this.#sectors.set(next.sector, await this.#context.read(next.sector, 1));
        }
        next = continuationOf(this.#area(next, "a continuation"));
      }
    }
  }

  #entryIn(folder: Folder, record: Uint8Array, index: number): Entry {
    const kind = this.#joliet
      ? "none"
      : index > 1
      ? "child"
      : index === 0 && folder.ordinal === 1
      ? "root"
      : "dot";
    const where = `${folder.path} record ${index}`;
    const entry = this.#record(record, where, kind, (area) => this.#area(area, where));
    for (const area of entry.rock?.areas ?? []) {
      this.areas.push({ ...area, where });
      const after = area.sector > folder.sector + folder.size / SECTOR - 1;
      const before = entry.size === 0 || (entry.flags & 2) !== 0 || area.sector < entry.sector;
      this.#context.faults.check(
        after && before,
        `${where}: continues out of order, in sector ${area.sector}`,
      );
    }
    return entry;
  }

  #area({ sector, offset, length }: Area, where: string): Uint8Array {
    const bytes = this.#sectors.get(sector);
    if (bytes === undefined) {
      throw new RangeError(`${where}: continues in sector ${sector}, which was not read`);
    }
    return bytes.subarray(offset, offset + length);
  }

  /** ECMA-119 §9.1. */
  #record(
    bytes: Uint8Array,
    where: string,
    kind: "none" | "root" | "dot" | "child",
    readArea: ReadArea,
  ): Entry {
    const { faults } = this.#context;
    const s = new Structure(faults, where, bytes);
    s.u8(0, "record length", bytes.length);
    s.check(bytes.length % 2 === 0, "record length is odd");
    s.u8(1, "extended attribute length", 0);
    const sector = s.both32(2, "extent");
    const size = s.both32(10, "size");
    const date = hex(s.take(18, 7));
    const flags = s.u8(25, "flags");
    s.check([0, 2, 0x80].includes(flags), `flags are ${flags}`);
    s.u8(26, "unit size", 0);
    s.u8(27, "interleave", 0);
    s.both16(28, "volume sequence number", 1);
    const id = s.take(33, s.u8(32, "identifier length"));
    const area = s.take(
      33 + id.length + (1 - id.length % 2),
      bytes.length - 33 - id.length - (1 - id.length % 2),
    );
    s.done();
    s.check(!Number.isNaN(timeOf(date)), `date is ${date}`);
    if (kind === "none") s.check(area.length === 0, "has a system use area");
    const rock = kind === "none" ? undefined : verifyRockRidge(faults, area, kind, readArea, where);
    if (rock !== undefined) s.check(rock.date === date, `Rock Ridge says ${rock.date}, the record ${date}`);
    return { id, sector, size, date, flags, rock, where };
  }

  #members(folder: Folder, entries: readonly Entry[]): void {
    const [self, up, ...members] = entries;
    const parent = folder.parent ?? folder;
    this.#dot(self, 0, folder, `${folder.path} "."`);
    this.#dot(up, 1, parent, `${folder.path} ".."`);
    const groups = this.#sections(folder, members);
    for (const [first, ...more] of groups) this.#member(folder, first, more);
    this.#order(folder, groups.map(([first]) => first.id));
    this.#links(folder, self, up);
  }

  /** `.` says of the folder what its parent says; `..` of the parent. */
  #dot(entry: Entry | undefined, id: number, folder: Folder, where: string): void {
    const { faults } = this.#context;
    if (entry === undefined) return faults.add(`${where}: is not there`);
    faults.check(entry.id.length === 1 && entry.id[0] === id, `${where}: is named ${hex(entry.id)}`);
    faults.check(
      entry.sector === folder.sector,
      `${where}: points at sector ${entry.sector}, not ${folder.sector}`,
    );
    faults.check(entry.size === folder.size, `${where}: size is ${entry.size}, not ${folder.size}`);
    faults.check(entry.date === folder.date, `${where}: date is ${entry.date}, not ${folder.date}`);
    faults.check(entry.flags === 2, `${where}: flags are ${entry.flags}`);
    const mode = entry.rock?.mode ?? MODES.dir;
    faults.check(mode === MODES.dir, `${where}: mode is ${mode.toString(8)}`);
  }

  /** A folder has the links of its name, of `.`, and of the `..` in each folder inside. */
  #links(folder: Folder, self: Entry | undefined, up: Entry | undefined): void {
    if (self?.rock === undefined || up?.rock === undefined) return;
    const links = 2 + folder.node.children.filter(({ kind }) => kind === "dir").length;
    const { faults } = this.#context;
    faults.check(self.rock.links === links, `${folder.path}: has ${self.rock.links} links, not ${links}`);
    if (folder.parent === undefined) folder.links = links;
    else {faults.check(
        folder.links === links,
        `${folder.path}: has ${folder.links} links by name, not ${links}`,
      );}
    const above = (folder.parent ?? folder).links;
    faults.check(
      up.rock.links === above,
      `${folder.path}: its parent has ${up.rock.links} links, not ${above}`,
    );
  }

  #sections(folder: Folder, entries: readonly Entry[]): [Entry, ...Entry[]][] {
    const groups: [Entry, ...Entry[]][] = [];
    let open: [Entry, ...Entry[]] | undefined;
    for (const entry of entries) {
      if (open === undefined) groups.push(open = [entry]);
      else open.push(entry);
      this.#section(open, entry);
      if (entry.flags !== 0x80) open = undefined;
    }
    this.#context.faults.check(open === undefined, `${folder.path}: its last file has no last section`);
    return groups;
  }

  #section([first, ...more]: readonly [Entry, ...Entry[]], entry: Entry): void {
    const { faults } = this.#context;
    if (entry.flags === 0x80) {
      faults.check(entry.size === SECTION, `${entry.where}: section of ${entry.size} bytes`);
    }
    if (entry === first) return;
    const alike = hex(entry.id) === hex(first.id) && entry.date === first.date && entry.flags !== 2 &&
      sameRock(entry.rock, first.rock);
    faults.check(alike, `${entry.where}: is no section of the file before`);
    const place = first.sector + more.length * (SECTION / SECTOR);
    faults.check(entry.sector === place, `${entry.where}: section at sector ${entry.sector}, not ${place}`);
    faults.check(entry.size > 0, `${entry.where}: section without bytes`);
  }

  #member(folder: Folder, first: Entry, more: readonly Entry[]): void {
    const { faults } = this.#context;
    const kind = kindOf(first);
    this.#identifier(first, kind === "dir");
    const name = first.rock === undefined ? utf16(first.id) ?? "?" : first.rock.name ?? "";
    if (first.rock !== undefined) this.#rock(first, first.rock, kind);
    if (!this.#joliet) {
      faults.check(isShortOf(latin1(first.id), name, kind), `${first.where}: is no short ${name}`);
    }
    if (kind === "dir") {
      const inner = this.#folder(first, `${folder.path}/${name}`, folder, this.#folders.length + 1);
      this.#folders.push(inner);
      inner.node.name = name;
      folder.node.children.push(inner.node);
      return;
    }
    const pieces: Extent[] = [first, ...more].map(({ sector, size }) => ({ sector, bytes: size }));
    const size = pieces.reduce((sum, { bytes }) => sum + bytes, 0);
    if (size === 0) this.emptyAt.add(first.sector);
    faults.check(kind === "file" || size === 0, `${first.where}: a link of ${size} bytes`);
    const node = { name, kind, mtime: timeOf(first.date), size, extents: joined(pieces), children: [] };
    folder.node.children.push(node);
  }

  #rock(entry: Entry, rock: RockRidge, kind: Node["kind"]): void {
    const { faults } = this.#context;
    faults.check(rock.mode === MODES[kind], `${entry.where}: mode is ${rock.mode.toString(8)}`);
    faults.check(kind === "dir" || rock.links === 1, `${entry.where}: has ${rock.links} links`);
    const linked = rock.target !== undefined && rock.target !== "";
    faults.check(
      linked === (kind === "symlink"),
      `${entry.where}: target is ${rock.target}, but it is a ${kind}`,
    );
  }

  #identifier(entry: Entry, folder: boolean): void {
    const { faults } = this.#context;
    if (this.#joliet) return this.#jolietIdentifier(entry);
    const text = latin1(entry.id);
    const shape = folder ? /^[A-Z0-9_]{1,8}$/ : /^[A-Z0-9_]{1,8}\.[A-Z0-9_]{0,3};1$/;
    faults.check(shape.test(text), `${entry.where}: identifier is ${JSON.stringify(text)}`);
  }

  #jolietIdentifier(entry: Entry): void {
    const text = utf16(entry.id);
    const good = text !== undefined && text.length <= 103 && !/[*/:;?\\]|[^ -\uffff]|[. ]$/.test(text) &&
      text !== "";
    this.#context.faults.check(good, `${entry.where}: Joliet name is ${JSON.stringify(text)}`);
  }

  /** Identifiers ascend; names differ, in Joliet also without regard to case, as Windows compares them. */
  #order(folder: Folder, ids: readonly Uint8Array[]): void {
    const { faults } = this.#context;
    const key = this.#joliet ? (id: Uint8Array) => Buffer.from(id) : isoOrderKey;
    for (const [i, id] of ids.entries()) {
      const before = ids[i - 1];
      const ascends = before === undefined || Buffer.compare(key(before), key(id)) < 0;
      faults.check(ascends, `${folder.path}: record ${i + 2} stands in the wrong order`);
    }
    const names = folder.node.children.map(({ name }) => this.#joliet ? upperCase(name) : name);
    faults.check(new Set(names).size === names.length, `${folder.path}: two names are the same`);
  }
}

/**
 * Whether an ISO identifier is the 8.3 form of a name: its start in d-characters, or less of it and a counter.
 * Names near 253 bytes may themselves be shortened ones, and prove nothing.
 */
function isShortOf(identifier: string, name: string, kind: Node["kind"]): boolean {
  if (Buffer.byteLength(name) >= 250) return true;
  const dot = kind === "dir" ? -1 : name.lastIndexOf(".");
  const stem = dCharacters(name.slice(0, dot > 0 ? dot : undefined).slice(0, 8));
  const extension = dot > 0 ? dCharacters(name.slice(dot + 1).slice(0, 3)) : "";
  const tail = kind === "dir" ? "" : `.${extension};1`;
  const start = identifier.slice(0, identifier.length - tail.length);
  const [, part = "", mark = ""] = /^(.*?)(_[1-9]\d*)?$/.exec(start) ?? [];
  const counted = mark !== "" && part === stem.slice(0, 8 - mark.length);
  return identifier.endsWith(tail) && (start === stem || counted);
}

function dCharacters(text: string): string {
  return text.replace(/[a-z]/g, (letter) => letter.toUpperCase()).replace(/[^A-Z0-9_]/g, "_");
}

/** Each unit alone and only where its upper case is one unit: the table of Windows, without its exceptions. */
export function upperCase(name: string): string {
  return [...name].map((one) => one.toUpperCase().length === one.length ? one.toUpperCase() : one).join("");
}

function sameRock(a: RockRidge | undefined, b: RockRidge | undefined): boolean {
  return a?.name === b?.name && a?.mode === b?.mode && a?.links === b?.links;
}

function kindOf(entry: Entry): Node["kind"] {
  if (entry.flags === 2) return "dir";
  return entry.rock !== undefined && (entry.rock.mode & 0o170000) === 0o120000 ? "symlink" : "file";
}

/** Names before extensions before versions, each padded with spaces (ECMA-119 §9.3). */
function isoOrderKey(id: Uint8Array): Buffer {
  const [name = "", version = ""] = latin1(id).split(";");
  const [stem = "", extension = ""] = name.split(".");
  return Buffer.from(stem.padEnd(31) + extension.padEnd(31) + version, "latin1");
}

/** The records of a folder; none may cross a sector's end, and what follows the last one in a sector is zero. */
function* split(faults: Faults, bytes: Uint8Array, path: string): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += SECTOR) {
    const sector = bytes.subarray(start, start + SECTOR);
    let at = 0;
    while (at < SECTOR) {
      const length = sector[at] ?? 0;
      if (length === 0) break;
      if (length < 34 || at + length > SECTOR) {
        throw new RangeError(`${path}: record of ${length} bytes at ${at}`);
      }
      yield sector.subarray(at, at + length);
      at += length;
    }
    faults.check(at > 0, `${path}: has an empty sector`);
    faults.check(isZero(sector.subarray(at)), `${path}: rubbish behind the last record of a sector`);
  }
}

/** Where the CE of a record or area leads, without any check: its last 28 bytes, or those before a pad byte. */
function continuationOf(bytes: Uint8Array): Area | undefined {
  for (const end of [bytes.length, bytes.length - 1]) {
    const [c, e, length] = bytes.subarray(Math.max(0, end - 28));
    if (end < 28 || c !== 0x43 || e !== 0x45 || length !== 28) continue;
    const view = new DataView(bytes.buffer, bytes.byteOffset + end - 24);
    return {
      sector: view.getUint32(0, true),
      offset: view.getUint32(8, true),
      length: view.getUint32(16, true),
    };
  }
  return undefined;
}

/** The moment of the seven bytes (ECMA-119 §9.1.5), NaN for none; ours are all in UTC. */
function timeOf(date: string): number {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, zone = 1] = Buffer.from(date, "hex");
  return zone === 0 ? moment([1900 + year, month, day, hour, minute, second]) ?? NaN : NaN;
}

/** Both path tables, record by record, in the order in which the folders were met. */
async function verifyTables(
  context: Context,
  place: TreePlace,
  folders: readonly Folder[],
  joliet: boolean,
): Promise<void> {
  const label = joliet ? "Joliet" : "ISO";
  for (const [order, start] of [["L", place.tableL], ["M", place.tableM]] as const) {
    const sectors = Math.max(1, Math.ceil(place.tableBytes / SECTOR));
    context.claims.add(start, sectors, `${label} path table ${order}`);
    verifyTable(context.faults, await context.read(start, sectors), place.tableBytes, folders, order, label);
  }
}

function verifyTable(
  faults: Faults,
  table: Uint8Array,
  bytes: number,
  folders: readonly Folder[],
  order: "L" | "M",
  label: string,
): void {
  const little = order === "L";
  const view = new DataView(table.buffer, table.byteOffset, table.length);
  let at = 0;
  for (const folder of folders) {
    const where = `${label} path table ${order}, folder ${folder.path}`;
    const length = table[at] ?? 0;
    faults.check(length === folder.id.length, `${where}: identifier of ${length} bytes`);
    faults.check(table[at + 1] === 0, `${where}: extended attributes`);
    const sector = view.getUint32(at + 2, little);
    faults.check(sector === folder.sector, `${where}: at sector ${sector}, not ${folder.sector}`);
    const parent = view.getUint16(at + 6, little);
    const wanted = folder.parent?.ordinal ?? 1;
    faults.check(parent === wanted, `${where}: parent is ${parent}, not ${wanted}`);
    const id = hex(table.subarray(at + 8, at + 8 + folder.id.length));
    faults.check(id === hex(folder.id), `${where}: identifier is ${id}`);
    at += 8 + folder.id.length;
    if (folder.id.length % 2 === 1) faults.check(table[at++] === 0, `${where}: padding is not zero`);
  }
  faults.check(at === bytes, `${label} path table ${order}: ${at} bytes, not ${bytes}`);
  faults.check(isZero(table.subarray(at)), `${label} path table ${order}: rubbish at its end`);
}
