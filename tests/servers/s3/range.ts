/** Which bytes of an object a GET or HEAD asks for: all, a range, or one part. RFC 9110 section 14. */

import { type Call, header, query } from "./call.ts";
import { refusal } from "./errors.ts";
import type { ObjectVersion } from "./model.ts";

/** Bytes `start` to `end` (exclusive). */
export interface ReadRange {
  readonly start: number;
  readonly end: number;
  readonly partial: boolean;
  readonly headers: Readonly<Record<string, string>>;
}

/** @throws S3Error InvalidRange, InvalidArgument */
export function readRange(call: Call, version: ObjectVersion): ReadRange {
  const part = query(call, "partNumber");
  const text = header(call, "range");
  if (part !== undefined) return partRange(version, part, text);
  const match = /^bytes=(\d*)-(\d*)$/.exec(text ?? "");
  // S3 ignores what it does not understand, several ranges included, and sends the whole object.
  if (match === null || (match[1] === "" && match[2] === "")) return wholeRange(version);
  const [start, end] = bounds(match[1] ?? "", match[2] ?? "", version.size);
  if (match[1] !== "" && match[2] !== "" && Number(match[2]) < start) return wholeRange(version);
  if (start >= version.size || end <= start) {
    throw refusal("InvalidRange", undefined, {
      RangeRequested: text ?? "",
      ActualObjectSize: String(version.size),
    });
  }
  return partialRange(version, start, end);
}

function bounds(first: string, last: string, size: number): [number, number] {
  if (first === "") return [Math.max(0, size - Number(last)), Number(last) === 0 ? 0 : size];
  return [Number(first), last === "" ? size : Math.min(size, Number(last) + 1)];
}

function wholeRange(version: ObjectVersion): ReadRange {
  return { start: 0, end: version.size, partial: false, headers: {} };
}

function partialRange(version: ObjectVersion, start: number, end: number): ReadRange {
  return {
    start,
    end,
    partial: true,
    headers: { "content-range": `bytes ${start}-${end - 1}/${version.size}` },
  };
}

function partRange(version: ObjectVersion, text: string, range: string | undefined): ReadRange {
  if (range !== undefined) {
    throw refusal("InvalidRequest", "Cannot specify both Range header and partNumber query parameter");
  }
  const index = Number(text) - 1;
  const part = version.parts[index];
  if (part === undefined) throw refusal("InvalidRange", "The requested partnumber is not satisfiable");
  if (!version.multipart) return wholeRange(version);
  const start = version.parts.slice(0, index).reduce((sum, before) => sum + before.size, 0);
  const found = partialRange(version, start, start + part.size);
  return { ...found, headers: { ...found.headers, "x-amz-mp-parts-count": String(version.parts.length) } };
}
