/**
 * Continuation areas: what Rock Ridge could not fit into directory records.
 *
 * The areas of a folder stand in sectors of their own right behind its directory. Further back would be too
 * late for bsdtar, which reads front to back: it would name a subfolder before it had seen all of the name.
 */

import { concat } from "../bytes.ts";
import { at, lastAtMost, NumberList, SECTOR, sectorsOf } from "./fields.ts";
import { ce, CE_LENGTH, lengthOf, type SystemUse } from "./rock-ridge.ts";

/** Where each area stands; the areas of one node follow each other, and nodes ascend. */
export interface ContinuationTable {
  /** Area → node. */
  readonly node: Uint32Array;
  /** Area → its sector in the zone of directories. */
  readonly sector: Uint32Array;
  /** Area → its byte offset in that sector. */
  readonly offset: Uint16Array;
}

/** Places areas one after the other, none across a sector's edge (Linux refuses those). */
export class ContinuationPacker {
  readonly #node = new NumberList();
  readonly #sector = new NumberList();
  readonly #offset = new NumberList();
  /** Byte offsets of the areas of the folder at hand, from the start of its first area. */
  #pending: { node: number; offset: number }[] = [];
  #end = 0;

  /** Adds the areas of a node, which come in the order of node numbers. */
  add(node: number, areas: SystemUse["areas"]): void {
    areas.forEach((fields, i) => {
      const bytes = areaLength(fields, i < areas.length - 1);
      if (this.#end % SECTOR + bytes > SECTOR) this.#end = sectorsOf(this.#end) * SECTOR;
      this.#pending.push({ node, offset: this.#end });
      this.#end += bytes + bytes % 2;
    });
  }

  /** Lets what was added since the last call stand from a sector on; gives the number of its sectors. */
  endFolder(sector: number): number {
    for (const { node, offset } of this.#pending) {
      this.#node.push(node);
      this.#sector.push(sector + Math.floor(offset / SECTOR));
      this.#offset.push(offset % SECTOR);
    }
    const sectors = sectorsOf(this.#end);
    this.#pending = [];
    this.#end = 0;
    return sectors;
  }

  done(): ContinuationTable {
    return {
      node: this.#node.done(),
      sector: this.#sector.done(),
      offset: Uint16Array.from(this.#offset.done()),
    };
  }
}

/** The bytes of an area, with its CE when another area of the node follows. */
function areaLength(fields: readonly Uint8Array[], more: boolean): number {
  return lengthOf(fields) + (more ? CE_LENGTH : 0);
}

/** The CE field that points at the area `index` of a node whose first area is `first`. */
function pointer(
  table: ContinuationTable,
  zoneStart: number,
  areas: SystemUse["areas"],
  first: number,
  index: number,
): Uint8Array {
  const bytes = areaLength(areas[index] ?? [], index < areas.length - 1);
  return ce(zoneStart + at(table.sector, first + index), at(table.offset, first + index), bytes);
}

/** The first area of a node. */
function firstArea(table: ContinuationTable, node: number): number {
  return lastAtMost(table.node, node - 1) + 1;
}

/**
 * The system use area of a record, with its CE when something was moved out.
 *
 * @param zoneStart the first sector of the directories in the image.
 */
export function placedInline(
  table: ContinuationTable,
  zoneStart: number,
  node: number,
  use: SystemUse,
): Uint8Array {
  if (use.areas.length === 0) return concat(...use.inline);
  return concat(...use.inline, pointer(table, zoneStart, use.areas, firstArea(table, node), 0));
}

/** Writes the areas of one sector into `out`, which is zero. `areasOf` gives the areas of a node again. */
export function fillContinuation(
  table: ContinuationTable,
  zoneStart: number,
  sector: number,
  out: Uint8Array,
  areasOf: (node: number) => SystemUse["areas"],
): void {
  const end = lastAtMost(table.sector, sector) + 1;
  for (let area = lastAtMost(table.sector, sector - 1) + 1; area < end; area++) {
    const node = at(table.node, area);
    const first = firstArea(table, node);
    const areas = areasOf(node);
    const index = area - first;
    const fields = [...areas[index] ?? []];
    if (index < areas.length - 1) fields.push(pointer(table, zoneStart, areas, first, index + 1));
    out.set(concat(...fields), at(table.offset, area));
  }
}
