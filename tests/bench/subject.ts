/** What all subjects share. */

import { type Entry, inTurn, type Row } from "./measure.ts";
import type { World } from "./world.ts";

/** One table: those compared on one task. */
export interface Measured {
  /** Stable; targets refer to it. */
  readonly id: string;
  readonly title: string;
  readonly rows: readonly Row[];
}

/** Measures one subject: one table, or several that belong together. */
export type Subject = (world: World) => Measured[] | Promise<Measured[]>;

/** Lets entries run in turn. */
export function table(world: World, id: string, title: string, entries: readonly Entry[]): Measured {
  return { id, title, rows: inTurn(entries, world.rounds, world.settle) };
}

/** Such as "1.5 GB". */
export function bytes(count: number): string {
  return count < 1e9 ? `${Math.round(count / 1e6)} MB` : `${count / 1e9} GB`;
}

/** Such as "100,000 files". */
export function files(count: number): string {
  return `${count.toLocaleString("en")} files`;
}
