/**
 * Which files and folders of a source are left out.
 *
 * Three layers of patterns, all in the syntax of gitignore(5): the defaults below, the lines of the
 * config, and `.coldframeignore` files at any depth, each relative to its own folder. As in git, the
 * last pattern that matches decides, a deeper file comes after a shallower one, `!` takes a pattern
 * back, and nothing inside an ignored folder can be taken back (it is never entered). Matching is
 * case-sensitive, as the names of the defaults are written by the systems that make them.
 */

import ignore from "ignore";

/** The file that holds the patterns of one folder. */
export const IGNORE_FILE = ".coldframeignore";

/**
 * What is left out unless the user takes it back with `!`: files that operating systems, file
 * managers and downloads leave behind, and that nobody would miss.
 */
export const DEFAULT_PATTERNS: readonly string[] = [
  ".DS_Store",
  "._*",
  "Thumbs.db",
  "ehthumbs.db",
  "desktop.ini",
  "*.part",
  "!*.part/", // an unfinished download is a file; a folder may well be called "wedding.part"
  ".idea/",
  ".git/",
  ".github/",
  "@eaDir/",
  "\\#recycle/",
  ".Trash-*/",
  ".Trashes/",
  ".Spotlight-V100/",
  ".fseventsd/",
  ".TemporaryItems/",
  ".DocumentRevisions-V100/",
  "$RECYCLE.BIN/",
  "System Volume Information/",
  "lost+found/",
];

/** The patterns of one place, for paths below `base` ("" or "folder/"). */
interface Level {
  readonly base: string;
  readonly matcher: Matcher;
}

/**
 * Rules for one folder and what is below it. Immutable: entering a folder gives new rules, so a walk
 * keeps the rules of every open folder without copying patterns.
 */
export class IgnoreRules {
  readonly #levels: readonly Level[]; // the shallowest first

  private constructor(levels: readonly Level[]) {
    this.#levels = levels;
  }

  /**
   * The rules for a whole source.
   *
   * @param patterns the user's lines, which come after the defaults and so may take them back
   * @param defaults what stands before them; `[]` for nothing
   */
  static of(
    patterns: readonly string[] = [],
    defaults: readonly string[] = DEFAULT_PATTERNS,
  ): IgnoreRules {
    return new IgnoreRules([{ base: "", matcher: new Matcher([...defaults, ...patterns]) }]);
  }

  /**
   * Whether a file or folder is left out. The folders above it must have been asked about and entered.
   *
   * @param path relative to the source, `/`-separated, without a slash at its end
   */
  ignores(path: string, isFolder: boolean): boolean {
    const full = isFolder ? `${path}/` : path;
    for (let i = this.#levels.length - 1; i >= 0; i--) {
      const level = this.#levels[i];
      const verdict = level?.matcher.test(full.slice(level.base.length));
      if (verdict !== undefined) return verdict;
    }
    return false;
  }

  /**
   * Whether a pattern may match one of the files and folders of a listing; false is certain, and spares a
   * question for each of them.
   *
   * @param paths relative to the source; several names of one folder may follow each other, each after a slash
   */
  mayMatch(paths: string): boolean {
    return this.#levels.some(({ matcher }) => matcher.mayMatch(paths));
  }

  /**
   * The rules inside a folder that is not ignored.
   *
   * @param folder relative to the source; "" for the source itself
   * @param text the content of its `.coldframeignore`, if it has one
   */
  enter(folder: string, text?: string): IgnoreRules {
    const base = folder === "" ? "" : `${folder}/`;
    const levels = this.#levels.map((level) => letThrough(level, base));
    if (text !== undefined) levels.push({ base, matcher: new Matcher(text.split(/\r?\n/)) });
    const same = levels.every((level, i) => level === this.#levels[i]) && text === undefined;
    return same ? this : new IgnoreRules(levels);
  }
}

/**
 * A deeper file may take back a folder that this level ignores. `ignore` would still hold everything
 * inside for ignored, so the level gets an exception for that one folder.
 */
function letThrough(level: Level, folder: string): Level {
  const inside = folder.slice(level.base.length);
  if (inside === "" || level.matcher.test(inside) !== true) return level;
  const literal = inside.replace(/[\\*?[\]!# ]/g, "\\$&");
  return { base: level.base, matcher: level.matcher.with(`!/${literal}`) };
}

/** Paths asked before the memory of `ignore`, which keeps every answer, is thrown away. */
const REMEMBERED = 2048;

/** Patterns compiled once, asked about any number of paths in constant memory. */
class Matcher {
  readonly #patterns: readonly string[];
  readonly #compiled: ignore.Ignore;
  #current: ignore.Ignore;
  #asked = 0;
  readonly #marks: RegExp;

  constructor(patterns: readonly string[]) {
    this.#patterns = patterns;
    this.#marks = marksOf(patterns);
    this.#compiled = ignore({ ignorecase: false }).add(patterns);
    this.#current = this.#compiled;
  }

  /** False when no pattern can match a path that is part of this text. */
  mayMatch(text: string): boolean {
    return this.#marks.test(text);
  }

  /** True: left out; false: taken back; undefined: no pattern speaks of it. */
  test(path: string): boolean | undefined {
    if (!this.mayMatch(path)) return undefined;
    const { ignored, unignored } = this.#ask(path);
    return ignored ? true : unignored ? false : undefined;
  }

  /** The same patterns and one more. */
  with(pattern: string): Matcher {
    return new Matcher([...this.#patterns, pattern]);
  }

  #ask(path: string): ignore.TestResult {
    if (this.#asked++ >= REMEMBERED) {
      // Adding one to another shares the compiled expressions and starts with an empty memory.
      this.#current = ignore({ ignorecase: false }).add(this.#compiled);
      this.#asked = 0;
    }
    return this.#current.test(path);
  }
}

/** Finds the marks of all patterns. */
function marksOf(patterns: readonly string[]): RegExp {
  const marks = new Set(patterns.filter((pattern) => !/^(#|\s*$)/.test(pattern)).map(markOf));
  if (marks.size === 0) return /(?!)/;
  return new RegExp([...marks].map((mark) => mark.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|"));
}

/** The longest piece of text that every path has that a pattern matches; "" when there may be none. */
function markOf(pattern: string): string {
  const [plain = ""] = pattern.split("["); // what follows may stand for any character
  return plain.split(/[\s/*?\\!\ufeff]+/).reduce((a, b) => b.length > a.length ? b : a);
}
