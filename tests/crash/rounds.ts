/** Many rounds, and what they came to. */

import { playRound, type RoundReport, type Servers } from "./round.ts";
import type { Runtime } from "./program.ts";
import { FIRST_STOPS, type StoreKind } from "./tier.ts";

/** Which rounds to play. */
export interface RoundsOptions {
  readonly rounds: number;
  /** Of the first round; each next one has the next number. */
  readonly seed: number;
  /** Taken in turn. */
  readonly stores: readonly StoreKind[];
  readonly runtime: Runtime;
  /** Whether to tell every round. */
  readonly verbose: boolean;
  say(line: string): void;
}

/** What they came to. */
export interface RoundsReport {
  /** Rounds with a violation. */
  readonly violations: number;
  /** Steps of the commit order in which no run died, in any store. */
  readonly missed: readonly string[];
  /** How often a run died in each place. */
  readonly deaths: ReadonlyMap<string, number>;
  readonly summary: string;
}

/** Plays rounds one after another. */
export async function playRounds(servers: Servers, options: RoundsOptions): Promise<RoundsReport> {
  const { rounds, seed, stores, runtime, say } = options;
  const deaths = new Map<string, number>();
  let violations = 0;
  say(`${rounds} rounds from seed ${seed}`);
  const started = performance.now();
  for (let i = 0; i < rounds; i++) {
    // The store follows from the seed, so that one round alone is the same as among others.
    const store = stores[(seed + i) % stores.length] ?? "file";
    const report = await playRound(servers, { seed: seed + i, store, runtime });
    for (const { where, died } of report.deaths) if (died) deaths.set(where, (deaths.get(where) ?? 0) + 1);
    if (report.violations.length > 0) violations++;
    if (report.violations.length > 0 || options.verbose) tell(options, seed + i, store, report);
    if ((i + 1) % 20 === 0) say(`${i + 1} rounds, ${violations} with violations`);
  }
  const seconds = Math.round((performance.now() - started) / 1000);
  return {
    violations,
    deaths,
    missed: missed(deaths),
    summary: summarize(options, violations, deaths, seconds),
  };
}

function missed(deaths: ReadonlyMap<string, number>): string[] {
  const places = FIRST_STOPS.map(({ step, when }) => `${when} ${step}`);
  return places.filter((place) => ![...deaths.keys()].some((where) => where.startsWith(place)));
}

function tell(
  { say }: RoundsOptions,
  seed: number,
  store: StoreKind,
  { violations, story }: RoundReport,
): void {
  say(
    `round --seed ${seed} --store ${store}: ${
      violations.length === 0 ? "well" : `${violations.length} violations`
    }`,
  );
  for (const line of story) say(`    ${line}`);
  for (const line of violations.slice(0, 12)) say(`  ! ${line}`);
}

function summarize(
  { rounds, seed }: RoundsOptions,
  violations: number,
  deaths: ReadonlyMap<string, number>,
  seconds: number,
): string {
  const places = [...deaths].sort(([a], [b]) => a < b ? -1 : 1);
  const killed = places.reduce((sum, [, times]) => sum + times, 0);
  return [
    `${killed} runs were killed:`,
    ...places.map(([where, times]) => `${String(times).padStart(6)} ${where}`),
    `seed ${seed}: ${rounds} rounds in ${seconds} s, ${rounds - violations} passed, ${violations} failed`,
  ].join("\n");
}
