/**
 * Reading a whole image once: what it hashes to, and what each file in it hashes to. Only this tells an image
 * that is right from one whose upload went wrong.
 */

import { createHash, type Hash } from "node:crypto";
import type { ColdframeError } from "../../errors.ts";
import { type ImageNode, openImage } from "../../iso/read.ts";
import type { RandomAccess } from "../../types.ts";
import { readAhead } from "../restore/object-access.ts";

/** A file of an image with the hash of the bytes that are there. */
export interface SurveyedFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** ms since 1970. */
  readonly mtime: number;
  readonly mode: number;
  /** Where it begins in the image, in bytes. */
  readonly offset: number;
  /** Hex. */
  readonly sha256: string;
}

/** What an image turned out to be. */
export interface Survey {
  /** Hex SHA-256 of the whole image. */
  readonly sha256: string;
  /** When it was made, ms since 1970, if it says so. */
  readonly created: number | undefined;
  readonly files: readonly SurveyedFile[];
  /** What the image names and cannot be read. */
  readonly lost: readonly { readonly path: string; readonly reason: string }[];
}

/**
 * Reads an image.
 *
 * @param onBytes told how many bytes were read, as they come
 * @throws ColdframeError `image` when nothing of it can be understood; what reading it throws
 */
export async function surveyImage(
  image: RandomAccess,
  onBytes: (bytes: number) => void,
): Promise<Survey> {
  const lost: { path: string; reason: string }[] = [];
  const reader = await openImage(image);
  const nodes: FileNode[] = [];
  const onLost = (path: string, kind: string, error: ColdframeError) => {
    lost.push({ path: path === "" ? "/" : path, reason: `${kind} cannot be read: ${error.message}` });
  };
  for await (const node of reader.walk(onLost)) {
    if (node.kind !== "file") continue;
    if (node.extents.length < 2) nodes.push(node);
    else lost.push({ path: node.path, reason: "file is in pieces" }); // mkisofs never makes such
  }
  const hashes = await hashAll(image, nodes, onBytes);
  const files = nodes.map((node) => surveyed(node, hashes.files));
  return { sha256: hashes.whole, created: reader.created, files, lost };
}

type FileNode = Extract<ImageNode, { kind: "file" }>;

function surveyed(node: FileNode, hashes: ReadonlyMap<string, string>): SurveyedFile {
  const { path, size, mtime } = node;
  return {
    path,
    size,
    mtime,
    // mkisofs -R keeps the modes; whoever restores a file may read and write it
    mode: node.mode === undefined ? 0o644 : (node.mode & 0o777) | 0o600,
    offset: startOf(node),
    sha256: hashes.get(spanOf(node)) ?? EMPTY,
  };
}

const EMPTY = createHash("sha256").digest("hex");

function startOf(node: FileNode): number {
  return node.extents[0]?.offset ?? 0;
}

/** Names that share their bytes share a span. */
function spanOf(node: FileNode): string {
  return `${startOf(node)}+${node.size}`;
}

/** A stretch of the image that is a file. */
interface Span {
  readonly id: string;
  readonly start: number;
  readonly end: number;
  readonly hash: Hash;
}

async function hashAll(
  image: RandomAccess,
  nodes: readonly FileNode[],
  onBytes: (bytes: number) => void,
): Promise<{ readonly whole: string; readonly files: ReadonlyMap<string, string> }> {
  const whole = createHash("sha256");
  const files = new Map<string, string>();
  const waiting = orderedNodes(nodes);
  let open: Span[] = [];
  let next = 0;
  let at = 0;
  for await (const piece of readAhead(image, 0, image.size)) {
    whole.update(piece);
    const end = at + piece.length;
    for (let node = waiting[next]; node !== undefined && startOf(node) < end; node = waiting[++next]) {
      open.push(newSpan(node));
    }
    for (const span of open) {
      span.hash.update(piece.subarray(Math.max(0, span.start - at), Math.min(piece.length, span.end - at)));
      if (span.end <= end) files.set(span.id, span.hash.digest("hex"));
    }
    open = open.filter((span) => span.end > end);
    at = end;
    onBytes(piece.length);
  }
  return { whole: whole.digest("hex"), files };
}

/** Each span once, in the order in which they begin. */
function orderedNodes(nodes: readonly FileNode[]): FileNode[] {
  const spans = new Map(nodes.filter(({ size }) => size > 0).map((node) => [spanOf(node), node]));
  return [...spans.values()].sort((a, b) => startOf(a) - startOf(b));
}

function newSpan(node: FileNode): Span {
  const start = startOf(node);
  return { id: spanOf(node), start, end: start + node.size, hash: createHash("sha256") };
}
