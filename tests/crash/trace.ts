/**
 * System calls of a run, by strace: where a run can be killed at any change of the disk without a line in
 * the product that helps, and in which order a `file:` store was written and tidied.
 */

import { closeSync, openSync, readSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { Buffer } from "node:buffer";
import { hasTool } from "../tools.ts";

/** Whether runs can be watched here. */
export const CAN_TRACE = hasTool("strace");

/** The calls that change what is on the disk, under one name whatever the variant. */
const CALLS = {
  link: "link,linkat",
  unlink: "unlink,unlinkat",
  rename: "rename,renameat,renameat2",
  fdatasync: "fdatasync",
  fsync: "fsync",
  pwrite64: "pwrite64",
} as const;
export type CallName = keyof typeof CALLS;

/** Calls that show the steps of a `file:` store; few enough to be slowed down. */
const TELLING = [CALLS.link, CALLS.unlink, CALLS.rename, CALLS.fdatasync].join(",");

/** A call that a run made; the path is the new name of a link or rename, or what a descriptor stands for. */
export interface Call {
  readonly name: CallName;
  readonly path: string;
  /** ms since 1970. */
  readonly at: number;
}

/**
 * Where to kill a run: as a thread of it enters its nth call of a name, which is then not carried out.
 * SQLite is called by the main thread only, so that all writes of the catalog are counted together.
 */
export interface CallStop {
  readonly call: "pwrite64" | "fsync";
  readonly nth: number;
}

/** How to watch a run. */
export interface Tracing {
  /** The file that strace writes. */
  readonly log: string;
  readonly stop?: CallStop | undefined;
  /** Holds each call for so long before and after it, in µs, so that it can be seen from outside in time. */
  readonly hold?: number | undefined;
}

/** The command line in front of that of a run. With `-D` the run is our own child, and strace its grandchild. */
export function traceCommand({ log, stop, hold }: Tracing): string[] {
  const watched = stop === undefined ? TELLING : `${TELLING},${CALLS[stop.call]}`;
  return [
    ...["strace", "-D", "-f", "-y", "-ttt", "-s", "0", "-o", log, "-e", `trace=${watched}`],
    ...(stop === undefined ? ["--seccomp-bpf"] : []), // much faster, but strace 6.1 then injects no signal
    ...(stop === undefined ? [] : ["-e", `inject=${CALLS[stop.call]}:signal=KILL:when=${stop.nth}`]),
    ...(hold === undefined ? [] : ["-e", `inject=${TELLING}:delay_enter=${hold}:delay_exit=${hold}`]),
  ];
}

/** The calls that had their effect, from the log of a run that has ended, in order. */
export async function readTrace(log: string): Promise<Call[]> {
  return parseTrace(await readFile(log, "utf8"));
}

const LINE = /^(\d+) +(\d+\.\d+) (?:<\.\.\. )?(\w+)(\(| resumed>)(.*)$/;

/** The pure half of `readTrace`. */
function parseTrace(text: string): Call[] {
  const done: Call[] = [];
  const begun = new Map<string, Call>(); // calls that another thread's came between, by thread
  for (const line of text.split("\n")) {
    const [, thread = "", , , opening = "", rest = ""] = LINE.exec(line) ?? [];
    const entered = parseEntry(line);
    const call = opening === "(" ? entered : begun.get(thread);
    if (call === undefined) continue;
    if (rest.endsWith("<unfinished ...>")) begun.set(thread, call);
    else if (/= 0( \(DELAYED\))?$/.test(rest)) done.push(call);
  }
  return done.sort((a, b) => a.at - b.at);
}

/** The call that a line shows being entered, whether or not its result is there yet. */
function parseEntry(line: string): Call | undefined {
  const [, , seconds = "", called = "", opening = "", rest = ""] = LINE.exec(line) ?? [];
  const name = nameOf(called);
  if (name === undefined || opening !== "(") return undefined;
  return { name, path: pathIn(rest), at: Number(seconds) * 1000 };
}

function nameOf(call: string): CallName | undefined {
  if (call.startsWith("link")) return "link";
  if (call.startsWith("unlink")) return "unlink";
  if (call.startsWith("rename")) return "rename";
  return call === "pwrite64" || call === "fsync" || call === "fdatasync" ? call : undefined;
}

function pathIn(rest: string): string {
  const quoted = [...rest.matchAll(/"((?:[^"\\]|\\.)*)"(?!\.\.\.)/g)].map(([, path = ""]) => path);
  return quoted.at(-1) || (/^\d+<([^>]*)>/.exec(rest)?.[1] ?? "");
}

/** How often the log of a run is looked at while it runs, in ms; far less than calls are held. */
const LOOK = 1;

/** Reads a log while it is written, and tells each call as it is entered. */
export function followTrace(log: string, onEntered: (call: Call) => void): { stop(): void } {
  let at = 0;
  let text = "";
  let told = 0; // lines of `text` that were told; the last may not have its end yet
  const look = () => {
    const more = readFrom(log, at);
    if (more.length === 0) return;
    at += more.length;
    text += more.toString("latin1");
    const lines = text.split("\n");
    for (; told < lines.length; told++) {
      const line = lines[told] ?? "";
      const call = parseEntry(line);
      if (call !== undefined) onEntered(call);
      else if (told === lines.length - 1) break;
    }
  };
  const timer = setInterval(look, LOOK);
  return { stop: () => clearInterval(timer) };
}

function readFrom(path: string, at: number): Buffer {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return Buffer.alloc(0); // not begun yet
  }
  try {
    const buffer = Buffer.alloc(65_536);
    return buffer.subarray(0, readSync(file, buffer, 0, buffer.length, at));
  } finally {
    closeSync(file);
  }
}
