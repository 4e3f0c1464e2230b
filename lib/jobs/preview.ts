/** What a sync would read and store, found without writing anything: not even a home. */

import type { Database } from "../catalog/database.ts";
import { listSources, type Source } from "../catalog/sources.ts";
import { ColdframeError } from "../errors.ts";
import { DEFAULT_CONFIG } from "../home/config.ts";
import { openHome } from "../home/home.ts";
import { compareStretches, NOTHING_KNOWN } from "../scan/compare.ts";
import { IgnoreRules } from "../scan/ignore.ts";
import { WalkReport } from "../scan/report.ts";
import { resolveSource } from "../scan/source.ts";
import { walk } from "../scan/walk.ts";
import { knownFiles, STRETCH } from "./known.ts";
import { openHomeCatalog } from "./open.ts";

/** What a sync would do with one folder. */
export interface SourcePreview {
  readonly path: string;
  readonly files: number;
  readonly bytes: number;
  /** Files that are new or look changed, and their bytes. */
  readonly toRead: number;
  readonly toReadBytes: number;
  readonly gone: number;
}

/** What a sync would do. */
export interface SyncPreview {
  readonly sources: readonly SourcePreview[];
  readonly toReadBytes: number;
}

/** Where to look. */
export interface PreviewOptions {
  /** Absolute path of the home, which need not exist. */
  readonly root: string;
  readonly dirs: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** Compares folders with the catalog by size and times, as a scan does before it hashes. */
export async function previewSync(options: PreviewOptions): Promise<SyncPreview> {
  const home = await openHome(options.root);
  const db = home === undefined ? undefined : await openHomeCatalog(home, options.env);
  try {
    const known = db === undefined || home === undefined ? [] : await listSources(db, home.box);
    const config = home?.config ?? DEFAULT_CONFIG;
    const paths = options.dirs.length > 0
      ? options.dirs
      : [...config.sources, ...known.map(({ path }) => path)];
    if (paths.length === 0) {
      throw new ColdframeError("usage", "there is no folder to protect yet", {
        hint: "Name one: `coldframe sync --dry-run ~/Pictures`.",
      });
    }
    const sources: SourcePreview[] = [];
    for (const path of new Set(paths)) {
      sources.push(await previewSource(path, known, db, config.ignore, options));
    }
    return { sources, toReadBytes: sources.reduce((sum, source) => sum + source.toReadBytes, 0) };
  } finally {
    db?.close();
  }
}

async function previewSource(
  path: string,
  sources: readonly Source[],
  db: Database | undefined,
  ignore: readonly string[],
  { root, signal }: PreviewOptions,
): Promise<SourcePreview> {
  const resolved = resolveSource(path);
  const source = sources.find((candidate) => candidate.path === resolved.path);
  const report = new WalkReport();
  const known = db === undefined || source === undefined ? NOTHING_KNOWN : knownFiles(db, source.id);
  const found = walk(resolved.path, IgnoreRules.of(ignore), report, {
    exclude: [root],
    signal,
    batch: STRETCH,
  });
  const tally = { toRead: 0, toReadBytes: 0, gone: 0 };
  for await (const { comparisons } of compareStretches(known, found, report.unknown, resolved)) {
    for (const item of comparisons) {
      if (item.kind === "gone") tally.gone++;
      if (item.kind !== "new" && item.kind !== "changed") continue;
      tally.toRead++;
      tally.toReadBytes += item.found.size;
    }
  }
  return { path: resolved.path, files: report.files, bytes: report.bytes, ...tally };
}
