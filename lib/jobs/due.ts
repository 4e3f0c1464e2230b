/** Which jobs are due, and which are overdue. */

/** How often a job should end well. */
export interface Rhythm {
  /** As in `runs`, such as `check volumes`. */
  readonly job: string;
  /** Ms from one good end to the next. */
  readonly every: number;
}

/** A job and when it wants to run. */
export interface Due extends Rhythm {
  /** When it last ended well, in ms since 1970; undefined if never. */
  readonly last: number | undefined;
  /** When it is due, in ms since 1970; one that never ran is due at `since`. */
  readonly due: number;
  readonly isDue: boolean;
  /** Twice its time has passed: somebody should be told. */
  readonly isOverdue: boolean;
}

/**
 * Looks at every rhythm.
 *
 * @param last when each job last ended well, from `latestSuccesses`
 * @param since when the home was made: what never ran counts from there
 */
export function dueJobs(
  rhythms: readonly Rhythm[],
  last: ReadonlyMap<string, number>,
  since: number,
  now: number,
): Due[] {
  return rhythms.map(({ job, every }) => {
    const ended = last.get(job);
    const due = ended === undefined ? since : ended + every;
    return {
      job,
      every,
      last: ended,
      due,
      isDue: now >= due,
      isOverdue: now >= (ended ?? since) + 2 * every,
    };
  });
}
