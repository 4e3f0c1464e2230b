/**
 * The `q` of `files.list`.
 * https://developers.google.com/workspace/drive/api/guides/search-files
 */

import type { Mark } from "./properties.ts";

/** The mime type that makes a file a folder. */
export const FOLDER_TYPE = "application/vnd.google-apps.folder";

/** A string literal: backslash and quote are the two characters that need an escape. */
export function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}

/** Files in a folder with a mark and, if given, other properties. */
export function inFolder(
  folderId: string,
  mark: Mark,
  properties: Readonly<Record<string, string>> = {},
): string {
  return [`${quoted(folderId)} in parents`, "trashed = false", ...having({ coldframe: mark, ...properties })]
    .join(" and ");
}

/**
 * Folders of ours by name. The first folder of a path is looked for wherever it is, so that a user may
 * move it; one that another user of the same OAuth client shared is never taken.
 *
 * @param parent the id of the folder above; undefined for the first folder of a path
 * @param owned whether the user must own it: true in My Drive, while a shared drive owns its files itself
 */
export function folderNamed(name: string, parent: string | undefined, owned: boolean): string {
  return [
    `mimeType = ${quoted(FOLDER_TYPE)}`,
    `name = ${quoted(name)}`,
    "trashed = false",
    ...(parent === undefined ? [] : [`${quoted(parent)} in parents`]),
    ...(owned ? ["'me' in owners"] : []),
    ...having({ coldframe: parent === undefined ? "top" : "sub" }),
  ].join(" and ");
}

/** Everything in a folder, whoever made it. */
export function foreignChildren(folderId: string): string {
  return `${quoted(folderId)} in parents and trashed = false`;
}

/** Folders of a name in another, whoever made them. */
export function foreignFolder(name: string, parent: string): string {
  return `mimeType = ${quoted(FOLDER_TYPE)} and name = ${quoted(name)} and ${foreignChildren(parent)}`;
}

function having(properties: Readonly<Record<string, string>>): string[] {
  return Object.entries(properties).map(([key, value]) =>
    `appProperties has { key=${quoted(key)} and value=${quoted(value)} }`
  );
}
