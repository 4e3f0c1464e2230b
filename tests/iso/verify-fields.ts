/** Every field of every structure of an image: where it is in the structure, and how it is written. */

/** How a field is written; numbers in both byte orders are changed in each half and in both. */
export type Form = "u8" | "le16" | "le32" | "le64" | "be32" | "both16" | "both32" | "bytes";
/** Name, offset, form. */
export type Field = readonly [string, number, Form];

/** ECMA-119 §8.4; §8.5 has the same fields. */
export const DESCRIPTOR: readonly Field[] = [
  ["type", 0, "u8"],
  ["standard identifier", 1, "bytes"],
  ["version", 6, "u8"],
  ["flags", 7, "u8"],
  ["system identifier", 8, "bytes"],
  ["volume identifier", 40, "bytes"],
  ["reserved bytes at 72", 72, "u8"],
  ["volume space size", 80, "both32"],
  ["escape sequences", 88, "u8"],
  ["reserved bytes at 91", 91, "u8"],
  ["volume set size", 120, "both16"],
  ["volume sequence number", 124, "both16"],
  ["logical block size", 128, "both16"],
  ["path table size", 132, "both32"],
  ["L path table", 140, "le32"],
  ["optional L path table", 144, "le32"],
  ["M path table", 148, "be32"],
  ["optional M path table", 152, "be32"],
  ["root record's length", 156, "u8"],
  ["root record's extended attributes", 157, "u8"],
  ["root record's extent", 158, "both32"],
  ["root record's size", 166, "both32"],
  ["root record's date", 174, "bytes"],
  ["root record's flags", 181, "u8"],
  ["root record's volume", 184, "both16"],
  ["root record's identifier length", 188, "u8"],
  ["root record's identifier", 189, "u8"],
  ["volume set identifier", 190, "bytes"],
  ["publisher", 318, "bytes"],
  ["preparer", 446, "bytes"],
  ["application", 574, "bytes"],
  ["copyright file", 702, "bytes"],
  ["abstract file", 739, "bytes"],
  ["bibliographic file", 776, "bytes"],
  ["creation year", 816, "u8"],
  ["creation zone", 829, "u8"],
  ["modification second", 843, "u8"],
  ["expiry", 847, "u8"],
  ["effective date's zone", 880, "u8"],
  ["file structure version", 881, "u8"],
  ["reserved byte 882", 882, "u8"],
  ["application use", 883, "u8"],
  ["reserved bytes at the end", 2047, "u8"],
];

/** ECMA-119 §9.1. */
export const RECORD: readonly Field[] = [
  ["length", 0, "u8"],
  ["extended attributes", 1, "u8"],
  ["extent", 2, "both32"],
  ["size", 10, "both32"],
  ["year", 18, "u8"],
  ["month", 19, "u8"],
  ["second", 23, "u8"],
  ["zone", 24, "u8"],
  ["flags", 25, "u8"],
  ["unit size", 26, "u8"],
  ["interleave", 27, "u8"],
  ["volume", 28, "both16"],
  ["identifier length", 32, "u8"],
  ["identifier", 33, "bytes"],
];

/** ECMA-119 §9.4. */
export const TABLE_ENTRY = (order: "L" | "M"): readonly Field[] => [
  ["identifier length", 0, "u8"],
  ["extended attributes", 1, "u8"],
  ["extent", 2, order === "L" ? "le32" : "be32"],
  ["parent", order === "L" ? 6 : 7, "u8"],
  ["identifier", 8, "bytes"],
];

const SUSP_HEAD: readonly Field[] = [["signature", 0, "bytes"], ["length", 2, "u8"], ["version", 3, "u8"]];

/** The system-use fields by signature. */
export const SYSTEM_USE: Readonly<Record<string, readonly Field[]>> = {
  SP: [...SUSP_HEAD, ["first check byte", 4, "u8"], ["second check byte", 5, "u8"], ["skip", 6, "u8"]],
  ER: [
    ...SUSP_HEAD,
    ["identifier length", 4, "u8"],
    ["description length", 5, "u8"],
    ["source length", 6, "u8"],
    ["extension version", 7, "u8"],
    ["identifier", 17, "u8"],
    ["description", 18, "u8"],
    ["source", 120, "u8"],
  ],
  PX: [...SUSP_HEAD, ["mode", 4, "both32"], ["links", 12, "both32"], ["user", 20, "both32"], [
    "group",
    28,
    "both32",
  ]],
  TF: [...SUSP_HEAD, ["flags", 4, "u8"], ["year", 5, "u8"], ["zone", 11, "u8"]],
  NM: [...SUSP_HEAD, ["flags", 4, "u8"]],
  SL: [...SUSP_HEAD, ["flags", 4, "u8"], ["component's flags", 5, "u8"], ["component's length", 6, "u8"]],
  CE: [...SUSP_HEAD, ["block", 4, "both32"], ["offset", 12, "both32"], ["length", 20, "both32"]],
};

