/** Problems as the catalog keeps them while a message waits: JSON, null for what is not known. */

import type { Problem } from "../../notify/channel.ts";

/** Writes them. */
export function renderProblems(problems: readonly Problem[]): string {
  return JSON.stringify(problems, (_, part: unknown) => part === undefined ? null : part);
}

/** Reads them. What has another shape is left out: the text of the message says the same. */
export function parseProblems(json: string): Problem[] {
  const value: unknown = JSON.parse(json);
  return Array.isArray(value) ? value.flatMap((item) => parseProblem(item) ?? []) : [];
}

function parseProblem(value: unknown): Problem | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const text = (key: string) => ofType(Reflect.get(value, key), isText);
  const time = (key: string) => ofType(Reflect.get(value, key), isNumber);
  const [scope, name, kind, message] = [text("scope"), text("name"), text("kind"), text("message")];
  const opened = time("opened");
  if (scope === undefined || name === undefined || kind === undefined) return undefined;
  if (message === undefined || opened === undefined) return undefined;
  const files: unknown = Reflect.get(value, "files");
  return {
    ...{ scope, name, kind, message, opened },
    severity: text("severity") === "damage" ? "damage" : "warning",
    hint: text("hint"),
    files: Array.isArray(files) ? files.filter(isText) : [],
    closed: time("closed"),
  };
}

function ofType<T>(value: unknown, is: (value: unknown) => value is T): T | undefined {
  return is(value) ? value : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isNumber(value: unknown): value is number {
  return typeof value === "number";
}
