/** Doing things side by side within bounds. */

/** How much may go on at once. */
export interface PoolLimits<T> {
  /** Items at the same time. */
  readonly width: number;
  /** Total cost at the same time, such as bytes in memory; a single item may exceed it alone. */
  readonly budget: number;
  cost(item: T): number;
}

/** So many items at the same time, whatever they are. */
export function abreast(width: number): PoolLimits<unknown> {
  return { width, budget: Infinity, cost: () => 0 };
}

/**
 * Runs `work` on every item, several at a time. The first error stops new items from being started; it
 * is thrown when those under way have ended, so that nothing goes on behind the caller's back.
 */
export async function inParallel<T>(
  items: Iterable<T>,
  limits: PoolLimits<NoInfer<T>>,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  let spent = 0;
  let failure: { readonly error: unknown } | undefined;
  for (const item of items) {
    const cost = limits.cost(item);
    while (running.size >= limits.width || (running.size > 0 && spent + cost > limits.budget)) {
      await Promise.race(running);
    }
    if (failure !== undefined) break;
    spent += cost;
    const run = work(item)
      .catch((error) => {
        failure ??= { error };
      })
      .finally(() => {
        spent -= cost;
        running.delete(run);
      });
    running.add(run);
  }
  await Promise.all(running);
  if (failure !== undefined) throw failure.error;
}