/** ECMA-167 3/7.2; the tag is sealed again after a change but to its checksum and CRC. */
export const TAG: readonly Field[] = [
  ["tag identifier", 0, "le16"],
  ["tag version", 2, "le16"],
  ["tag checksum", 4, "u8"],
  ["tag reserved byte", 5, "u8"],
  ["tag serial number", 6, "le16"],
  ["tag CRC", 8, "le16"],
  ["tag CRC length", 10, "le16"],
  ["tag location", 12, "le32"],
];

const CHARSET = (
  at: number,
): readonly Field[] => [["character set type", at, "u8"], ["character set", at + 1, "bytes"]];
const ENTITY = (name: string, at: number): readonly Field[] => [
  [`${name}'s flags`, at, "u8"],
  [name, at + 1, "bytes"],
  [`${name}'s suffix`, at + 24, "u8"],
  [`${name}'s last suffix byte`, at + 31, "u8"],
];
const TIME = (name: string, at: number): readonly Field[] => [
  [`type and zone of ${name}`, at, "le16"],
  [`year of ${name}`, at + 2, "le16"],
  [`second of ${name}`, at + 8, "u8"],
  [`microseconds of ${name}`, at + 11, "u8"],
];
const LONG_AD = (name: string, at: number): readonly Field[] => [
  [`length of ${name}`, at, "le32"],
  [`block of ${name}`, at + 4, "le32"],
  [`partition of ${name}`, at + 8, "le16"],
  [`flags of ${name}`, at + 10, "le16"],
  [`unique id of ${name}`, at + 12, "le32"],
];

export const ANCHOR: readonly Field[] = [
  ["main sequence's length", 16, "le32"],
  ["main sequence", 20, "le32"],
  ["reserve sequence's length", 24, "le32"],
  ["reserve sequence", 28, "le32"],
  ["reserved bytes", 32, "u8"],
];

/** The descriptors of a sequence in order (ECMA-167 3/10). */
export const SEQUENCE: readonly (readonly [string, readonly Field[]])[] = [
  ["primary volume descriptor", [
    ["sequence number", 16, "le32"],
    ["descriptor number", 20, "le32"],
    ["volume identifier's compression", 24, "u8"],
    ["volume identifier", 25, "bytes"],
    ["volume identifier's length", 55, "u8"],
    ["volume sequence number", 56, "le16"],
    ["highest sequence number", 58, "le16"],
    ["interchange level", 60, "le16"],
    ["highest interchange level", 62, "le16"],
    ["character sets", 64, "le32"],
    ["most character sets", 68, "le32"],
    ["volume set identifier", 73, "bytes"],
    ["volume set identifier's length", 199, "u8"],
    ...CHARSET(200),
    ...CHARSET(264),
    ["abstract", 328, "le32"],
    ["copyright", 336, "le32"],
    ...ENTITY("application", 344),
    ...TIME("the recording", 376),
    ...ENTITY("implementation", 388),
    ["implementation use", 420, "u8"],
    ["predecessor", 484, "le32"],
    ["flags", 488, "le16"],
    ["reserved bytes", 511, "u8"],
  ]],
  ["implementation use descriptor", [
    ["sequence number", 16, "le32"],
    ...ENTITY("identifier", 20),
    ...CHARSET(52),
    ["logical volume identifier", 117, "bytes"],
    ["logical volume identifier's length", 243, "u8"],
    ["information 1", 244, "u8"],
    ["information 2", 280, "u8"],
    ["information 3", 316, "u8"],
    ...ENTITY("implementation", 352),
    ["implementation use", 384, "u8"],
  ]],
  ["partition descriptor", [
    ["sequence number", 16, "le32"],
    ["flags", 20, "le16"],
    ["number", 22, "le16"],
    ...ENTITY("contents", 24),
    ["contents use", 56, "u8"],
    ["access type", 184, "le32"],
    ["start", 188, "le32"],
    ["length", 192, "le32"],
    ...ENTITY("implementation", 196),
    ["implementation use", 228, "u8"],
    ["reserved bytes", 356, "u8"],
  ]],
  ["logical volume descriptor", [
    ["sequence number", 16, "le32"],
    ...CHARSET(20),
    ["logical volume identifier", 85, "bytes"],
    ["logical volume identifier's length", 211, "u8"],
    ["block size", 212, "le32"],
    ...ENTITY("domain", 216),
    ["domain's write protection", 242, "u8"],
    ...LONG_AD("the file set", 248),
    ["map table length", 264, "le32"],
    ["partition maps", 268, "le32"],
    ...ENTITY("implementation", 272),
    ["implementation use", 304, "u8"],
    ["integrity sequence's length", 432, "le32"],
    ["integrity sequence", 436, "le32"],
    ["map type", 440, "u8"],
    ["map length", 441, "u8"],
    ["map's volume", 442, "le16"],
    ["map's partition", 444, "le16"],
  ]],
  ["unallocated space descriptor", [["sequence number", 16, "le32"], ["extents", 20, "le32"]]],
  ["terminating descriptor", [["reserved bytes", 16, "u8"]]],
];

