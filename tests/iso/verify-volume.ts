/** The descriptors of the ISO side: primary, Joliet, terminator (ECMA-119 §8). */

import { type Faults, isZero, latin1, moment, SECTOR, Structure, utf16 } from "./verify-structure.ts";

/** What a descriptor says of its tree; locations in sectors. */
export interface TreePlace {
  readonly volumeId: string;
  /** ms since 1970. */
  readonly created: number;
  readonly tableBytes: number;
  readonly tableL: number;
  readonly tableM: number;
  /** The root's directory record, 34 bytes. */
  readonly root: Uint8Array;
  /** All identifiers in order, for a comparison of the two descriptors. */
  readonly texts: readonly string[];
}

const ASCII = /^[A-Z0-9_ !"%&'()*+,\-./:;<=>?]*$/;

/** The identifiers of a descriptor: offset, length, name. */
const TEXTS: readonly (readonly [number, number, string])[] = [
  [8, 32, "system identifier"],
  [40, 32, "volume identifier"],
  [190, 128, "volume set identifier"],
  [318, 128, "publisher"],
  [446, 128, "preparer"],
  [574, 128, "application"],
  [702, 37, "copyright file"],
  [739, 37, "abstract file"],
  [776, 37, "bibliographic file"],
];

/**
 * Checks one descriptor.
 *
 * @param sectors of the image
 */
export function verifyDescriptor(faults: Faults, bytes: Uint8Array, type: 1 | 2, sectors: number): TreePlace {
  const joliet = type === 2;
  const s = new Structure(faults, joliet ? "Joliet descriptor" : "primary descriptor", bytes);
  s.u8(0, "type", type);
  s.ascii(1, 5, "standard identifier", "CD001");
  s.u8(6, "version", 1);
  s.both32(80, "volume space size", sectors);
  if (joliet) s.ascii(88, 3, "escape sequence", "%/E");
  s.both16(120, "volume set size", 1);
  s.both16(124, "volume sequence number", 1);
  s.both16(128, "logical block size", SECTOR);
  const tableBytes = s.both32(132, "path table size");
  const tableL = s.u32(140, "L path table");
  const tableM = s.be32(148, "M path table");
  const root = s.take(156, 34);
  const texts = TEXTS.map(([at, length, name]) => text(s, at, length, name, joliet));
  const [, volumeId = ""] = texts;
  s.check(/^[A-Z0-9_]+$/.test(volumeId), `volume identifier is ${JSON.stringify(volumeId)}`);
  // Joliet has room for half of a long volume identifier; the other one is compared by verifyAgreement.
  const setId = joliet ? texts[2] ?? "" : volumeId;
  s.check(setId.startsWith(volumeId), `volume set identifier ${setId} is not that of the volume`);
  const wanted = ["", volumeId, setId, "", "", "COLDFRAME", "", "", ""];
  for (const [i, [, , name]] of TEXTS.entries()) s.check(texts[i] === wanted[i], `${name} is ${texts[i]}`);
  const created = longDate(s, 813, "creation date");
  s.check(created === longDate(s, 830, "modification date"), "was modified after it was made");
  for (const at of [847, 864]) s.ascii(at, 17, "expiry or effective date", "0".repeat(16) + "\0");
  s.u8(881, "file structure version", 1);
  s.done();
  return { volumeId, created, tableBytes, tableL, tableM, root, texts };
}

function text(s: Structure, at: number, length: number, name: string, joliet: boolean): string {
  const bytes = s.take(at, length);
  const whole = joliet ? utf16(bytes.subarray(0, length & ~1)) ?? "?\n" : latin1(bytes);
  s.check(ASCII.test(whole), `${name} is ${JSON.stringify(whole)}`);
  if (joliet && length % 2 === 1) s.check(isZero(bytes.subarray(length - 1)), `${name} does not end in NUL`);
  return whole.replace(/ +$/, "");
}

function longDate(s: Structure, at: number, name: string): number {
  const digits = s.ascii(at, 16, name);
  s.u8(at + 16, `zone of ${name}`, 0);
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(digits);
  const time = match === null ? undefined : moment(match.slice(1, 7).map(Number));
  if (time === undefined) s.fault(`${name} is ${JSON.stringify(digits)}`);
  return (time ?? 0) + Number(match?.[7] ?? 0) * 10;
}

/** Checks that both descriptors say the same of the volume. */
export function verifyAgreement(faults: Faults, primary: TreePlace, joliet: TreePlace): void {
  for (const [i, [, length, name]] of TEXTS.entries()) {
    const wanted = (primary.texts[i] ?? "").slice(0, length >> 1).replace(/ +$/, "");
    faults.check(wanted === joliet.texts[i], `${name} of Joliet is not that of the primary descriptor`);
  }
  faults.check(primary.created === joliet.created, "the descriptors have two creation dates");
}

/** A descriptor of nothing but its name: the terminator, and those that announce UDF. */
export function verifyBare(faults: Faults, bytes: Uint8Array, type: number, identifier: string): void {
  const s = new Structure(faults, `descriptor ${identifier}`, bytes);
  s.u8(0, "type", type);
  s.ascii(1, 5, "standard identifier", identifier);
  s.u8(6, "version", 1);
  s.done();
}
