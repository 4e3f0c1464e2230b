/**
 * Whether a file still looks like what its name says. What ransomware leaves behind looks like random bytes;
 * photos do, too, but they begin with the marks of their format. Pure.
 *
 * Sources: the formats' own specifications; the numbers are those of file(1)'s magic database.
 */

/** Bytes from the start of a file that are enough to judge it. */
export const HEAD_SIZE = 4096;

/** Bits for each byte, above which no text and no structure is left. 4 KiB of random bytes have about 7.95. */
const RANDOM = 7.2;

/** Fewer bytes than this tell nothing: even random ones do not reach that many bits. */
const ENOUGH = 1024;

type Mark = { readonly at: number; readonly bytes: string };

const at = (offset: number, bytes: string): Mark => ({ at: offset, bytes });

/** The marks of a format, in hex; any one of them will do. */
const FORMATS: Readonly<Record<string, readonly Mark[]>> = {
  jpeg: [at(0, "ffd8ff")],
  png: [at(0, "89504e47")],
  gif: [at(0, "47494638")],
  tiff: [at(0, "49492a00"), at(0, "4d4d002a"), at(0, "49492b00"), at(0, "4d4d002b"), at(0, "49495500")],
  otherRaw: [
    at(0, "46554a4946494c4d"),
    at(0, "49494f52"),
    at(0, "4949524f"),
    at(0, "464f5662"),
    at(4, "6674797063727820"),
  ],
  boxes: [
    at(4, "66747970"),
    at(4, "6d6f6f76"),
    at(4, "6d646174"),
    at(4, "77696465"),
    at(4, "66726565"),
    at(4, "736b6970"),
  ],
  riff: [at(0, "52494646")],
  matroska: [at(0, "1a45dfa3")],
  mpeg: [at(0, "000001ba"), at(0, "000001b3"), at(0, "47"), at(4, "47")],
  asf: [at(0, "3026b275")],
  bmp: [at(0, "424d")],
  psd: [at(0, "38425053")],
  jxl: [at(0, "ff0a"), at(4, "4a584c20")],
  pdf: [at(0, "25504446")],
  zip: [at(0, "504b0304"), at(0, "504b0506"), at(0, "504b0708")],
  ole: [at(0, "d0cf11e0")],
  mp3: [at(0, "494433"), at(0, "fffb"), at(0, "fff3"), at(0, "fff2"), at(0, "fffa")],
  flac: [at(0, "664c6143")],
  ogg: [at(0, "4f676753")],
};

const RAW = ["tiff", "otherRaw", "boxes"];

/** The formats that a file of that ending may have; none for text, which has no marks. */
const ENDINGS: Readonly<Record<string, readonly string[]>> = {
  jpg: ["jpeg"],
  jpeg: ["jpeg"],
  jpe: ["jpeg"],
  mpo: ["jpeg"],
  insp: ["jpeg"],
  png: ["png"],
  gif: ["gif"],
  bmp: ["bmp"],
  psd: ["psd"],
  jxl: ["jxl"],
  webp: ["riff"],
  tif: ["tiff"],
  tiff: ["tiff"],
  dng: RAW,
  nef: RAW,
  nrw: RAW,
  cr2: RAW,
  cr3: RAW,
  arw: RAW,
  orf: RAW,
  rw2: RAW,
  raf: RAW,
  pef: RAW,
  srw: RAW,
  heic: ["boxes"],
  heif: ["boxes"],
  hif: ["boxes"],
  avif: ["boxes"],
  mp4: ["boxes"],
  m4v: ["boxes"],
  mov: ["boxes"],
  "3gp": ["boxes"],
  m4a: ["boxes"],
  avi: ["riff"],
  wav: ["riff"],
  mkv: ["matroska"],
  webm: ["matroska"],
  wmv: ["asf"],
  mpg: ["mpeg"],
  mpeg: ["mpeg"],
  mts: ["mpeg"],
  m2ts: ["mpeg"],
  pdf: ["pdf"],
  zip: ["zip"],
  docx: ["zip"],
  xlsx: ["zip"],
  pptx: ["zip"],
  odt: ["zip"],
  ods: ["zip"],
  doc: ["ole"],
  xls: ["ole"],
  ppt: ["ole"],
  mp3: ["mp3"],
  flac: ["flac"],
  ogg: ["ogg"],
  txt: [],
  md: [],
  csv: [],
  json: [],
  xml: [],
  xmp: [],
  html: [],
  gpx: [],
  kml: [],
  aae: [],
  svg: [],
};

/**
 * Whether a file has lost what its name says it is: the marks of its format are not there, nor those of any
 * other, and its bytes look random.
 *
 * @param name its name or path; an ending that is not known here is never judged
 * @param head the first `HEAD_SIZE` bytes, or all of a smaller file
 */
export function looksSpoilt(name: string, head: Uint8Array): boolean {
  const ending = /\.([^./]+)$/.exec(name)?.[1]?.toLowerCase() ?? "";
  const formats = Object.hasOwn(ENDINGS, ending) ? ENDINGS[ending] : undefined;
  if (formats === undefined || head.length < ENOUGH) return false;
  return !hasAnyMark(head, formats) && entropy(head) > RANDOM;
}

/**
 * A photo saved under another ending is no victim, so the marks of any format will do; but those of two bytes
 * come about by chance, and count under their own ending only.
 */
function hasAnyMark(head: Uint8Array, own: readonly string[]): boolean {
  return Object.entries(FORMATS).some(([format, marks]) =>
    marks.some((mark) => (own.includes(format) || mark.bytes.length >= 6) && hasMark(head, mark))
  );
}

function hasMark(head: Uint8Array, { at, bytes }: Mark): boolean {
  if (bytes === SYNC) return isTransportStream(head, at);
  return hexAt(head, at, bytes.length / 2) === bytes;
}

const SYNC = "47";

/** It has its mark in each packet of 188 bytes, or of 192 with a time in front (ISO 13818-1, 2.4.3.2). */
function isTransportStream(head: Uint8Array, at: number): boolean {
  const step = at === 0 ? 188 : 192;
  return [0, 1, 2, 3].every((n) => head[at + n * step] === 0x47);
}

function hexAt(head: Uint8Array, offset: number, length: number): string {
  let text = "";
  for (let i = offset; i < offset + length; i++) text += (head[i] ?? 0).toString(16).padStart(2, "0");
  return text;
}

/** Shannon's entropy of bytes, in bits for each. */
export function entropy(bytes: Uint8Array): number {
  const counts = new Uint32Array(256);
  for (const byte of bytes) counts[byte] = (counts[byte] ?? 0) + 1;
  let bits = 0;
  for (const count of counts) {
    if (count > 0) bits -= (count / bytes.length) * Math.log2(count / bytes.length);
  }
  return bits;
}
