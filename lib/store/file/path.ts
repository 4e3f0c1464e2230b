/** Where a `file:` store lies on the disk, and where an object lies in the store. Pure. */

import { join, resolve } from "node:path";
import { StoreError } from "../../errors.ts";
import { assertKey } from "../store.ts";

/** The folder, inside a store, of everything unfinished: on the store's file system, so that links work. */
export const TEMP_FOLDER = ".coldframe-tmp";

/** The file that tells a store from an empty mount point. It holds a random id; any content is accepted. */
export const MARKER = ".coldframe-store";

/** What a relative `file:` URL is relative to. */
export interface PathContext {
  /** The current folder, absolute. */
  readonly cwd: string;
  /** The user's folder, what `~` stands for. */
  readonly home: string;
  readonly windows: boolean;
}

/**
 * The absolute path of a `file:` URL.
 *
 * `file:/path`, `file:path` and `file:~/path` are taken literally: a space, `%`, `#` or `?` is part of the
 * name, as in a shell. Only the form with an authority, `file:///path` (RFC 8089), as file managers copy it,
 * is percent-decoded.
 *
 * @throws StoreError `store-url`
 */
export function parseFileUrl(url: string, context: PathContext): string {
  if (!/^file:/i.test(url)) throw badUrl(url, "it does not begin with file:");
  const rest = url.slice("file:".length);
  const path = rest.startsWith("//") ? authorityPath(url, rest, context.windows) : rest;
  if (path === "") throw badUrl(url, "it names no folder");
  if (path.includes("\0")) throw badUrl(url, "a path cannot hold a zero byte");
  return resolve(context.cwd, expandHome(url, path, context.home));
}

function authorityPath(url: string, rest: string, windows: boolean): string {
  const [, host, path] = /^\/\/([^/]*)(.*)$/s.exec(rest) ?? [];
  if (path === undefined || (host !== "" && host !== "localhost")) {
    throw badUrl(url, "it names another machine");
  }
  const decoded = percentDecoded(path);
  return windows ? decoded.replace(/^\/([A-Za-z]:)/, "$1") : decoded;
}

/** A `%` that begins no escape is a `%`: the path was typed, not copied. */
function percentDecoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function expandHome(url: string, path: string, home: string): string {
  if (!path.startsWith("~")) return path;
  if (path !== "~" && !/^~[/\\]/.test(path)) throw badUrl(url, "only ~/ is understood, not ~name");
  return join(home, path.slice(1));
}

function badUrl(url: string, why: string): StoreError {
  return new StoreError("store-url", `cannot use the store ${JSON.stringify(url)}: ${why}`, {
    hint: "Write it as file:/path/to/folder or file:~/folder.",
  });
}

/**
 * Characters Windows gives another meaning (`\` climbs, `:` names an alternate data stream) or refuses, and
 * the dots and spaces that it drops from the end of a name.
 */
const NOT_ON_WINDOWS = /["*:<>?\\|\p{Cc}]|[. ](?:\/|$)/u;

/**
 * The path of an object.
 *
 * @throws StoreError `store-protocol` for a key that no store takes, or that would land on the store's own
 *   files (compared without case, since many disks do not tell it)
 */
export function objectPath(root: string, key: string, windows: boolean): string {
  assertKey(key);
  const segments = key.split("/");
  const own = isOwnName(segments[0] ?? "");
  if (own || (windows && NOT_ON_WINDOWS.test(key))) {
    throw new StoreError("store-protocol", `not a usable key in a file: store: ${JSON.stringify(key)}`);
  }
  return join(root, ...segments);
}

/** Whether a name at the root of a store is the store's own, not an object's. */
export function isOwnName(name: string): boolean {
  const lower = name.toLowerCase();
  return lower === TEMP_FOLDER || lower === MARKER;
}
