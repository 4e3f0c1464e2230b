/**
 * How objects and folders are marked on Drive: private properties (`appProperties`), which no other app sees.
 *
 *     coldframe   top | sub      a folder: the first of a store's path, or one below it
 *                 object         an object, whole and confirmed
 *                 pending        an upload that is not complete: not an object yet
 *     key, key1…  the object's key, cut into pieces
 *     at, at1…    of a pending upload: its session, cut into pieces
 *
 * Names are for people only: users may rename files and folders of theirs without losing anything. Drive
 * allows 124 bytes of UTF-8 for name and value together, and 30 properties for each app.
 * https://developers.google.com/workspace/drive/api/guides/properties
 */

import { Buffer } from "node:buffer";
import { StoreError } from "../../errors.ts";

/** What a file or folder is to coldframe. */
export type Mark = "top" | "sub" | "object" | "pending";

/** Private properties; null removes one in an update. */
export type Properties = Readonly<Record<string, string | null>>;

const MAX_PROPERTY = 124;
/** Of 30 properties one is the mark; key and session share the rest. */
const MAX_PIECES = 14;

/**
 * The properties that hold a key.
 *
 * @throws StoreError `store-protocol` when the key is longer than Drive can hold (about 1,600 bytes)
 */
export function keyProperties(key: string): Readonly<Record<string, string>> {
  const pieces = cut("key", key);
  if (pieces === undefined) {
    throw new StoreError("store-protocol", `too long a key for Drive: ${key.slice(0, 60)}…`, {
      hint: "Shorten the names of its folders, or keep this file in another store.",
    });
  }
  return pieces;
}

/** The properties that hold a session; none when it is longer than any that Google gives. */
export function sessionProperties(session: string): Readonly<Record<string, string>> {
  return cut("at", session) ?? {};
}

/** The update that takes the session away again. */
export function withoutSession(properties: Properties): Properties {
  const names = Object.keys(properties).filter((name) => /^at\d*$/.test(name));
  return Object.fromEntries(names.map((name) => [name, null]));
}

/** The key in a file's properties, or undefined when there is none. */
export function keyOf(properties: Properties): string | undefined {
  return join("key", properties);
}

/** The session in a file's properties, or undefined when there is none. */
export function sessionOf(properties: Properties): string | undefined {
  return join("at", properties);
}

function cut(name: string, text: string): Record<string, string> | undefined {
  const pieces: Record<string, string> = {};
  let rest = text;
  for (let index = 0; rest !== ""; index++) {
    if (index === MAX_PIECES) return undefined;
    const label = pieceName(name, index);
    const piece = headOf(rest, MAX_PROPERTY - label.length);
    pieces[label] = piece;
    rest = rest.slice(piece.length);
  }
  return pieces;
}

/** The longest beginning that has at most `limit` bytes and splits no character. */
function headOf(text: string, limit: number): string {
  let head = "";
  let bytes = 0;
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > limit) break;
    head += character;
  }
  return head;
}

function join(name: string, properties: Properties): string | undefined {
  let text: string | undefined;
  for (let index = 0;; index++) {
    const piece = properties[pieceName(name, index)];
    if (typeof piece !== "string") return text;
    text = (text ?? "") + piece;
  }
}

function pieceName(name: string, index: number): string {
  return index === 0 ? name : `${name}${index}`;
}
