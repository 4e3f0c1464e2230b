/** What the changelog says of one version. */

/**
 * The text below the heading `## <version>`, up to the next one.
 *
 * @param changelog Markdown, with a second-level heading for each version, which may go on with a date
 * @throws Error when it says nothing of that version: no release without notes
 */
export function notesOf(changelog: string, version: string): string {
  const sections = changelog.split(/^## /m).slice(1);
  const section = sections.find((text) => text.split(/\s/, 1)[0] === version);
  const notes = section?.slice(section.indexOf("\n")).trim() ?? "";
  if (notes === "") throw new Error(`CHANGELOG.md says nothing of ${version}`);
  return `${notes}\n`;
}
