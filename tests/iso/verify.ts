/**
 * A strict verifier of coldframe's own images: ISO 9660 level 3, Rock Ridge, Joliet and the UDF bridge.
 *
 * It knows the standards and the layout, not the writer: it shares no code with it. It looks at every byte
 * outside of the files' contents, since some mistakes are found by no common reader, but by one in thirty years.
 * It is no reader for images of others: what they may do and we do not is a fault here.
 */

import { Buffer } from "node:buffer";
import { messageOf } from "../../lib/errors.ts";
import type { RandomAccess } from "../../lib/types.ts";
import { type Extent, type Node, verifySame } from "./verify-node.ts";
import { Claims, Faults, isZero, SECTOR } from "./verify-structure.ts";
import { type AreaUse, type Context, upperCase, type VerifiedTree, verifyTree } from "./verify-tree.ts";
import { verifyUdf } from "./verify-udf.ts";
import { type TreePlace, verifyAgreement, verifyBare, verifyDescriptor } from "./verify-volume.ts";

/** Sectors behind the data, for readers that read ahead. */
const PAD = 150;
/** Sectors read at once where nothing should be. */
const MOST_AT_ONCE = 512;

/**
 * Looks at every structure of an image.
 *
 * @returns the faults found, none when the image is good
 */
export async function verifyImage(access: RandomAccess): Promise<string[]> {
  const faults = new Faults();
  try {
    await new Verifier(access, faults).run();
  } catch (error) {
    faults.add(`stopped: ${messageOf(error)}`);
  }
  return faults.list;
}

class Verifier implements Context {
  readonly faults: Faults;
  readonly claims: Claims;
  readonly #sectors: number;

