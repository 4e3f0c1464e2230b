/** Showing what a job is doing: one moving line on a terminal, a plain line per phase elsewhere. */

import type { Meter, Reporter } from "../jobs/report.ts";
import { formatSize } from "../size.ts";
import { count, formatDuration, printable } from "./format.ts";
import { type Terminal, warn } from "./terminal.ts";

/** How often the moving line is drawn, in ms. */
const REDRAW = 200;
/** Phases shorter than this leave no line behind, in ms. */
const WORTH_A_LINE = 1000;

/** A reporter for a terminal or a log; `quiet` shows warnings only. */
export function progressReporter(terminal: Terminal, quiet: boolean): Reporter {
  const live = terminal.live && !quiet;
  const clear = () => {
    if (live) terminal.err("\r\x1b[K");
  };
  return {
    phase: (label, total) => quiet ? { add() {}, done() {} } : new PhaseMeter(terminal, label, total, live),
    say(text) {
      if (quiet) return;
      clear();
      terminal.err(printable(text) + "\n");
    },
    warn(text) {
      clear();
      warn(terminal, text);
    },
  };
}

class PhaseMeter implements Meter {
  readonly #terminal: Terminal;
  readonly #label: string;
  readonly #total: number | undefined;
  readonly #live: boolean;
  readonly #started: number;
  #bytes = 0;
  #items = 0;
  #drawn = 0;

  constructor(terminal: Terminal, label: string, total: number | undefined, live: boolean) {
    this.#terminal = terminal;
    this.#label = printable(label);
    this.#total = total;
    this.#live = live;
    this.#started = terminal.now();
  }

  add(bytes: number, items = 0): void {
    this.#bytes += bytes;
    this.#items += items;
    const now = this.#terminal.now();
    if (!this.#live || now - this.#drawn < REDRAW) return;
    this.#drawn = now;
    this.#terminal.err(`\r${this.#text(now)}\x1b[K`);
  }

  done(): void {
    const now = this.#terminal.now();
    if (this.#live) this.#terminal.err("\r\x1b[K");
    if (now - this.#started >= WORTH_A_LINE) this.#terminal.err(this.#summary(now) + "\n");
  }

  /** `Staging  1.20 GB of 3.10 GB  38 %  24 MB/s  1 min 20 s left` */
  #text(now: number): string {
    const seconds = Math.max(0.001, (now - this.#started) / 1000);
    const rate = this.#bytes / seconds;
    const parts = [this.#label];
    if (this.#items > 0) parts.push(count(this.#items, "file"));
    if (this.#total === undefined) {
      if (this.#bytes > 0) parts.push(formatSize(this.#bytes));
    } else {
      const share = this.#total === 0 ? 1 : this.#bytes / this.#total;
      parts.push(`${formatSize(this.#bytes)} of ${formatSize(this.#total)}`, `${Math.floor(share * 100)} %`);
    }
    if (this.#bytes > 0) parts.push(`${formatSize(rate)}/s`);
    if (this.#total !== undefined && rate > 0 && seconds > 2) {
      parts.push(`${formatDuration((this.#total - this.#bytes) / rate)} left`);
    }
    return parts.join("  ");
  }

  #summary(now: number): string {
    const seconds = (now - this.#started) / 1000;
    const parts = [`${this.#label}: done`];
    if (this.#items > 0) parts.push(count(this.#items, "file"));
    if (this.#bytes > 0) parts.push(formatSize(this.#bytes), `${formatSize(this.#bytes / seconds)}/s`);
    return [...parts, formatDuration(seconds)].join(", ");
  }
}
