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

function trimSlashes(pattern: string): string {
  return pattern.replace(/^\.?\/+|\/+$/g, "");
}

function toRegExp(pattern: string): RegExp {
  const anywhere = pattern.includes("/") ? "" : "(?:.*/)?";
  return new RegExp(`^${anywhere}${translate(pattern)}(?:/.*)?$`, "su");
}

function translate(pattern: string): string {
  let out = "";
  for (let i = 0; i < pattern.length;) {
    const rest = pattern.slice(i);
    const [token, expression] = nextToken(rest);
    out += expression;
    i += token;
  }
  return out;
}

/** The length of the next piece of a pattern, and its regular expression. */
function nextToken(rest: string): [length: number, expression: string] {
  if (rest.startsWith("**/")) return [3, "(?:.*/)?"];
  if (rest.startsWith("**")) return [2, ".*"];
  if (rest.startsWith("*")) return [1, "[^/]*"];
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
