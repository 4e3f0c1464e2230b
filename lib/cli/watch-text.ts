/** One line in the log of a watch for each run. */

import { within } from "../json.ts";
import { amount, count, printable } from "./format.ts";
import { line, type Terminal } from "./terminal.ts";

/**
 * Says what a run did.
 *
 * @param result what the command printed as JSON
 */
export function describeRun(terminal: Terminal, job: string, code: number, result: unknown): void {
  const facts = job === "sync" ? syncFacts(result) : [];
  const end = ENDS[code] ?? `exit code ${code}`;
  line(terminal, `${printable(job)}: ${[...facts, end].join(", ")}.`);
}

const ENDS: Readonly<Record<number, string>> = {
  0: "done",
  3: "done, but some files were left out",
  4: "DAMAGE FOUND; see `coldframe status`",
};

function syncFacts(result: unknown): string[] {
  const number = (...keys: readonly string[]) => Number(within(result, ...keys) ?? 0);
  const sealed = within(result, "sealed");
  const volumes = Array.isArray(sealed) ? sealed.length : 0;
  const [files, unstaged] = [number("staged", "files"), number("unstaged")];
  return [
    files > 0 ? `staged ${amount(files, number("staged", "bytes"))}` : "",
    volumes > 0 ? `sealed ${count(volumes, "volume")}` : "",
    unstaged > 0 ? `${count(unstaged, "file")} not protected yet` : "",
  ].filter((text) => text !== "");
}
