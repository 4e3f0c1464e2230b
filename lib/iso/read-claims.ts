/** Which sectors of an image have been read as folders. */

import { SECTOR } from "./read-fields.ts";

/** Sectors per page: 8 KiB of bits, for 128 MiB of image. */
const PAGE = 65536;

/**
 * A set of sectors, as bits in pages made when needed: an image that leads to one folder along two ways, or
 * round in a circle, is found out with a few kilobytes of memory, in time that grows with the bytes read.
 */
export class Claims {
  readonly #pages = new Map<number, Uint32Array>();

  /**
   * Takes the sectors of an extent.
   *
   * @returns false when one of them was taken before
   */
  claim(extent: { readonly offset: number; readonly length: number }): boolean {
    const end = Math.ceil((extent.offset + extent.length) / SECTOR);
    for (let sector = Math.floor(extent.offset / SECTOR); sector < end; sector++) {
      if (!this.#take(sector)) return false;
    }
    return true;
  }

  #take(sector: number): boolean {
    const page = this.#page(Math.floor(sector / PAGE));
    const word = (sector % PAGE) >>> 5;
    const bit = 1 << (sector & 31);
    const bits = page[word] ?? 0;
    if ((bits & bit) !== 0) return false;
    page[word] = bits | bit;
    return true;
  }

  #page(index: number): Uint32Array {
    const known = this.#pages.get(index);
    if (known !== undefined) return known;
    const page = new Uint32Array(PAGE / 32);
    this.#pages.set(index, page);
    return page;
  }
}
