/** How a job tells what it is doing. The command line draws it; tests collect it. */

/** Counts one phase of a job. */
export interface Meter {
  /** Adds work done. */
  add(bytes: number, items?: number): void;
  /** Ends the phase; the display may leave a line behind. */
  done(): void;
}

/** Where a job reports to. Nothing here returns results: those are the job's return value. */
export interface Reporter {
  /**
   * Begins a phase.
   *
   * @param label what is being done, such as "Hashing"
   * @param total bytes to do, where that is known
   */
  phase(label: string, total?: number): Meter;
  /** One line that the user should see, such as a volume that is now stored. */
  say(line: string): void;
  /** One line about something that is not as it should be, and does not stop the job. */
  warn(line: string): void;
}

/** A reporter that shows nothing. */
export const SILENT: Reporter = {
  phase: () => ({ add() {}, done() {} }),
  say() {},
  warn() {},
};
