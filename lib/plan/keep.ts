/** Which snapshots of the catalog to keep where space is short. Pure. */

/** How many of the newest stay, whatever their age. */
const NEWEST = 7;
/** For how many months one of each stays. */
const MONTHS = 12;

/**
 * The newest seven, the first of each month for a year, and the first of each year for ever. The first and not
 * the last: it stays the same one, so nothing is sent to be removed a day later that was chosen to stay.
 *
 * @param times when each snapshot was taken, in ms since 1970
 * @param now in ms since 1970
 * @returns those to keep
 */
export function snapshotsToKeep(times: readonly number[], now: number): ReadonlySet<number> {
  const sorted = [...times].sort((a, b) => a - b);
  const recent = sorted.filter((time) => monthOf(now) - monthOf(time) <= MONTHS);
  return new Set([
    ...sorted.slice(-NEWEST),
    ...firstOfEach(recent, monthOf),
    ...firstOfEach(sorted, (time) => new Date(time).getUTCFullYear()),
  ]);
}

function firstOfEach(sorted: readonly number[], group: (time: number) => number): number[] {
  return [...Map.groupBy(sorted, group).values()].flatMap((times) => times.slice(0, 1));
}

/** Months since the year 0, in UTC. */
function monthOf(time: number): number {
  const date = new Date(time);
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
}
