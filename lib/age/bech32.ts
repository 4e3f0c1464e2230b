/**
 * The checksum of Bech32 (BIP 173), asked a question that its libraries do not answer: which characters
 * of a mistyped text are wrong. The code is linear, so what a wrong character adds to the checksum depends
 * on its place and its difference alone. Up to 89 characters its distance is 5: one or two wrong characters
 * have one explanation only.
 */

const ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
/** What the checksum of a right text comes to. */
const RIGHT = 1;

/** A character that differs: its index in the data part, and what must stand there. */
export interface Slip {
  readonly index: number;
  readonly right: string;
}

/** Whether a character may stand in the data part, in either case. */
export function isBech32(character: string): boolean {
  return character.length === 1 && ALPHABET.includes(character.toLowerCase());
}

/**
 * Whether a text is right.
 *
 * @param prefix the human-readable part, without the `1` after it
 * @param data what follows the `1`, checksum included
 */
export function isRight(prefix: string, data: string): boolean {
  return [...data].every(isBech32) && residue(prefix, valuesOf(data)) === RIGHT;
}

/**
 * Every way to make a text right by changing one or two characters of its data part; none when it is right
 * already. Characters that no Bech32 text has count as wrong.
 */
export function findSlips(prefix: string, data: string): Slip[][] {
  const values = valuesOf(data);
  const off = residue(prefix, values) ^ RIGHT;
  const effects = effectsOf(values.length);
  const slips = (...keys: number[]) =>
    keys.flatMap((key) => effects.get(key) ?? []).map(({ index, change }) => ({
      index,
      right: letter((values[index] ?? 0) ^ change),
    })).sort((a, b) => a.index - b.index);
  if (off === 0) return [];
  if (effects.has(off)) return [slips(off)];
  const pairs = [...effects.keys()].filter((key) => key < (off ^ key) && effects.has(off ^ key));
  return pairs.map((key) => slips(key, off ^ key)).filter(([a, b]) => a?.index !== b?.index);
}

/** What a change (XOR) of the character at an index adds to the checksum, the other way round. */
function effectsOf(length: number): Map<number, { readonly index: number; readonly change: number }> {
  const effects = new Map<number, { index: number; change: number }>();
  for (let change = 1; change < 32; change++) {
    let effect = change;
    for (let index = length - 1; index >= 0; index--) {
      effects.set(effect, { index, change });
      effect = step(effect, 0);
    }
  }
  return effects;
}

function residue(prefix: string, values: readonly number[]): number {
  const codes = [...prefix.toLowerCase()].map((character) => character.charCodeAt(0));
  const expanded = [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)];
  return [...expanded, ...values].reduce(step, 1);
}

function step(sum: number, value: number): number {
  const top = sum >>> 25;
  const shifted = ((sum & 0x1ffffff) << 5) ^ value;
  return GENERATOR.reduce((next, term, bit) => (top >> bit & 1) === 1 ? next ^ term : next, shifted);
}

/** A character that cannot be there counts as the first of the alphabet: wrong, unless it happens to be that. */
function valuesOf(data: string): number[] {
  return [...data.toLowerCase()].map((character) => Math.max(0, ALPHABET.indexOf(character)));
}

function letter(value: number): string {
  return (ALPHABET[value] ?? "").toUpperCase();
}
