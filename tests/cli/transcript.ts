/**
 * Transcripts: text files with what a user types and what comes back, word for word.
 *
 *     Lines before the first command, and lines that begin with "# ", are prose.
 *     $ coldframe status            a command, in the user's folder
 *     > an answer                   typed when the command asks; the terminal is there only where answers are
 *     $ photo Photos/a.jpg 1000     makes a file of so many bytes; the same name gives the same bytes
 *     $ rm Photos/a.jpg
 *     $ mv folder/* name            the only file of a folder gets a name that can be written down
 *     $ export NAME=value
 *     $ pass 1 day                  the clock goes on
 *     ! 3                           the exit code of the command before, where it is not 0
 *
 * Everything else is output: standard error first, then standard output. What differs from run to run
 * stands as a word in its place: see `normalise`.
 */

import { mkdir, rename, rm } from "node:fs/promises";
import { pseudoRandom } from "../tools.ts";
import { onlyFile, put } from "./files.ts";
import type { User } from "./harness.ts";

/** One command of a transcript with the answers typed into it. */
interface Step {
  readonly command: string;
  readonly answers: readonly string[];
}

/**
 * Runs the commands of a transcript.
 *
 * @returns the transcript as it really went
 */
export async function replay(user: User, transcript: string): Promise<string> {
  const out: string[] = [];
  let step: { command: string; answers: string[] } | undefined;
  const finish = async () => {
    if (step !== undefined) out.push(await run(user, step));
    step = undefined;
  };
  for (const line of transcript.trimEnd().split("\n")) {
    const begins = line.startsWith("$ ") || line.startsWith("# ");
    if (begins) await finish();
    if (line.startsWith("# ") && !out.at(-1)?.endsWith("\n\n") && out.at(-1) !== "\n") out.push("\n");
    if (line.startsWith("$ ")) {
      step = { command: line.slice(2), answers: [] };
    } else if (step === undefined) out.push(line + "\n");
    else if (line.startsWith("> ") || line === ">") step.answers.push(line.slice(2));
  }
  await finish();
  return out.join("");
}

async function run(user: User, { command, answers }: Step): Promise<string> {
  const [program = "", ...args] = words(command).map((word) => word.replaceAll("/home/me", user.folder));
  const typed = [`$ ${command}`, ...answers.map((answer) => `> ${answer}`.trimEnd())].join("\n") + "\n";
  switch (program) {
    case "coldframe":
      return typed + await runColdframe(user, args, answers);
    case "photo":
      await makePhoto(user, args);
      break;
    case "rm":
      await rm(user.path(...args));
      break;
    case "mv":
      await rename(await onlyFile(user, args[0]?.replace("/*", "") ?? ""), user.path(args[1] ?? ""));
      break;
    case "export":
      user.env = { ...user.env, ...Object.fromEntries(args.map((arg) => arg.split("="))) };
      break;
    case "pass":
      user.clock = (user.clock ?? 0) + Number(args[0]) * 86_400_000;
      break;
    default:
      throw new Error(`a transcript cannot do: ${command}`);
  }
  return typed;
}

async function runColdframe(user: User, args: string[], answers: readonly string[]): Promise<string> {
  user.answers = answers.length > 0
    ? answers.map((text) => text.replaceAll("/home/me", user.folder))
    : undefined;
  const { code, out, err } = await user.run(...args);
  return normalise(user, err + out) + (code === 0 ? "" : `! ${code}\n`);
}

async function makePhoto(user: User, [path = "", bytes = "0", time = "2024-05-01T10:00:00Z"]: string[]) {
  await mkdir(user.folder, { recursive: true });
  const seed = [...path].reduce((sum, character) => sum * 31 + character.charCodeAt(0) | 0, 7);
  await put(user, path, pseudoRandom(Number(bytes), seed), time);
}

/** Splits a command line at spaces; single quotes keep a word together. */
function words(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
}

/** Puts words in the place of what no two runs have in common: keys, ids, hashes, local times. */
function normalise(user: User, text: string): string {
  return text
    .replaceAll(user.folder, "/home/me")
    .replace(/age1(pq1)?[a-z0-9]{50,}/g, "age1$1RECIPIENT")
    .replace(/AGE-SECRET-KEY-(PQ-)?1[A-Z0-9]+/g, "AGE-SECRET-KEY-$11SECRET")
    .replace(/--[0-9a-f]{8}\b/g, "--NAMEHASH")
    .replace(/staged\/[0-9a-f]{40}/g, "staged/OPAQUEID")
    .replace(/\b[0-9a-f]{64}\b/g, "SHA256")
    .replace(/\b(key|Encrypting to: +)( ?)[0-9a-f]{4} [0-9a-f]{4}/g, "$1$2FING ERPR")
    .replace(/^[0-9a-f]{4} [0-9a-f]{4} (can|could)/gm, "FING ERPR $1")
    .replace(/"fingerprint":"[0-9a-f ]+"/g, '"fingerprint":"FING ERPR"')
    .replace(/(\d{4}-\d\d-\d\d [0-9a-f]{6}) [0-9a-f]{6}\]/g, "$1 OBJECT]")
    .replace(/(stored .* {2})[0-9a-f]{6}( +file:)/g, "$1OBJECT$2")
    .replace(/\b\d{4}-\d\d-\d\d \d\d:\d\d\b/g, "DATE TIME")
    .replace(/"(box|archive)":"[0-9a-f]+"/g, '"$1":"ID"')
    .replace(/"(id|source|content|manifestSize)":\d+/g, '"$1":N');
}
