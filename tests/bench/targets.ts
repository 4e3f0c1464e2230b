/** What coldframe's binary has promised, and whether the figures keep it. */

import type { Cost, Row } from "./measure.ts";
import type { Measured } from "./subject.ts";

/** A promise beside what was measured. */
export interface Verdict {
  readonly text: string;
  /** Undefined when a figure that it needs was not measured. */
  readonly measured: string | undefined;
  readonly met: boolean;
}

type Lookup = (table: string, row: string) => Cost | undefined;

/** A figure to be kept below a limit. */
interface Target {
  readonly text: string;
  readonly limit: number;
  readonly unit: "×" | "s" | "ms" | "MB";
  figure(of: Lookup): number | undefined;
}

const OWN = "coldframe";

/** The time of coldframe, as a multiple of another's. */
function ratio(table: string, peer: string, limit: number, what: string): Target {
  return {
    text: `${what}: at most ${limit} × the time of ${peer}`,
    limit,
    unit: "×",
    figure: (of) => quotient(of(table, OWN)?.seconds, of(table, peer)?.seconds),
  };
}

function within(table: string, row: string, limit: number, unit: "s" | "ms", what: string): Target {
  return {
    text: `${what}: less than ${limit} ${unit}`,
    limit,
    unit,
    figure(of) {
      const seconds = of(table, row)?.seconds;
      return seconds && (unit === "s" ? seconds : seconds * 1000);
    },
  };
}

/** What becomes of a figure as the first row grows to the second, tenfold. */
function grows(from: string, to: string, key: keyof Cost, limit: number, what: string): Target {
  return {
    text: `${what}: at most ${limit} ×`,
    limit,
    unit: "×",
    figure: (of) => quotient(of("growth", to)?.[key], of("growth", from)?.[key]),
  };
}

function quotient(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a / b;
}

/** Ten times as much work may take a little more than ten times as long: a start-up less, a deeper index more. */
const LINEAR = 11;
/** What a process has for itself hides small growth; what grows with the work shows. */
const FLAT = 1.5;

/** @param grown names of the rows in the table of growth, small and large by turns */
function targets(grown: readonly string[]): Target[] {
  const half = grown.length / 2;
  const growing = grown.slice(0, half).flatMap((from, i) => {
    const to = grown[half + i] ?? "";
    return [
      grows(from, to, "cpu", LINEAR, `CPU time, ${from} to ${to}`),
      grows(from, to, "memory", FLAT, `peak memory, ${from} to ${to}`),
    ];
  });
  return [
    ratio("first", "restic", 0.65, "first backup, local"),
    ratio("first", "genisoimage | age", 1.2, "first backup, local"),
    ratio("large", "restic", 0.65, "first backup, large files"),
    ratio("large", "genisoimage | age", 1.2, "first backup, large files"),
    ratio("unchanged", "find", 3, "nothing new"),
    ratio("unchanged", "restic", 1, "nothing new"),
    ratio("unchanged", "rclone crypt", 1, "nothing new"),
    ratio("restore", "restic", 0.8, "everything back"),
    within("photo", OWN, 1, "s", "one photo back"),
    within("start", OWN, 150, "ms", "start-up"),
    within("catalog", "status", 1, "s", "`status` on a million files"),
    within("catalog", "find a name", 1, "s", "`find` on a million files"),
    ...growing,
  ];
}

/** Every promise, judged. */
export function judge(tables: readonly Measured[]): Verdict[] {
  const rows = (table: string) => tables.find(({ id }) => id === table)?.rows ?? [];
  const of: Lookup = (table, row) => rows(table).find(({ name }) => name === row)?.cost;
  const judged = targets(rows("growth").map(({ name }) => name)).map((target) => {
    const figure = target.figure(of);
    const measured = figure === undefined ? undefined : show(figure, target.unit);
    return { text: target.text, measured, met: figure !== undefined && figure <= target.limit };
  });
  return [...judged, memoryOf(tables)];
}

const MOST_MEMORY = 200e6;

/** The hungriest of all runs of the binary. */
function memoryOf(tables: readonly Measured[]): Verdict {
  const own = tables.flatMap(({ id, title, rows }) =>
    rows.filter(({ name, cost }) => cost !== undefined && isOwn(id, name)).map((row) => ({ title, row }))
  );
  const text = `peak memory everywhere: less than ${MOST_MEMORY / 1e6} MB`;
  const worst = own.toSorted((a, b) => memory(b.row) - memory(a.row))[0];
  if (worst === undefined) return { text, measured: undefined, met: false };
  const over = own.filter(({ row }) => memory(row) >= MOST_MEMORY);
  const named = (over.length > 0 ? over : [worst]).map(({ title, row }) =>
    `${show(memory(row) / 1e6, "MB")} (${row.name === OWN ? title : row.name})`
  );
  return { text, measured: named.join("; "), met: over.length === 0 };
}

/** Whether a row is a run of the binary. */
function isOwn(table: string, row: string): boolean {
  return row === OWN || table === "catalog" || table === "growth";
}

function memory({ cost }: Row): number {
  return cost?.memory ?? 0;
}

function show(figure: number, unit: Target["unit"]): string {
  if (unit === "×") return `${figure.toFixed(2)} ×`;
  return `${figure.toFixed(unit === "s" ? 2 : 0)} ${unit}`;
}
