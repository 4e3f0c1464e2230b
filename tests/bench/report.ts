/** The figures as Markdown and as JSON. */

import { cpus, loadavg, release, totalmem, type } from "node:os";
import { must, type Row, shell } from "./measure.ts";
import type { Measured } from "./subject.ts";
import { judge } from "./targets.ts";
import type { World } from "./world.ts";

/** All that a run has found. */
export interface Report {
  readonly date: string;
  readonly machine: string;
  readonly scale: number;
  readonly rounds: number;
  /** Processes that wanted a processor, in the minute before and in the last one: idle machines have none. */
  readonly load: readonly [before: number, after: number];
  readonly versions: readonly string[];
  readonly tables: readonly Measured[];
}

export function report(world: World, tables: readonly Measured[]): Report {
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: machine(world.folder),
    scale: world.scale,
    rounds: world.rounds,
    load: [world.loadBefore, loadavg()[0] ?? 0],
    versions: versions(world),
    tables,
  };
}

function machine(folder: string): string {
  const [cpu] = cpus();
  const system = `${type()} ${release()}`;
  const disk = must(shell('df --output=fstype "$1" | tail -n 1', folder)).trim();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB of memory`;
  return `${cpus().length} × ${cpu?.model.trim() ?? "unknown"}, ${memory}, ${disk}, ${system}`;
}

/** The first line that each program says of itself. */
function versions(world: World): string[] {
  const asked: [string, string][] = [
    ["deno", "deno --version"],
    ["bun", 'echo "bun $(bun --version)"'],
    ["restic", "restic version"],
    ["rclone", "rclone version"],
    ["borg", "borg --version"],
    ["genisoimage", "genisoimage --version"],
    ["age", 'echo "age $(age --version)"'],
    ["versitygw", "versitygw --version | sed -n 's/^Version *: */versitygw /p'"],
    ["find", "find --version"],
  ];
  const own = must(world.bun("--version")).trim();
  const others = asked.map(([program, command]) =>
    world.has(program) ? firstLine(must(shell(command))) : `${program}: not installed`
  );
  return [`coldframe ${own}`, ...others];
}

function firstLine(text: string): string {
  return text.trim().split("\n")[0] ?? "";
}

/** A page for people: how, the promises, the figures. */
export function markdown({ date, machine, scale, rounds, load, versions, tables }: Report): string {
  const judged = judge(tables).map(({ text, measured, met }) =>
    `| ${cell(text)} | ${measured ?? "not measured"} | ${
      met ? "met" : measured === undefined ? "–" : "**missed**"
    } |`
  );
  return [
    "# Benchmarks",
    "",
    "Written by `deno task bench --write docs/BENCHMARKS.md`, which makes its data, runs every program in turn, in",
    "rounds, and takes the middle of each figure. Bytes are incompressible. Time is wall time; CPU is user and",
    "system time of the program and its children; memory is the largest resident set of any one of them.",
    "`coldframe` is the binary that Bun compiles.",
    "",
    `- Date: ${date}`,
    `- Machine: ${machine}`,
    `- Scale: ${scale}${
      scale === 1 ? "" : " of the sizes that the targets are for; a start-up counts for more here"
    }`,
    `- Rounds: ${rounds}; load of the machine: ${load[0].toFixed(1)} before, ${load[1].toFixed(1)} after`,
    `- Programs: ${versions.join(" · ")}`,
    "",
    "## Targets",
    "",
    "| target | measured | |",
    "| --- | --- | --- |",
    ...judged,
    "",
    "## Figures",
    ...tables.flatMap(section),
    "",
  ].join("\n");
}

function section({ title, rows }: Measured): string[] {
  return [
    "",
    `### ${title}`,
    "",
    "| | time | CPU | memory |",
    "| --- | ---: | ---: | ---: |",
    ...rows.map(line),
  ];
}

function line({ name, cost }: Row): string {
  if (cost === undefined) return `| ${cell(name)} | missing | | |`;
  return `| ${cell(name)} | ${seconds(cost.seconds)} | ${seconds(cost.cpu)} | ${
    Math.round(cost.memory / 1e6)
  } MB |`;
}

function seconds(value: number): string {
  return value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(value < 10 ? 2 : 1)} s`;
}

/** A text inside a table, whose columns a `|` would end. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
