/** Run as a program: one command of coldframe. Prints the most memory it ever had, in bytes (Linux). */

import { readFileSync } from "node:fs";
import process from "node:process";
import { runCommand } from "../../lib/cli/main.ts";
import { processTerminal } from "../../lib/cli/process-terminal.ts";

const terminal = { ...processTerminal(), out: () => {} };
const code = await runCommand(process.argv.slice(2), terminal);
const [, kib] = /VmHWM:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
console.log(Number(kib) * 1024);
process.exit(code);
