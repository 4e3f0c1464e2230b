/** The words of alerts. Pure. */

import type { Finding } from "../../catalog/findings.ts";
import type { Message, Problem } from "../../notify/channel.ts";
import { count, formatTime, printable } from "../../text.ts";

/** Where a message comes from. */
export interface Sender {
  /** The machine's name. */
  readonly host: string;
  /** The path of the home. */
  readonly home: string;
}

/** What a message says, but for its name and time. */
export type Words = Pick<Message, "kind" | "urgency" | "subject" | "text" | "problems">;

/** So many problems, and files of each, are written out; the rest are counted. */
const PROBLEMS = 30;
const FILES = 20;

/** The message about findings that are new, still open, or over. */
export function aboutFindings(
  kind: "opened" | "reminder" | "closed",
  findings: readonly Finding[],
  sender: Sender,
): Words {
  const worstFirst = [...findings].sort((a, b) => rank(a) - rank(b));
  const hasDamage = findings.some(({ severity }) => severity === "damage");
  const shown = worstFirst.slice(0, PROBLEMS);
  const rest = findings.length - shown.length;
  return {
    kind,
    urgency: kind === "closed" ? "low" : hasDamage ? "high" : "normal",
    subject: subjectOf(kind, worstFirst),
    text: [
      ...shown.flatMap((finding) => [...describe(finding), ""]),
      ...(rest > 0 ? [`… and ${count(rest, "more", "more")}.`, ""] : []),
      ...signature(sender, kind === "closed" ? [] : ["All that is open: coldframe status"]),
    ].join("\n") + "\n",
    problems: shown.map(problemOf),
  };
}

function rank({ severity }: Finding): number {
  return severity === "damage" ? 0 : 1;
}

function subjectOf(kind: "opened" | "reminder" | "closed", findings: readonly Finding[]): string {
  const [first] = findings;
  if (first === undefined) return "coldframe";
  const what = printable(first.message);
  const others = findings.length === 1 ? "" : ` (and ${findings.length - 1} more)`;
  const label = { opened: first.severity, reminder: `still open: ${first.severity}`, closed: "over" }[kind];
  return shorten(`coldframe: ${label}: ${what}`, others);
}

/** A subject that phones show; RFC 5322 allows 998 characters, which nobody reads. */
function shorten(text: string, end: string): string {
  const most = 140 - end.length;
  return (text.length <= most ? text : text.slice(0, most - 1) + "…") + end;
}

/** Some lines about one finding. */
export function describe({ severity, message, hint, files, opened, closed }: Finding): string[] {
  const label = closed !== undefined ? "Over" : severity === "damage" ? "DAMAGE" : "Warning";
  const until = closed === undefined ? "" : `, until ${formatTime(closed)}`;
  const rest = files.length - FILES;
  return [
    `${label}: ${printable(message)}`,
    `  since ${formatTime(opened)}${until}`,
    ...(files.length === 0 ? [] : [`  ${count(files.length, "file")}:`]),
    ...files.slice(0, FILES).map((file) => `    ${printable(file)}`),
    ...(rest > 0 ? [`    … and ${count(rest, "more", "more")}`] : []),
    ...(closed !== undefined || hint === undefined ? [] : [`  → ${printable(hint)}`]),
  ];
}

function problemOf(finding: Finding): Problem {
  const { scope, name, kind, severity, message, hint, files, opened, closed } = finding;
  return { scope, name, kind, severity, message, hint, files: files.slice(0, FILES), opened, closed };
}

/** The last lines of every message. */
export function signature({ host, home }: Sender, before: readonly string[] = []): string[] {
  return [...before, `coldframe on ${printable(host)}, home ${printable(home)}`];
}
