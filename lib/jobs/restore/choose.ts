/**
 * From where each content comes. What can be read now is taken before what must be thawed; among archived
 * volumes those that are on their way anyhow come first, and of the others as little is thawed as will do. Pure.
 */

/** A place of a content, as much as the choice needs. */
export interface Choosable {
  readonly content: number;
  /** The same for all places in one object. */
  readonly object: string;
  /** Bytes of the object. */
  readonly size: number;
  /** What it takes to read it. */
  readonly state: "ready" | "thawing" | "archived";
  /** Among what can be read now, the lower is the cheaper. */
  readonly rank: number;
}

/**
 * Chooses one place for each content.
 *
 * The archived ones are a weighted set cover: an object that alone holds some content is taken for certain, and
 * serves whatever else it holds; then, one after another, the object with the fewest bytes for each content
 * that is still missing (Chvátal, "A greedy heuristic for the set-covering problem", 1979).
 *
 * @returns the place of each content, by content
 */
export function choosePlaces<P extends Choosable>(places: readonly P[]): Map<number, P> {
  const chosen = new Map<number, P>();
  const ready = places.filter(({ state }) => state === "ready").toSorted(byCost);
  takeAll(ready, chosen);
  takeAll(places.filter(({ state }) => state === "thawing").toSorted(byCost), chosen);
  cover(places.filter(({ state, content }) => state === "archived" && !chosen.has(content)), chosen);
  return chosen;
}

function byCost(a: Choosable, b: Choosable): number {
  return a.rank - b.rank || a.size - b.size || (a.object < b.object ? -1 : a.object > b.object ? 1 : 0);
}

function takeAll<P extends Choosable>(places: readonly P[], chosen: Map<number, P>): void {
  for (const place of places) if (!chosen.has(place.content)) chosen.set(place.content, place);
}

function cover<P extends Choosable>(places: readonly P[], chosen: Map<number, P>): void {
  const objects = Map.groupBy(places, ({ object }) => object);
  for (const only of Map.groupBy(places, ({ content }) => content).values()) {
    const [place] = only;
    if (only.length === 1 && place !== undefined) takeAll(objects.get(place.object) ?? [], chosen);
  }
  for (;;) {
    const best = cheapest(objects, chosen);
    if (best === undefined) return;
    takeAll(best, chosen);
  }
}

/** The object with the fewest bytes for each content that it alone would add; the first of equals. */
function cheapest<P extends Choosable>(
  objects: ReadonlyMap<string, readonly P[]>,
  chosen: ReadonlyMap<number, P>,
): readonly P[] | undefined {
  let best: readonly P[] | undefined;
  let least = Infinity;
  for (const places of objects.values()) {
    const missing = places.filter(({ content }) => !chosen.has(content)).length;
    const price = missing === 0 ? Infinity : (places[0]?.size ?? 0) / missing;
    if (price < least) [best, least] = [places, price];
  }
  return best;
}
