/** The UDF 1.02 bridge: recognition, anchors, descriptor sequences, integrity, file set (ECMA-167 part 3). */

import type { Node } from "./verify-node.ts";
import { hex, isZero, SECTOR, type Structure } from "./verify-structure.ts";
import type { Context } from "./verify-tree.ts";
import {
  charset,
  descriptor,
  domain,
  dstring,
  entity,
  extent,
  implementation,
  longAd,
  timestamp,
} from "./verify-udf-fields.ts";
import { verifyUdfTree } from "./verify-udf-tree.ts";
import { type TreePlace, verifyBare } from "./verify-volume.ts";

/** The place of each descriptor in a sequence, and its length in bytes. */
const SEQUENCE = 16;
const PARTITION = 257;

/** What the sequence tells of the volume. Blocks count from the partition's start. */
interface Volume {
  readonly partitionBlocks: number;
  readonly fileSet: { readonly bytes: number; readonly at: number };
  readonly integrity: { readonly bytes: number; readonly at: number };
}

/**
 * Checks the whole UDF side.
 *
 * @param sectors of the image
 * @param nodes in the Rock Ridge tree, each of which may take a unique id
 * @returns the root of its tree
 */
export async function verifyUdf(
  context: Context,
  place: TreePlace,
  sectors: number,
  nodes: number,
): Promise<Node> {
  const { faults, claims, read } = context;
  claims.add(19, 3, "UDF recognition");
  for (const [i, identifier] of ["BEA01", "NSR02", "TEA01"].entries()) {
    verifyBare(faults, await read(19 + i, 1), 0, identifier);
  }
  const main = await verifyAnchor(context, 256);
  const last = await verifyAnchor(context, sectors - 1);
  faults.check(hex(main) === hex(last), "the two anchors differ");
  const view = new DataView(main.buffer, main.byteOffset);
  const volumes = [];
  for (const [at, name] of [[16, "main"], [24, "reserve"]] as const) {
    const [bytes, start] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
    faults.check(bytes === SEQUENCE * SECTOR, `${name} sequence: ${bytes} bytes`);
    volumes.push(await verifySequence(context, place, start, name));
  }
  const [volume, reserve] = volumes;
  if (volume === undefined || reserve === undefined) throw new RangeError("no descriptor sequence");
  faults.check(JSON.stringify(volume) === JSON.stringify(reserve), "the two descriptor sequences differ");
  faults.check(PARTITION + volume.partitionBlocks <= sectors - 1, "the partition runs past the last anchor");
  const root = await verifyFileSet(context, place, volume);
  const tree = await verifyUdfTree(context, root, PARTITION, volume.partitionBlocks);
  await verifyIntegrity(context, place, volume, { ...tree, nodes });
  return tree.root;
}

/** ECMA-167 3/10.2. @returns its fields without the tag's location */
async function verifyAnchor({ faults, claims, read }: Context, sector: number): Promise<Uint8Array> {
  claims.add(sector, 1, "UDF anchor");
  const bytes = await read(sector, 1);
  const s = descriptor(faults, `anchor at ${sector}`, bytes, 2, sector, 512);
  extent(s, 16, "main sequence");
  extent(s, 24, "reserve sequence");
  s.done();
  faults.check(isZero(bytes.subarray(512)), `anchor at ${sector}: rubbish behind it`);
  const fields = bytes.slice(0, 512);
  fields.fill(0, 0, 16);
  return fields;
}

type Check = (s: Structure, place: TreePlace) => void;

/** The descriptors of a sequence in order: name, tag identifier, length in bytes, check. */
const DESCRIPTORS: readonly (readonly [string, number, number, Check])[] = [
  ["primary descriptor", 1, 512, verifyPrimary],
  ["implementation use descriptor", 4, 512, verifyImplementationUse],
  ["partition descriptor", 5, 512, verifyPartition],
  ["logical volume descriptor", 6, 446, verifyLogicalVolume],
  ["unallocated space descriptor", 7, 24, (s) => void s.u32(20, "number of extents", 0)],
  ["terminating descriptor", 8, 512, () => {}],
];

