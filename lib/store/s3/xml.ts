/**
 * The XML of S3's answers, and only that: elements and text. Attributes (namespaces) are passed over,
 * prefixes dropped, document types refused. A document that ends early is an error, since half a listing
 * must never count as a listing.
 *
 * Source: XML 1.0, fifth edition, sections 2.1 to 2.7 and 4.1.
 */

/** An element: its local name, the text directly in it, and its elements in order. */
export interface XmlElement {
  readonly name: string;
  readonly text: string;
  readonly children: readonly XmlElement[];
}

interface OpenElement {
  readonly name: string;
  text: string;
  readonly children: XmlElement[];
}

/** One alternative per kind of markup; text is whatever stands between. */
const TOKEN =
  /<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<!\[CDATA\[([\s\S]*?)\]\]>|<\/([^\s<>]+)\s*>|<([^\s<>/!?]+)(?:\s+[^\s=<>/]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*\s*(\/?)>|([^<]+)/y;

/**
 * Reads a document and gives its root.
 *
 * @throws SyntaxError when it is not well-formed, or not whole
 */
export function parseXml(source: string): XmlElement {
  const top: OpenElement = { name: "", text: "", children: [] };
  const open: OpenElement[] = [top];
  const text = source.replace(/^\uFEFF/, "");
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const token = TOKEN.exec(text);
    if (token === null) throw new SyntaxError(`not XML at character ${at}`);
    take(token, open);
  }
  const [root] = top.children;
  if (open.length !== 1) throw new SyntaxError(`the document ends inside <${open.at(-1)?.name}>`);
  if (root === undefined || top.children.length !== 1 || top.text.trim() !== "") {
    throw new SyntaxError("not one root element");
  }
  return root;
}

function take(token: RegExpExecArray, open: OpenElement[]): void {
  const [, cdata, closing, opening, empty, text] = token;
  const inner = open.at(-1);
  if (inner === undefined) throw new SyntaxError("more ends than beginnings");
  if (cdata !== undefined) inner.text += cdata;
  else if (text !== undefined) inner.text += decodeEntities(text);
  else if (opening !== undefined) {
    const element: OpenElement = { name: localName(opening), text: "", children: [] };
    inner.children.push(element);
    if (empty !== "/") open.push(element);
  } else if (closing !== undefined) {
    if (open.length < 2 || inner.name !== localName(closing)) {
      throw new SyntaxError(`</${closing}> ends <${inner.name}>`);
    }
    open.pop();
  }
}

function localName(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function decodeEntities(text: string): string {
  return text.replace(/&([^;&\s]*;?)/g, (_, body: string) => {
    const named = ENTITIES[body.slice(0, -1)];
    if (body.endsWith(";") && named !== undefined) return named;
    const number = /^#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}));$/.exec(body);
    const point = number === null ? NaN : parseInt(number[1] ?? number[2] ?? "", number[1] ? 16 : 10);
    if (!(point <= 0x10ffff)) throw new SyntaxError(`unknown entity &${body}`);
    return String.fromCodePoint(point);
  });
}

/** The first element of that name directly inside, if any. */
export function child(element: XmlElement, name: string): XmlElement | undefined {
  return element.children.find((one) => one.name === name);
}

/** Every element of that name directly inside. */
export function childrenOf(element: XmlElement, name: string): readonly XmlElement[] {
  return element.children.filter((one) => one.name === name);
}

/** The text of the element of that name directly inside, if there is one. */
export function textOf(element: XmlElement, name: string): string | undefined {
  return child(element, name)?.text;
}

/** Text as it may stand in an element. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
