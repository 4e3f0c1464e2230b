/** What the three trees of an image hold alike, and whether they do. */

import { createHash } from "node:crypto";
import { type Faults } from "./verify-structure.ts";

/** Whole sectors and bytes. */
export interface Extent {
  readonly sector: number;
  readonly bytes: number;
}

/** A file, folder or link, as one of the trees tells it. */
export interface Node {
  readonly name: string;
  readonly kind: "file" | "dir" | "symlink";
  /** ms since 1970, whole seconds. */
  readonly mtime: number;
  /** Bytes; of a file. */
  readonly size: number;
  /** Joined where they follow each other; none for an empty file. */
  readonly extents: readonly Extent[];
  readonly children: readonly Node[];
}

/** One extent from several that follow each other. */
export function joined(pieces: readonly Extent[]): Extent[] {
  const all: Extent[] = [];
  for (const piece of pieces) {
    const last = all.at(-1);
    if (last !== undefined && last.sector * 2048 + last.bytes === piece.sector * 2048) {
      all[all.length - 1] = { sector: last.sector, bytes: last.bytes + piece.bytes };
    } else if (piece.bytes > 0) {
      all.push(piece);
    }
  }
  return all;
}

const signatures = new WeakMap<Node, string>();

/** The same for nodes that hold the same under whatever names. */
function signature(node: Node): string {
  const known = signatures.get(node);
  if (known !== undefined) return known;
  const extents = node.extents.map(({ sector, bytes }) => `${sector}+${bytes}`).join(",");
  const inside = node.kind === "dir"
    ? createHash("sha256").update(comparable(node).map(signature).sort().join("\n")).digest("hex")
    : `${node.size}@${extents}`;
  const made = `${node.kind} ${node.mtime} ${inside}`;
  signatures.set(node, made);
  return made;
}

/** Joliet and UDF hold no links. */
function comparable(folder: Node): Node[] {
  return folder.children.filter(({ kind }) => kind !== "symlink");
}

/** Which names of a folder a tree must hold as they are. */
export type Keeps = (name: string, siblings: readonly string[]) => boolean;

/**
 * Compares a folder of another tree with the same folder in Rock Ridge: the same things inside, under the
 * same names where the other tree can hold them.
 */
export function verifySame(faults: Faults, rock: Node, other: Node, keeps: Keeps, where: string): void {
  faults.check(
    rock.mtime === other.mtime,
    `${where}: ${rock.mtime} ms in Rock Ridge, ${other.mtime} ms here`,
  );
  const [a, b] = [comparable(rock), comparable(other)];
  const same = a.map(signature).sort().join("\n") === b.map(signature).sort().join("\n");
  faults.check(same, `${where}: holds other things than in Rock Ridge`);
  const byName = new Map(b.map((node) => [node.name, node]));
  const names = a.map(({ name }) => name);
  for (const node of a) {
    const twin = byName.get(node.name);
    const path = `${where}/${node.name}`;
    if (twin === undefined) faults.check(!keeps(node.name, names), `${path}: is not there`);
    else if (keeps(node.name, names)) compare(faults, node, twin, keeps, path);
  }
}

function compare(faults: Faults, node: Node, twin: Node, keeps: Keeps, path: string): void {
  if (node.kind === "dir" && twin.kind === "dir") return verifySame(faults, node, twin, keeps, path);
  faults.check(signature(node) === signature(twin), `${path}: ${signature(node)} is here ${signature(twin)}`);
}