  constructor(access: RandomAccess, faults: Faults) {
    this.faults = faults;
    this.#sectors = Math.floor(access.size / SECTOR);
    this.claims = new Claims(faults, this.#sectors);
    faults.check(access.size % SECTOR === 0, `${access.size} bytes are no whole sectors`);
    this.read = (sector, sectors) => access.readAt(sector * SECTOR, sectors * SECTOR);
  }

  readonly read: (sector: number, sectors: number) => Promise<Uint8Array>;

  async run(): Promise<void> {
    const { faults } = this;
    this.claims.add(16, 3, "descriptors");
    const primary = verifyDescriptor(faults, await this.read(16, 1), 1, this.#sectors);
    const joliet = verifyDescriptor(faults, await this.read(17, 1), 2, this.#sectors);
    verifyAgreement(faults, primary, joliet);
    verifyBare(faults, await this.read(18, 1), 255, "CD001");
    const rockTree = await verifyTree(this, primary, false);
    const jolietTree = await verifyTree(this, joliet, true);
    verifySame(faults, rockTree.root, jolietTree.root, keepsInJoliet, "Joliet");
    await this.#udf(primary, rockTree.root);
    await this.#areas(rockTree.areas);
    await this.#data(rockTree, jolietTree, this.claims.lastBeforeEnd());
    await this.#gaps();
  }

  /** Without the bridge sector 19 belongs to something else; a path table never begins with these bytes. */
  async #udf(place: TreePlace, rock: Node): Promise<void> {
    const sector = await this.read(19, 1);
    const anchor = await this.read(Math.min(256, this.#sectors - 1), 1);
    const announced = Buffer.from(sector.subarray(1, 6)).toString("latin1") === "BEA01";
    const anchored = anchor[0] === 2 && anchor[1] === 0 && anchor[2] === 2;
    if (announced || anchored) {
      verifySame(
        this.faults,
        rock,
        await verifyUdf(this, place, this.#sectors, countOf(rock)),
        keepsInUdf,
        "UDF",
      );
    }
  }

  /** Continuation areas: none shares bytes with another one, and between them there is nothing. */
  async #areas(uses: readonly AreaUse[]): Promise<void> {
    const sorted = [...uses].sort((a, b) => a.sector - b.sector || a.offset - b.offset);
    for (const [i, area] of sorted.entries()) {
      const before = sorted[i - 1];
      if (
        before === undefined || before.sector !== area.sector || before.offset + before.length <= area.offset
      ) continue;
      const again = before.offset === area.offset && before.length === area.length &&
        sameRecordOf(before, area);
      this.faults.check(again, `${area.where}: its continuation overlaps that of ${before.where}`);
    }
    const sectors = [...new Set(sorted.map(({ sector }) => sector))];
    for (const sector of sectors) {
      this.claims.add(sector, 1, "continuation areas");
      const bytes = (await this.read(sector, 1)).slice();
      for (const area of sorted) {
        if (area.sector === sector) bytes.fill(0, area.offset, area.offset + area.length);
      }
      this.faults.check(isZero(bytes), `rubbish between the continuation areas of sector ${sector}`);
    }
  }

  /** Contents stand behind all that describes them, do not overlap but where they are the same, and end in zeros. */
  async #data(rock: VerifiedTree, joliet: VerifiedTree, lastMetadata: number): Promise<void> {
    const { faults } = this;
    const extents = new Map<string, Extent>();
    for (const extent of extentsOf(rock.root)) extents.set(`${extent.sector}+${extent.bytes}`, extent);
    let end = lastMetadata + 1;
    for (const { sector, bytes } of extents.values()) {
      const sectors = Math.ceil(bytes / SECTOR);
      faults.check(sector > lastMetadata, `contents at sector ${sector} stand before what describes them`);
      this.claims.add(sector, sectors, `contents at sector ${sector}`);
      const last = await this.read(sector + sectors - 1, 1);
      faults.check(
        isZero(last.subarray((bytes - 1) % SECTOR + 1)),
        `rubbish behind the contents at ${sector}`,
      );
      end = Math.max(end, sector + sectors);
    }
    faults.check(this.#sectors - end >= PAD, `only ${this.#sectors - end} sectors behind the data`);
    const first = Math.min(...[...extents.values()].map(({ sector }) => sector), end + 1);
    await this.#empty(new Set([...rock.emptyAt, ...joliet.emptyAt]), lastMetadata, first);
  }

  /** Records of what has no bytes point at one sector of zeros between the directories and the data. */
  async #empty(sectors: ReadonlySet<number>, lastMetadata: number, firstData: number): Promise<void> {
    this.faults.check(sectors.size <= 1, `empty files stand at ${sectors.size} sectors`);
    for (const sector of sectors) {
      const inside = sector > lastMetadata && sector < firstData;
      this.faults.check(inside, `empty files stand at sector ${sector}, not between directories and data`);
      this.claims.add(sector, 1, "the sector of empty files");
      this.faults.check(
        isZero(await this.read(sector, 1)),
        `the sector of empty files, ${sector}, is not zero`,
      );
    }
  }

  /** What belongs to nobody is zero. */
  async #gaps(): Promise<void> {
    for (const { start, end } of this.claims.gaps()) {
      for (let sector = start; sector < end; sector += MOST_AT_ONCE) {
        const bytes = await this.read(sector, Math.min(MOST_AT_ONCE, end - sector));
        if (isZero(bytes)) continue;
        const at = sector + Math.floor(bytes.findIndex((byte) => byte !== 0) / SECTOR);
        this.faults.add(`sector ${at} belongs to nothing, but is not zero`);
      }
    }
  }
}

/** All sections of one large file say the same, and continue in the same place. */
function sameRecordOf(a: AreaUse, b: AreaUse): boolean {
  const [folderA, recordA] = a.where.split(" record ");
  const [folderB, recordB] = b.where.split(" record ");
  return folderA === folderB && Math.abs(Number(recordA) - Number(recordB)) <= 100;
}

/** The node and all inside, links too. */
function countOf(node: Node): number {
  return node.children.reduce((sum, child) => sum + countOf(child), 1);
}

function* extentsOf(node: Node): Generator<Extent> {
  yield* node.extents;
  for (const child of node.children) yield* extentsOf(child);
}

/** A Rock Ridge name near 253 bytes may be the start of a longer one, which the other trees hold whole. */
function isWhole(name: string): boolean {
  return Buffer.byteLength(name) < 250;
}

/** Joliet keeps a name that Windows takes, where no other one in the folder differs from it by case alone. */
function keepsInJoliet(name: string, siblings: readonly string[]): boolean {
  if (!cleanInJoliet(name)) return false;
  const key = upperCase(name);
  return siblings.filter((other) => upperCase(other) === key).length === 1;
}

function cleanInJoliet(name: string): boolean {
  return isWhole(name) && name.length <= 103 && !/[*/:;?\\]|[^ -\uffff]|[. ]$/.test(name);
}

/** UDF keeps every name that fits: 254 characters of Latin-1, or 127 units of UTF-16. */
function keepsInUdf(name: string): boolean {
  return isWhole(name) && name.length <= (/[^\0-\xff]/.test(name) ? 127 : 254);
}
