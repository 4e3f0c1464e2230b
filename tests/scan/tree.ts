/** Trees of files to scan, and short ways to scan them. */

import { chmod, mkdir, symlink, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { FoundFile } from "../../lib/scan/found.ts";
import { hashFiles, type HashResult } from "../../lib/scan/hash.ts";
import { IgnoreRules } from "../../lib/scan/ignore.ts";
import { WalkReport } from "../../lib/scan/report.ts";
import { walk, type WalkOptions } from "../../lib/scan/walk.ts";

/** Path → content. A content may also be the target of a symbolic link, or a folder with nothing in it. */
export type Tree = Readonly<Record<string, string | Uint8Array | { link: string } | { folder: true }>>;

/** Makes the files of a tree, and the folders they need. */
export async function plant(root: string, tree: Tree): Promise<void> {
  for (const [path, content] of Object.entries(tree)) {
    const at = join(root, path);
    await mkdir(dirname(at), { recursive: true });
    if (typeof content === "string" || content instanceof Uint8Array) await writeFile(at, content);
    else if ("link" in content) await symlink(content.link, at);
    else await mkdir(at);
  }
}

/** Sets permission bits and mtime, so that both are known. */
export async function age(path: string, mtime: number, mode: number): Promise<void> {
  await chmod(path, mode);
  await utimes(path, new Date(mtime), new Date(mtime));
}

/** All that a walk gives. */
export async function walkAll(
  root: string,
  rules = IgnoreRules.of(),
  options: WalkOptions = {},
): Promise<{ files: FoundFile[]; paths: string[]; report: WalkReport }> {
  const report = new WalkReport();
  const files: FoundFile[] = [];
  for await (const batch of walk(root, rules, report, options)) files.push(...batch);
  return { files, paths: files.map((file) => file.path), report };
}

/** What is left of a source by these lines of the config, without the defaults. */
export async function pathsBy(root: string, lines: readonly string[]): Promise<string[]> {
  return (await walkAll(root, IgnoreRules.of(lines, []))).paths;
}

/** All results, by path. */
export async function hashAll(
  root: string,
  files: readonly FoundFile[],
  options: { lanes?: number; inodes?: boolean } = {},
): Promise<Map<string, HashResult>> {
  const results = new Map<string, HashResult>();
  for await (const batch of hashFiles(root, [files], { inodes: true, ...options })) {
    for (const result of batch) results.set(result.file.path, result);
  }
  return results;
}

/** A found file with nothing special about it. */
export function someFile(path: string, over: Partial<FoundFile> = {}): FoundFile {
  return { path, size: 1, mtime: 1_000, ctime: 1, inode: "7", mode: 0o644, ...over };
}
