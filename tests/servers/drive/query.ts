/** The part of Drive's search language that clients of the tests use; everything else is refused. */

import { refuse } from "./http.ts";
import type { Principal, StoredFile, World } from "./world.ts";

/** Whether a file is found. */
export type Predicate = (file: StoredFile) => boolean;

interface Token {
  readonly kind: "word" | "text" | "mark";
  readonly text: string;
}

function invalid(): never {
  refuse(400, "invalid", "Invalid Value", { location: "q", locationType: "parameter" });
}

function tokens(q: string): Token[] {
  const pattern = /\s*(?:'((?:[^'\\]|\\['\\])*)'|([A-Za-z]+)|(!=|[=(){}]))/gy;
  const found: Token[] = [];
  let end = 0;
  for (let match = pattern.exec(q); match !== null; match = pattern.exec(q)) {
    const [, text, word, mark] = match;
    if (text !== undefined) found.push({ kind: "text", text: text.replace(/\\(.)/g, "$1") });
    else if (word !== undefined) found.push({ kind: "word", text: word });
    else found.push({ kind: "mark", text: mark ?? "" });
    end = pattern.lastIndex;
  }
  if (q.slice(end).trim() !== "") invalid();
  return found;
}

/** Parses `q` for one asker; refuses with 400, as Drive does, what it does not know. */
export function parseQuery(q: string, world: World, principal: Principal): Predicate {
  const parser = new Parser(tokens(q), world, principal);
  return parser.all();
}

class Parser {
  #at = 0;

  constructor(
    private readonly list: readonly Token[],
    private readonly world: World,
    private readonly principal: Principal,
  ) {}

  all(): Predicate {
    const predicate = this.#or();
    if (this.#at !== this.list.length) invalid();
    return predicate;
  }

  #or(): Predicate {
    const terms = [this.#and()];
    while (this.#take("or")) terms.push(this.#and());
    return (file) => terms.some((term) => term(file));
  }

  #and(): Predicate {
    const terms = [this.#not()];
    while (this.#take("and")) terms.push(this.#not());
    return (file) => terms.every((term) => term(file));
  }

  #not(): Predicate {
    if (!this.#take("not")) return this.#term();
    const term = this.#term();
    return (file) => !term(file);
  }

  #term(): Predicate {
    if (this.#take("(")) {
      const inner = this.#or();
      this.#expect(")");
      return inner;
    }
    const first = this.#next();
    if (first.kind === "text") return this.#membership(first.text);
    if (first.text === "trashed") return this.#trashed();
    if (first.text === "appProperties") return this.#property();
    if (first.text === "name" || first.text === "mimeType") return this.#comparison(first.text);
    return invalid();
  }

  #membership(text: string): Predicate {
    this.#expect("in");
    const list = this.#next().text;
    const { account } = this.principal;
    if (list === "parents") {
      const id = text === "root" ? this.world.rootOf(account) : text;
      this.#assertParent(id);
      return (file) => file.parents.includes(id);
    }
    if (list !== "owners") return invalid();
    return (file) => file.owner === (text === "me" ? account.email : text);
  }

  /** Drive does not take a folder that is not there for an empty one. */
  #assertParent(id: string): void {
    const root = id === this.world.rootOf(this.principal.account) || this.world.drives.has(id);
    const file = this.world.files.get(id);
    if (root || (file !== undefined && this.world.sees(this.principal, file))) return;
    refuse(404, "notFound", "File not found: .", { location: "fileId", locationType: "parameter" });
  }

  #trashed(): Predicate {
    const equal = this.#operator();
    const value = this.#next().text;
    if (value !== "true" && value !== "false") return invalid();
    return (file) => (this.world.trashed(file) === (value === "true")) === equal;
  }

  #property(): Predicate {
    this.#expect("has");
    this.#expect("{");
    this.#expect("key");
    this.#expect("=");
    const key = this.#text();
    this.#expect("and");
    this.#expect("value");
    this.#expect("=");
    const value = this.#text();
    this.#expect("}");
    return (file) => file.properties.get(this.principal.app)?.[key] === value;
  }

  #comparison(field: "name" | "mimeType"): Predicate {
    const equal = this.#operator();
    const text = this.#text();
    // Drive compares names without regard to case.
    return (file) => (file[field].toLowerCase() === text.toLowerCase()) === equal;
  }

  #operator(): boolean {
    const { text } = this.#next();
    if (text !== "=" && text !== "!=") invalid();
    return text === "=";
  }

  #text(): string {
    const token = this.#next();
    return token.kind === "text" ? token.text : invalid();
  }

  #take(text: string): boolean {
    const token = this.list[this.#at];
    if (token === undefined || token.kind === "text" || token.text !== text) return false;
    this.#at++;
    return true;
  }

  #expect(text: string): void {
    if (!this.#take(text)) invalid();
  }

  #next(): Token {
    return this.list[this.#at++] ?? invalid();
  }
}