async function verifySequence(
  context: Context,
  place: TreePlace,
  start: number,
  name: string,
): Promise<Volume> {
  const { faults, claims, read } = context;
  claims.add(start, SEQUENCE, `UDF ${name} sequence`);
  const bytes = await read(start, SEQUENCE);
  const structures = DESCRIPTORS.map(([what, id, length, check], i) => {
    const from = bytes.subarray(i * SECTOR);
    const s = descriptor(faults, `UDF ${name} ${what}`, from, id, start + i, length);
    // A volume descriptor sequence number: the highest prevails, so ours ascend (ECMA-167 3/8.4.3).
    if (id !== 8) s.u32(16, "sequence number", i);
    check(s, place);
    s.done();
    s.check(isZero(from.subarray(length, SECTOR)), "rubbish behind it");
    return s;
  });
  const rest = bytes.subarray(DESCRIPTORS.length * SECTOR);
  faults.check(isZero(rest), `UDF ${name} sequence: rubbish behind its end`);
  const [, , partition, logical] = structures;
  if (partition === undefined || logical === undefined) throw new RangeError("no partition");
  return {
    partitionBlocks: partition.u32(192, "length"),
    fileSet: longAd(logical, 248, "file set"),
    integrity: extent(logical, 432, "integrity sequence"),
  };
}

/** ECMA-167 3/10.1, UDF 1.02 §2.2.2. */
function verifyPrimary(s: Structure, place: TreePlace): void {
  s.u32(20, "descriptor number", 0);
  volumeName(s, dstring(s, 24, 32, "volume identifier"), place, 30);
  s.u16(56, "volume sequence number", 1);
  s.u16(58, "highest volume sequence number", 1);
  s.u16(60, "interchange level", 2);
  s.u16(62, "highest interchange level", 2);
  s.u32(64, "character sets", 1);
  s.u32(68, "most character sets", 1);
  const set = dstring(s, 72, 128, "volume set identifier");
  s.check(/^[0-9a-f]{8}.{8}/.test(set), `volume set identifier is ${JSON.stringify(set)}`);
  const seconds = Math.floor(place.created / 1000).toString(16).padStart(8, "0").slice(-8);
  s.check(set.startsWith(seconds), `volume set identifier does not begin with the time, ${seconds}`);
  s.check(set.includes(place.volumeId), "volume set identifier does not name the volume");
  charset(s, 200);
  charset(s, 264);
  entity(s, 344, "application", "*coldframe");
  madeAt(s, 376, place);
  implementation(s, 388);
}

/** UDF 1.02 §2.2.7. */
function verifyImplementationUse(s: Structure, place: TreePlace): void {
  entity(s, 20, "identifier", "*UDF LV Info", "0201000000000000");
  charset(s, 52);
  volumeName(s, dstring(s, 116, 128, "logical volume identifier"), place, 126);
  implementation(s, 352);
}

/** ECMA-167 3/10.5: allocated, read-only, from sector 257. */
function verifyPartition(s: Structure): void {
  s.u16(20, "flags", 1);
  s.u16(22, "partition number", 0);
  entity(s, 24, "contents", "+NSR02");
  s.u32(184, "access type", 1);
  s.u32(188, "start", PARTITION);
  s.u32(192, "length");
  implementation(s, 196);
}

/** ECMA-167 3/10.6, UDF 1.02 §2.2.4. */
function verifyLogicalVolume(s: Structure, place: TreePlace): void {
  charset(s, 20);
  volumeName(s, dstring(s, 84, 128, "logical volume identifier"), place, 126);
  s.u32(212, "block size", SECTOR);
  domain(s, 216);
  const fileSet = longAd(s, 248, "file set");
  s.check(fileSet.uniqueId === 0, "file set has a unique id");
  s.u32(264, "map table length", 6);
  s.u32(268, "partition maps", 1);
  implementation(s, 272);
  extent(s, 432, "integrity sequence");
  s.u8(440, "map type", 1);
  s.u8(441, "map length", 6);
  s.u16(442, "map's volume", 1);
  s.u16(444, "map's partition", 0);
}

