/** Turning values into text for a terminal. Pure. */

import { printable } from "../text.ts";

export { amount, count, formatDay, formatTime, printable } from "../text.ts";

/** A duration in the two largest units: `1 h 05 min`, `42 s`. */
export function formatDuration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s`;
  const hours = Math.floor(s / 3600);
  if (hours < 48) return `${hours} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} min`;
  return `${Math.floor(hours / 24)} days`;
}

/**
 * Text in lines of at most `width` characters, broken between words; a word that is longer, such as a path, is
 * broken within.
 */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width) {
    const space = rest.lastIndexOf(" ", width);
    lines.push(rest.slice(0, space > 0 ? space : width));
    rest = rest.slice(space > 0 ? space + 1 : width);
  }
  return [...lines, rest];
}

/** How a column of a table is set. */
export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
}

/** A table with a header line; the last column is not padded. Without rows there is no header either. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const widths = columns.map((column, i) =>
    Math.max(column.title.length, ...rows.slice(0, 10_000).map((row) => row[i]?.length ?? 0))
  );
  const line = (cells: readonly string[]) =>
    columns.map(({ align }, i) => {
      const cell = cells[i] ?? "";
      if (align === "right") return cell.padStart(widths[i] ?? 0);
      return i === columns.length - 1 ? cell : cell.padEnd(widths[i] ?? 0);
    }).join("  ").trimEnd();
  return [line(columns.map((column) => column.title)), ...rows.map(line)];
}

/** A leaf of a tree: a path and what is shown in front of its name. */
export interface Leaf {
  readonly path: string;
  readonly label: string;
  /** Shown behind its name, such as where a link leads; of a folder "/", whatever is in it. */
  readonly suffix?: string;
}

/** Paths as a tree, folders first come first served in the order of the leaves' paths. */
export function tree(leaves: readonly Leaf[]): string[] {
  const root = newNode();
  for (const leaf of leaves) insert(root, leaf);
  const lines: string[] = [];
  draw(root, "", lines);
  return lines;
}

interface TreeNode {
  label: string;
  suffix: string;
  readonly children: Map<string, TreeNode>;
}

function newNode(): TreeNode {
  return { label: "", suffix: "", children: new Map() };
}

function insert(root: TreeNode, { path, label, suffix }: Leaf): void {
  let node = root;
  for (const part of path.split("/")) {
    let child = node.children.get(part);
    if (child === undefined) {
      child = newNode();
      node.children.set(part, child);
    }
    node = child;
  }
  node.label = label;
  node.suffix = suffix ?? "";
}

function draw(node: TreeNode, indent: string, lines: string[]): void {
  const names = [...node.children.keys()].sort();
  names.forEach((name, i) => {
    const child = node.children.get(name);
    if (child === undefined) return;
    const last = i === names.length - 1;
    const label = child.label === "" ? "" : `[${child.label}] `;
    const suffix = child.children.size > 0 ? "/" : child.suffix;
    lines.push(`${indent}${last ? "└── " : "├── "}${label}${printable(name)}${suffix}`);
    draw(child, indent + (last ? "    " : "│   "), lines);
  });
}

/**
 * A moment given on the command line: a day (`2024-05-01`, local midnight) or a full ISO time.
 *
 * @returns undefined when it is neither
 */
export function parseMoment(text: string): number | undefined {
  const parts = /^(\d{4})-(\d{2})-(\d{2})(T\d{2}:\d{2}.*)?$/.exec(text);
  if (parts === null) return undefined;
  const [year, month, day] = [Number(parts[1]), Number(parts[2]), Number(parts[3])];
  if (day < 1 || day > daysIn(year, month)) return undefined;
  const date = parts[4] === undefined ? new Date(year, month - 1, day) : new Date(text);
  return Number.isNaN(date.getTime()) ? undefined : date.getTime();
}

/** Days of a month; 0 for a month that is none. Some runtimes take 30 February for 1 March. */
function daysIn(year: number, month: number): number {
  return month < 1 || month > 12 ? 0 : new Date(Date.UTC(year, month, 0)).getUTCDate();
}
