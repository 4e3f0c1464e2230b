/** Partial answers: `fields=nextPageToken,files(id,owners/me)`. */

import { isRecord, refuse } from "./http.ts";

interface Mask {
  readonly [name: string]: Mask | true;
}

function invalid(fields: string): never {
  refuse(400, "invalidParameter", `Invalid field selection ${fields}`, {
    location: "fields",
    locationType: "parameter",
  });
}

/**
 * Keeps of an answer what the mask names.
 *
 * @param known every member the resource can have; a mask that names another is refused, as by Google
 */
export function select(value: Record<string, unknown>, fields: string, known: Mask): unknown {
  const mask = parseMask(fields);
  assertKnown(mask, known, fields);
  return pick(value, mask);
}

function parseMask(fields: string): Mask {
  let at = 0;
  const group = (): Mask => {
    const mask: Record<string, Mask | true> = {};
    for (;;) {
      const name = /^[\w*]+/.exec(fields.slice(at))?.[0] ?? invalid(fields);
      at += name.length;
      mask[name] = below();
      if (fields[at] !== ",") return mask;
      at++;
    }
  };
  const below = (): Mask | true => {
    if (fields[at] === "/") {
      at++;
      const name = /^[\w*]+/.exec(fields.slice(at))?.[0] ?? invalid(fields);
      at += name.length;
      return { [name]: below() };
    }
    if (fields[at] !== "(") return true;
    at++;
    const inner = group();
    if (fields[at++] !== ")") invalid(fields);
    return inner;
  };
  const mask = group();
  return at === fields.length ? mask : invalid(fields);
}

function assertKnown(mask: Mask, known: Mask, fields: string): void {
  for (const [name, inner] of Object.entries(mask)) {
    const here = known[name];
    if (name !== "*" && here === undefined) invalid(fields);
    if (inner !== true && here !== true && here !== undefined) assertKnown(inner, here, fields);
  }
}

function pick(value: unknown, mask: Mask | true): unknown {
  if (mask === true || mask["*"] === true) return value;
  if (Array.isArray(value)) return value.map((item) => pick(item, mask));
  if (!isRecord(value)) return value;
  const kept = Object.entries(mask).filter(([name]) => value[name] !== undefined);
  return Object.fromEntries(kept.map(([name, inner]) => [name, pick(value[name], inner)]));
}
