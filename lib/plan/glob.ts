/**
 * Patterns for paths, as `find` and `restore` take them.
 *
 *     IMG_1.jpg        any file of that name, in any folder
 *     Pictures/2024    that folder with all below it, or that file
 *     *.heic           `*` is anything but `/`, `?` one character, `[abc]` one of these
 *     Pictures/**      `**` is any number of folders
 *     **               everything
 */

/** Whether a path (`<source name>/<path>`) is meant. */
export type PathMatcher = (path: string) => boolean;

/** A matcher for any of several patterns. A path that equals a pattern to the letter always matches. */
export function pathMatcher(patterns: readonly string[]): PathMatcher {
  const literal = new Set(patterns.map(trimSlashes));
  const expressions = patterns.map((pattern) => toRegExp(trimSlashes(pattern)));
  return (path) => literal.has(path) || expressions.some((expression) => expression.test(path));
}

/**
 * Texts of which every path that matches contains at least one, so that an index of paths can be asked
 * first; undefined when there are none, since a pattern is all stars.
 */
export function textsWithin(patterns: readonly string[]): string[] | undefined {
  const texts = patterns.map((pattern) => longestText(trimSlashes(pattern)));
  return texts.includes("") ? undefined : texts;
}

/** The longest stretch that stands for itself; the `/` of a `**` + `/` does not. */
function longestText(pattern: string): string {
  const texts = pattern.split(/\\.|\[!?[^\]]+\]|\*\*\/|[*?\\[\]]/su);
  return texts.reduce((longest, text) => text.length > longest.length ? text : longest, "");
}

function trimSlashes(pattern: string): string {
  return pattern.replace(/^\.?\/+|\/+$/g, "");
}

function toRegExp(pattern: string): RegExp {
  const anywhere = pattern.includes("/") ? "" : "(?:.*/)?";
  return new RegExp(`^${anywhere}${translate(pattern)}(?:/.*)?$`, "su");
}

/**
 * A `*` never leaves its path segment, so all but the last one of a segment may settle for the nearest
 * match of what follows: atomic groups, which JavaScript writes as a lookahead and a back reference. Without
 * them a pattern with a dozen stars would take minutes (catastrophic backtracking).
 */
function translate(pattern: string): string {
  let out = "";
  let pieces = [""]; // of the current segment, between its stars
  let groups = 0;
  const endSegment = () => {
    const [first = "", ...rest] = pieces;
    const last = rest.pop();
    const nearest = rest.map((piece) => `(?=(?<g${++groups}>[^/]*?${piece}))\\k<g${groups}>`);
    out += first + nearest.join("") + (last === undefined ? "" : `[^/]*${last}`);
    pieces = [""];
  };
  for (let i = 0; i < pattern.length;) {
    const [length, expression] = nextToken(pattern.slice(i));
    i += length;
    if (expression === STAR) pieces.push("");
    else if (expression === SLASH || DEEP.test(expression)) {
      endSegment();
      out += expression;
    } else pieces.push((pieces.pop() ?? "") + expression);
  }
  endSegment();
  return out;
}

const STAR = "[^/]*";
const SLASH = "\\/";
/** How `**` begins in both its forms: what crosses segments. */
const DEEP = /^(\(\?:)?\.\*/;

/** The length of the next piece of a pattern, and its regular expression. */
function nextToken(rest: string): [length: number, expression: string] {
  if (rest.startsWith("**/")) return [3, "(?:.*/)?"];
  if (rest.startsWith("**")) return [2, ".*"];
  if (rest.startsWith("*")) return [1, STAR];
  if (rest.startsWith("?")) return [1, "[^/]"];
  const set = /^\[(!?)([^\]]+)\]/.exec(rest);
  if (set?.[2] !== undefined) {
    return [set[0].length, `[${set[1] === "!" ? "^/" : ""}${set[2].replace(/[\\\]^[]/g, "\\$&")}]`];
  }
  if (rest.startsWith("\\") && rest.length > 1) return [2, escape(rest.slice(1, 2))];
  const [character = ""] = rest;
  return [character.length, escape(character)];
}

function escape(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
