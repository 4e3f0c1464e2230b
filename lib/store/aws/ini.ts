/**
 * The files `~/.aws/config` and `~/.aws/credentials`: sections of `name = value`, with one level of nesting
 * by indentation (`s3 =` followed by indented lines). Format: AWS SDKs and Tools Reference Guide, "Shared
 * config and credentials files".
 */

/** Settings by name; a nested one is named `outer.inner`. */
export type IniSection = ReadonlyMap<string, string>;

/** Sections by name, as written between the brackets, with runs of spaces made one. */
export type IniFile = ReadonlyMap<string, IniSection>;

/** Reads the text of such a file. Lines that say nothing are passed over, as every AWS tool does. */
export function parseIni(text: string): IniFile {
  const file = new Map<string, Map<string, string>>();
  let section: Map<string, string> | undefined;
  let outer = "";
  for (const line of text.split(/\r?\n/)) {
    const said = line.replace(/(^|\s)[#;].*$/, "").trimEnd();
    const header = /^\[\s*(.*?)\s*\]$/.exec(said);
    if (header !== null) {
      const name = (header[1] ?? "").replace(/\s+/g, " ");
      section = file.get(name) ?? new Map<string, string>();
      file.set(name, section);
      outer = "";
      continue;
    }
    const setting = /^(\s*)([^=\s][^=]*?)\s*=\s*(.*)$/.exec(said);
    if (setting === null || section === undefined) continue;
    const [, indent = "", name = "", value = ""] = setting;
    const nested = indent !== "" && outer !== "";
    if (!nested) outer = value === "" ? name : "";
    section.set(nested ? `${outer}.${name}` : name, value);
  }
  return file;
}
