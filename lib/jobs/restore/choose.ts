/**
 * From where each content comes. What can be read now is taken before what must be thawed; among archived
 * volumes those that are on their way anyhow come first, and of the others as little is thawed as will do. Pure.
 */

/** An object, as much as the choice needs. */
export interface ChoosableObject {
  readonly id: string;
  /** Bytes. */
  readonly size: number;
  /** What it takes to read it. */
  readonly state: "ready" | "thawing" | "archived";
  /** Among what can be read now, the lower is the cheaper. */
  readonly rank: number;
}

/** A place of a content. */
export interface Choosable {
  readonly content: number;
  readonly object: ChoosableObject;
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
  takeAll(places.filter(({ object }) => object.state === "ready").toSorted(byCost), chosen);
  takeAll(places.filter(({ object }) => object.state === "thawing").toSorted(byCost), chosen);
  cover(places.filter(({ object, content }) => object.state === "archived" && !chosen.has(content)), chosen);
  return chosen;
}

function byCost({ object: a }: Choosable, { object: b }: Choosable): number {
  return a.rank - b.rank || a.size - b.size || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}

function takeAll<P extends Choosable>(places: readonly P[], chosen: Map<number, P>): void {
  for (const place of places) if (!chosen.has(place.content)) chosen.set(place.content, place);
}

function cover<P extends Choosable>(places: readonly P[], chosen: Map<number, P>): void {
  const objects = Map.groupBy(places, ({ object }) => object.id);
  const holders = new Map<number, number>();
  for (const { content } of places) holders.set(content, (holders.get(content) ?? 0) + 1);
  for (const { content, object } of places) {
    if (holders.get(content) === 1 && !chosen.has(content)) takeAll(objects.get(object.id) ?? [], chosen);
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
    const price = missing === 0 ? Infinity : (places[0]?.object.size ?? 0) / missing;
    if (price < least) [best, least] = [places, price];
  }
  return best;
}