export const INTEGRITY: readonly Field[] = [
  ...TIME("the recording", 16),
  ["type", 28, "le32"],
  ["next extent's length", 32, "le32"],
  ["next extent", 36, "le32"],
  ["next unique id", 40, "le64"],
  ["reserved bytes", 48, "u8"],
  ["partitions", 72, "le32"],
  ["length of implementation use", 76, "le32"],
  ["free space", 80, "le32"],
  ["size", 84, "le32"],
  ...ENTITY("implementation", 88),
  ["files", 120, "le32"],
  ["folders", 124, "le32"],
  ["lowest revision to read", 128, "le16"],
  ["lowest revision to write", 130, "le16"],
  ["highest revision written", 132, "le16"],
];

export const FILE_SET: readonly Field[] = [
  ...TIME("the recording", 16),
  ["interchange level", 28, "le16"],
  ["highest interchange level", 30, "le16"],
  ["character sets", 32, "le32"],
  ["most character sets", 36, "le32"],
  ["file set number", 40, "le32"],
  ["descriptor number", 44, "le32"],
  ...CHARSET(48),
  ["logical volume identifier", 113, "bytes"],
  ["logical volume identifier's length", 239, "u8"],
  ...CHARSET(240),
  ["file set identifier", 305, "bytes"],
  ["copyright file", 336, "u8"],
  ["abstract file", 368, "u8"],
  ...LONG_AD("the root", 400),
  ...ENTITY("domain", 416),
  ["next extent", 448, "le32"],
  ["reserved bytes", 464, "u8"],
];

/** ECMA-167 4/14.9. */
export const FILE_ENTRY: readonly Field[] = [
  ["prior entries", 16, "le32"],
  ["strategy", 20, "le16"],
  ["strategy parameter", 22, "le16"],
  ["entries", 24, "le16"],
  ["reserved byte", 26, "u8"],
  ["file type", 27, "u8"],
  ["parent ICB", 28, "le32"],
  ["ICB flags", 34, "le16"],
  ["user", 36, "le32"],
  ["group", 40, "le32"],
  ["permissions", 44, "le32"],
  ["links", 48, "le16"],
  ["record format", 50, "u8"],
  ["record attributes", 51, "u8"],
  ["record length", 52, "le32"],
  ["information length", 56, "le64"],
  ["blocks recorded", 64, "le64"],
  ...TIME("the access", 72),
  ...TIME("the modification", 84),
  ...TIME("the attributes", 96),
  ["checkpoint", 108, "le32"],
  ...LONG_AD("extended attributes", 112),
  ...ENTITY("implementation", 128),
  ["unique id", 160, "le64"],
  ["length of extended attributes", 168, "le32"],
  ["length of allocation descriptors", 172, "le32"],
  ["extent's length", 176, "le32"],
  ["extent's type", 179, "u8"],
  ["extent's block", 180, "le32"],
];

/** ECMA-167 4/14.4. */
export const FILE_IDENTIFIER: readonly Field[] = [
  ["file version", 16, "le16"],
  ["characteristics", 18, "u8"],
  ["identifier length", 19, "u8"],
  ...LONG_AD("the entry", 20),
  ["length of implementation use", 36, "le16"],
];
