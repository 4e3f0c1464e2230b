/**
 * An identity on paper: how it is set for people to type, and what is wrong with a copy that they typed.
 *
 * The first line is the prefix, which every key of that kind has; the others are groups of four characters.
 */

import { findSlips, isBech32, isRight } from "./bech32.ts";
import { type KeyKind, SECRET } from "./keys.ts";

const GROUP = 4;
const GROUPS_A_LINE = 5;
/** 32 bytes of key and 30 bits of checksum in characters of 5 bits, for either kind. */
const DATA_LENGTH = 58;

/** The lines of an identity, each a list of groups. */
export function paperLines(identity: string): string[][] {
  const kind = kindOf(identity);
  const prefix = kind === undefined ? "" : SECRET[kind];
  const groups = chunks([...identity.slice(prefix.length)], GROUP).map((group) => group.join(""));
  return [...(prefix === "" ? [] : [[prefix]]), ...chunks(groups, GROUPS_A_LINE)];
}

/**
 * The one text of a copy: no blanks, no comments of an identity file, capitals, and the hyphens that word
 * processors and scanners make of a plain one made plain again.
 */
export function cleanCopy(typed: string): string {
  const lines = typed.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/).filter((line) => !/^\s*#/.test(line));
  return lines.join("").replace(/\s+/g, "").replace(/[\u2010-\u2015\u2212]/g, "-").toUpperCase();
}

/** What may be wrong with a copy, and the text that it would be without. */
export interface Suspicion {
  /** Such as `line 2, group 3, character 1: "P" should be "Q"`. */
  readonly what: string;
  readonly corrected: string;
}

/**
 * Explains a copy whose checksum fails by one or two wrong characters, one left out, one too many, or a
 * wrong first line. More than one explanation may fit; the right one gives a key that is known.
 *
 * @param copy as `cleanCopy` gives it
 */
export function suspicions(copy: string): Suspicion[] {
  const kind = kindOf(copy);
  if (kind === undefined) return wrongPrefix(copy);
  const data = copy.slice(SECRET[kind].length);
  if (data.length === DATA_LENGTH) return wrongCharacters(kind, data);
  if (data.length === DATA_LENGTH - 1) return leftOut(kind, data);
  if (data.length === DATA_LENGTH + 1) return tooMany(kind, data);
  return [];
}

/** What can be said of a copy that nothing explains. */
export function describeCopy(copy: string): string {
  const kind = kindOf(copy);
  if (kind === undefined) return `line 1 must be ${SECRET.hybrid} or ${SECRET.x25519}`;
  const data = [...copy.slice(SECRET[kind].length)];
  if (data.length !== DATA_LENGTH) {
    return `after line 1 there are ${data.length} characters, where a key has ${DATA_LENGTH}`;
  }
  const strange = data.flatMap((character, index) =>
    isBech32(character) ? [] : [`${placeOf(index)}: ${JSON.stringify(character)} is in no key`]
  );
  return strange.length > 0 ? strange.slice(0, 4).join("; ") : "more than two characters are wrong";
}

function wrongPrefix(copy: string): Suspicion[] {
  const data = copy.slice(-DATA_LENGTH);
  const kinds = (["hybrid", "x25519"] as const).filter((kind) => isRight(hrpOf(kind), data));
  return kinds.map((kind) => ({ what: `line 1 must be ${SECRET[kind]}`, corrected: SECRET[kind] + data }));
}

function wrongCharacters(kind: KeyKind, data: string): Suspicion[] {
  return findSlips(hrpOf(kind), data).map((slips) => ({
    what: slips.map(({ index, right }) =>
      `${placeOf(index)}: ${JSON.stringify(data[index])} should be ${JSON.stringify(right)}`
    ).join("; "),
    corrected: SECRET[kind] + slips.reduce((text, { index, right }) => splice(text, index, 1, right), data),
  }));
}

function leftOut(kind: KeyKind, data: string): Suspicion[] {
  return places(data.length + 1).flatMap((index) => {
    // Any character will do to begin with: it is right, or the only one that is wrong.
    const filled = splice(data, index, 0, "Q");
    const slips = findSlips(hrpOf(kind), filled).filter((all) => all.length === 1 && all[0]?.index === index);
    const right = isRight(hrpOf(kind), filled) ? "Q" : slips[0]?.[0]?.right;
    if (right === undefined) return [];
    const what = `${placeOf(index)}: ${JSON.stringify(right)} is left out`;
    return [{ what, corrected: SECRET[kind] + splice(data, index, 0, right) }];
  });
}

function tooMany(kind: KeyKind, data: string): Suspicion[] {
  return places(data.length).flatMap((index) => {
    const rest = splice(data, index, 1, "");
    if (!isRight(hrpOf(kind), rest)) return [];
    const what = `${placeOf(index)}: ${JSON.stringify(data[index])} is one character too many`;
    return [{ what, corrected: SECRET[kind] + rest }];
  });
}

/** Where a character of the data part stands on the paper; all count from 1. */
function placeOf(index: number): string {
  const line = Math.floor(index / (GROUP * GROUPS_A_LINE));
  const group = Math.floor(index / GROUP) % GROUPS_A_LINE;
  return `line ${line + 2}, group ${group + 1}, character ${index % GROUP + 1}`;
}

function kindOf(text: string): KeyKind | undefined {
  return (["hybrid", "x25519"] as const).find((kind) => text.startsWith(SECRET[kind]));
}

/** The human-readable part in the sense of Bech32: without its separator. */
function hrpOf(kind: KeyKind): string {
  return SECRET[kind].slice(0, -1);
}

function splice(text: string, index: number, remove: number, insert: string): string {
  return text.slice(0, index) + insert + text.slice(index + remove);
}

function places(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return places(Math.ceil(items.length / size)).map((i) => items.slice(i * size, (i + 1) * size));
}
