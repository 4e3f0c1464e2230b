/** Reading of JSON whose shape is not certain. */

/** A value inside parsed JSON, or undefined where the way there breaks off. */
export function within(value: unknown, ...keys: readonly string[]): unknown {
  return keys.reduce(
    (at: unknown, key) => typeof at === "object" && at !== null ? Reflect.get(at, key) : undefined,
    value,
  );
}
