/** The zone of continuation areas: what Rock Ridge could not fit into directory records. */

import { concat } from "../bytes.ts";
import { at, lastAtMost, NumberList, SECTOR, sectorsOf } from "./fields.ts";
import { ce, CE_LENGTH, lengthOf, type SystemUse } from "./rock_ridge.ts";

/** Where each area stands; the areas of one node follow each other. */
export interface ContinuationZone {
  readonly sectors: number;
  /** Area → node. */
  readonly node: Uint32Array;
  /** Area → its byte offset in the zone. */
  readonly offset: Uint32Array;
}

/** Places areas one after the other, none across a sector's edge (Linux refuses those). */
export class ContinuationPacker {
  readonly #node = new NumberList();
  readonly #offset = new NumberList();
  #end = 0;

  /** Adds the areas of a node, which come in the order of node numbers. */
  add(node: number, areas: SystemUse["areas"]): void {
    areas.forEach((fields, i) => {
      const bytes = areaLength(fields, i < areas.length - 1);
      if (this.#end % SECTOR + bytes > SECTOR) this.#end = sectorsOf(this.#end) * SECTOR;
      this.#node.push(node);
      this.#offset.push(this.#end);
      this.#end += bytes + bytes % 2;
    });
  }

  done(): ContinuationZone {
    return { sectors: sectorsOf(this.#end), node: this.#node.done(), offset: this.#offset.done() };
  }
}

/** The bytes of an area, with its CE when another area of the node follows. */
function areaLength(fields: readonly Uint8Array[], more: boolean): number {
  return lengthOf(fields) + (more ? CE_LENGTH : 0);
}

/** The CE field that points at area `index` of a node. */
function pointer(
  zone: ContinuationZone,
  start: number,
  areas: SystemUse["areas"],
  area: number,
  index: number,
): Uint8Array {
  const offset = at(zone.offset, area + index);
  const bytes = areaLength(areas[index] ?? [], index < areas.length - 1);
  return ce(start + Math.floor(offset / SECTOR), offset % SECTOR, bytes);
}

/** The first area of a node. */
function firstArea(zone: ContinuationZone, node: number): number {
  return lastAtMost(zone.node, node - 1) + 1;
}

/**
 * The system use area of a record, with its CE when something was moved out.
 *
 * @param start the first sector of the zone in the image.
 */
export function placedInline(
  zone: ContinuationZone,
  start: number,
  node: number,
  use: SystemUse,
): Uint8Array {
  if (use.areas.length === 0) return concat(...use.inline);
  return concat(...use.inline, pointer(zone, start, use.areas, firstArea(zone, node), 0));
}

/** Writes one sector of the zone. `areasOf` gives the areas of a node again. */
export function fillContinuation(
  zone: ContinuationZone,
  start: number,
  sector: number,
  out: Uint8Array,
  areasOf: (node: number) => SystemUse["areas"],
): void {
  const from = sector * SECTOR;
  for (let area = lastAtMost(zone.offset, from - 1) + 1; area < zone.offset.length; area++) {
    const offset = at(zone.offset, area);
    if (offset >= from + SECTOR) return;
    const node = at(zone.node, area);
    const first = firstArea(zone, node);
    const areas = areasOf(node);
    const index = area - first;
    const fields = [...areas[index] ?? []];
    if (index < areas.length - 1) fields.push(pointer(zone, start, areas, first, index + 1));
    out.set(concat(...fields), offset - from);
  }
}
