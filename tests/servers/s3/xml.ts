/** The little XML that S3 speaks: a writer, and a parser that refuses what is not well-formed. */

import { refusal } from "./errors.ts";

const NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/";

/** Child elements in order; a child whose value is undefined is left out. */
export type XmlFields = readonly (readonly [name: string, value: XmlValue])[];
/** Text, or further elements. */
export type XmlValue = string | number | boolean | undefined | XmlFields;

/** A whole document. `namespaced` is false for errors, which AWS sends without one. */
export function xmlDocument(root: string, fields: XmlValue, namespaced = true): string {
  const attribute = namespaced ? ` xmlns="${NAMESPACE}"` : "";
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root}${attribute}>${inner(fields)}</${root}>`;
}

function inner(value: XmlValue): string {
  if (value === undefined) return "";
  if (typeof value !== "object") return escapeText(String(value));
  return value.map(([name, child]) => child === undefined ? "" : `<${name}>${inner(child)}</${name}>`).join(
    "",
  );
}

/** Control characters become references, as AWS sends them, although XML 1.0 parsers reject most of those. */
function escapeText(text: string): string {
  return text.replace(/[&<>"]|\p{Cc}/gu, (char) => {
    switch (char) {
      case "&":
        return "&amp;";
      case "<":
        return "&lt;";
      case ">":
        return "&gt;";
      case '"':
        return "&quot;";
      default:
        return `&#x${char.charCodeAt(0).toString(16)};`;
    }
  });
}

/** An element as read: its children in order, and the text directly in it. */
export interface XmlElement {
  readonly name: string;
  readonly children: XmlElement[];
  text: string;
}

/**
 * Reads a document whose root must be called `root`.
 *
 * @throws S3Error MalformedXML
 */
export function parseXml(source: string, root: string): XmlElement {
  const top: XmlElement = { name: "", children: [], text: "" };
  const open: XmlElement[] = [top];
  for (const token of source.replace(/^\ufeff/, "").match(/<!--[\s\S]*?-->|<[^<>]*>|[^<]+/g) ?? []) {
    applyToken(open, token);
  }
  const [element] = top.children;
  if (open.length !== 1 || top.children.length !== 1 || element === undefined) throw refusal("MalformedXML");
  if (element.name !== root || top.text.trim() !== "") throw refusal("MalformedXML");
  return element;
}

function applyToken(open: XmlElement[], token: string): void {
  const parent = open.at(-1);
  if (parent === undefined) throw refusal("MalformedXML");
  if (!token.startsWith("<")) {
    parent.text += unescapeText(token);
  } else if (token.startsWith("</")) {
    if (open.length < 2 || parent.name !== token.slice(2, -1).trim()) throw refusal("MalformedXML");
    open.pop();
  } else if (!token.startsWith("<?") && !token.startsWith("<!--")) {
    const name = /^<([A-Za-z_][\w.-]*)(?:\s[^<>]*)?\/?>$/.exec(token)?.[1];
    if (name === undefined) throw refusal("MalformedXML");
    const element: XmlElement = { name, children: [], text: "" };
    parent.children.push(element);
    if (!token.endsWith("/>")) open.push(element);
  }
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function unescapeText(text: string): string {
  return text.replace(/&([^;&]*);?/g, (whole, name: string) => {
    const code = /^#(?:x([0-9a-f]+)|(\d+))$/i.exec(name);
    if (!whole.endsWith(";")) throw refusal("MalformedXML");
    if (code) return String.fromCodePoint(code[1] === undefined ? Number(code[2]) : parseInt(code[1], 16));
    const known = ENTITIES[name];
    if (known === undefined) throw refusal("MalformedXML");
    return known;
  });
}

/** The text of a child, or undefined when there is none. */
export function childText(element: XmlElement, name: string): string | undefined {
  return element.children.find((child) => child.name === name)?.text.trim();
}