function volumeName(s: Structure, found: string, place: TreePlace, longest: number): void {
  s.check(found === place.volumeId.slice(0, longest), `volume is named ${JSON.stringify(found)}`);
}

function madeAt(s: Structure, at: number, place: TreePlace): void {
  const time = timestamp(s, at, "recording time");
  s.check(Math.floor(time / 10) * 10 === place.created, `recorded at ${time}, not ${place.created}`);
}

/** UDF 1.02 §2.3.2; the file set's extent holds the descriptor and a terminating one. @returns the root's ICB */
async function verifyFileSet(
  { faults, claims, read }: Context,
  place: TreePlace,
  volume: Volume,
): Promise<{ bytes: number; at: number; uniqueId: number }> {
  const { bytes: length, at: block } = volume.fileSet;
  faults.check(length === SECTOR || length === 2 * SECTOR, `file set: ${length} bytes`);
  claims.add(PARTITION + block, length / SECTOR, "UDF file set");
  const bytes = await read(PARTITION + block, Math.max(1, Math.min(2, length / SECTOR)));
  const s = descriptor(faults, "file set", bytes, 256, block, 512);
  madeAt(s, 16, place);
  s.u16(28, "interchange level", 3);
  s.u16(30, "highest interchange level", 3);
  s.u32(32, "character sets", 1);
  s.u32(36, "most character sets", 1);
  s.u32(40, "file set number", 0);
  s.u32(44, "descriptor number", 0);
  charset(s, 48);
  volumeName(s, dstring(s, 112, 128, "logical volume identifier"), place, 126);
  charset(s, 240);
  volumeName(s, dstring(s, 304, 32, "file set identifier"), place, 30);
  const root = longAd(s, 400, "root");
  s.check(root.uniqueId === 0, "root has a unique id");
  domain(s, 416);
  s.done();
  s.check(isZero(bytes.subarray(512, SECTOR)), "rubbish behind it");
  if (length > SECTOR) verifyTerminating(faults, bytes.subarray(SECTOR), block + 1, "end of the file set");
  return root;
}

function verifyTerminating(faults: Context["faults"], bytes: Uint8Array, at: number, what: string): void {
  const s = descriptor(faults, what, bytes, 8, at, 512);
  s.done();
  s.check(isZero(bytes.subarray(512, SECTOR)), "rubbish behind it");
}

/** ECMA-167 3/10.10, UDF 1.02 §2.2.6: closed, nothing free, and the counts of the tree. */
async function verifyIntegrity(
  { faults, claims, read }: Context,
  place: TreePlace,
  volume: Volume,
  tree: {
    readonly files: number;
    readonly folders: number;
    readonly highestId: number;
    readonly nodes: number;
  },
): Promise<void> {
  const { bytes: length, at } = volume.integrity;
  faults.check(length === 2 * SECTOR, `integrity sequence: ${length} bytes`);
  claims.add(at, 2, "UDF integrity sequence");
  const bytes = await read(at, 2);
  const s = descriptor(faults, "integrity descriptor", bytes, 9, at, 134);
  madeAt(s, 16, place);
  s.u32(28, "type", 1);
  const next = s.u64(40, "next unique id");
  s.check(
    next > Math.max(15, tree.highestId) && next <= 15 + tree.nodes,
    `next unique id is ${next} after ${tree.highestId}`,
  );
  s.u32(72, "partitions", 1);
  s.u32(76, "length of implementation use", 46);
  s.u32(80, "free space", 0);
  s.u32(84, "size", volume.partitionBlocks);
  implementation(s, 88);
  s.u32(120, "files", tree.files);
  s.u32(124, "folders", tree.folders);
  for (const field of [128, 130, 132]) s.u16(field, "revision", 0x0102);
  s.done();
  s.check(isZero(bytes.subarray(134, SECTOR)), "rubbish behind it");
  verifyTerminating(faults, bytes.subarray(SECTOR), at + 1, "end of the integrity sequence");
}
