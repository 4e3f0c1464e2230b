/** A request as S3 sees it before anything is known about who sent it and what it is for. */

import { Buffer } from "node:buffer";
import { refusal } from "./errors.ts";

/** The head of a request, taken apart but not judged. */
export interface RequestHead {
  readonly method: string;
  /** The path as it stood in the request line. */
  readonly rawPath: string;
  /** The path, percent-decoded. */
  readonly path: string;
  /** Decoded names and values in the order sent; a name without "=" has the value "". */
  readonly query: readonly (readonly [name: string, value: string])[];
  /** Lower-case names; repeated headers joined by ",". */
  readonly headers: ReadonlyMap<string, string>;
}

/**
 * Takes a request line and its headers apart.
 *
 * @param rawHeaders name, value, name, value… as `node:http` gives them
 * @throws S3Error InvalidURI when percent-encoding is broken
 */
export function parseHead(method: string, url: string, rawHeaders: readonly string[]): RequestHead {
  const mark = url.indexOf("?");
  const rawPath = mark < 0 ? url : url.slice(0, mark);
  const pairs = mark < 0 ? [] : url.slice(mark + 1).split("&").filter((pair) => pair !== "");
  return {
    method,
    rawPath,
    path: decode(rawPath),
    query: pairs.map(decodePair),
    headers: headerMap(rawHeaders),
  };
}

function decodePair(pair: string): [string, string] {
  const equals = pair.indexOf("=");
  const [name, value] = equals < 0 ? [pair, ""] : [pair.slice(0, equals), pair.slice(equals + 1)];
  return [decode(name.replaceAll("+", " ")), decode(value.replaceAll("+", " "))];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw refusal("InvalidURI");
  }
}

function headerMap(rawHeaders: readonly string[]): Map<string, string> {
  const map = new Map<string, string>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? "").toLowerCase();
    // node:http reads header bytes as Latin-1; clients mean and sign UTF-8.
    const value = Buffer.from(rawHeaders[i + 1] ?? "", "latin1").toString("utf8");
    const before = map.get(name);
    map.set(name, before === undefined ? value : `${before},${value}`);
  }
  return map;
}

/** The first value of a query parameter, or undefined. */
export function queryValue(head: Pick<RequestHead, "query">, name: string): string | undefined {
  return head.query.find(([known]) => known === name)?.[1];
}

/** Percent-encoding of SigV4: everything but A-Z a-z 0-9 - _ . ~, in upper-case hex. */
export function uriEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
