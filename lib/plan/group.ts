/**
 * Which files belong together: a photo, its live-photo movie, its edits and its raw file share a folder
 * and a stem (IMG_1.HEIC, IMG_1.MOV, IMG_1.AAE, IMG_1.JPG.xmp), and should share a volume, so that one
 * thaw brings all of them back.
 */

/** Extensions of files that only describe another file and may be added after its own extension. */
const SIDECAR = /\.(xmp|aae|thm|pp3|dop|json)$/i;
const EXTENSION = /\.[^./]{1,8}$/;

/**
 * The key that companions share: folder and stem, without regard to case.
 *
 * @param path `/`-separated
 */
export function companionKey(path: string): string {
  const described = path.replace(SIDECAR, "");
  const stem = EXTENSION.test(described) ? described.replace(EXTENSION, "") : described;
  return stem.toLowerCase();
}

/** Contents that are planned as one, oldest path first. */
export interface Group<F> {
  /** The oldest mtime among the files, ms since 1970: a group's place in time. */
  readonly mtime: number;
  readonly files: readonly F[];
}

interface Groupable {
  readonly path: string;
  readonly mtime: number;
  readonly content: number;
}

/**
 * Groups files so that companions stay together and every path of one content is in one group; in
 * chronological order of the groups' oldest files (path as the tie-break).
 *
 * @param files oldest first
 */
export function groupCompanions<F extends Groupable>(files: readonly F[]): Group<F>[] {
  const groups: { mtime: number; files: F[] }[] = [];
  const byKey = new Map<string, { mtime: number; files: F[] }>();
  const byContent = new Map<number, { mtime: number; files: F[] }>();
  for (const file of files) {
    const key = companionKey(file.path);
    let group = byContent.get(file.content) ?? byKey.get(key);
    if (group === undefined) {
      group = { mtime: file.mtime, files: [] };
      groups.push(group);
    }
    if (!byKey.has(key)) byKey.set(key, group);
    byContent.set(file.content, group);
    group.files.push(file);
  }
  return groups;
}
