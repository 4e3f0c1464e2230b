/** How other tools name what they upload, and what coldframe calls it. Pure. */

/** What an object of lomo-backup is: an image, the listing of one, or a single file. */
export type LomobKind = "image" | "listing" | "file";

/** What lomo-backup's objects are, by their names; it names images as the user or the dates say. */
export function lomobKind(key: string): LomobKind {
  if (/\.iso\.meta\.txt$/i.test(key)) return "listing";
  return /\.iso$/i.test(key) ? "image" : "file";
}

/** The last segment of a key. */
export function baseName(key: string): string {
  return key.slice(key.lastIndexOf("/") + 1);
}

/** What an image is called: its file name without the ending. */
export function imageStem(key: string): string {
  return baseName(key).replace(/\.iso$/i, "");
}

/**
 * The name beside a taken one: `a/b.jpg` of image `2024` is `a/b~2024.jpg`. lomo-backup packs several folders
 * into one tree, so a path may mean another file in each image.
 */
export function besideName(path: string, stem: string): string {
  const [, folder = "", name = "", ending = ""] = /^(.*\/)?([^/]+?)(\.[^./]+)?$/s.exec(path) ?? [];
  return `${folder}${name}~${stem}${ending}`;
}

/** The folder of a scanned root on Drive: its path without the outer slashes, the inner ones replaced. */
export function flattenedRoot(root: string): string {
  return root.replace(/^\/+|\/+$/g, "").replaceAll("/", "_");
}

/** A path as segments joined by single slashes, whatever a database holds: `/a//b`, `./a`, `.`. */
export function tidyPath(path: string): string {
  return path.split("/").filter((segment) => segment !== "" && segment !== ".").join("/");
}
