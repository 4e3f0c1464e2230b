/**
 * Manifests and snapshots, read back. They are small, can always be read, and are what a recovery begins with:
 * a few have their turn in every deep check, all of them with `--all`.
 */

import { provenObjects } from "../../catalog/proofs.ts";
import type { Level } from "../../catalog/proofs.ts";
import { hasCode } from "../../errors.ts";
import type { Session } from "../session.ts";
import type { DeepOptions } from "./deep.ts";
import type { Look } from "./look.ts";
import type { ExpectedObject } from "./objects.ts";
import { readWhole } from "./read.ts";
import type { CountingStore } from "./requests.ts";
import { inTurn, takeSample } from "./sample.ts";

/** Records read where not all are. */
const A_FEW = { kind: "count", count: 5 } as const;

/**
 * Reads records back, against their checksums; where there is none, since the home was recovered, what the key
 * opens is proven by that.
 *
 * @param onBad is told of each that is not what was stored, and why
 * @returns the levels that they reached
 */
export async function readRecords<O extends ExpectedObject>(
  session: Session,
  look: Look,
  store: CountingStore,
  records: readonly O[],
  options: DeepOptions,
  onBad: (record: O, why: string) => void,
): Promise<Level[][]> {
  const last = await provenObjects(session.db, store.url, "read back");
  const ordered = inTurn(records, ({ key }) => last.get(key), () => options.random());
  const sample = options.sample?.kind === "all" ? options.sample : A_FEW;
  const reached: Level[][] = [];
  for (const record of takeSample(ordered, sample, ({ size }) => size ?? 0)) {
    session.signal.throwIfAborted();
    const bad = await faultIn(store, record, options);
    if (bad === "unknown") continue;
    look.read(store.url, record.key);
    if (bad === undefined) {
      look.prove({ store: store.url, key: record.key, content: 0, level: "read back" });
      reached.push(["read back"]);
    } else {
      look.distrust(store.url, record.key);
      onBad(record, bad);
    }
  }
  return reached;
}

/** What is wrong with a record; `unknown` where nothing can tell. */
async function faultIn(
  store: CountingStore,
  { key, checksum }: ExpectedObject,
  { keys }: DeepOptions,
): Promise<string | undefined> {
  if (checksum === undefined && keys === undefined) return "unknown";
  const contents = checksum === undefined && keys !== undefined ? { keys, list: [] } : undefined;
  try {
    const read = await readWhole(store, { key, checksum, encrypted: true }, contents, () => {});
    return read.error?.message ?? (read.sameBytes === false ? "its checksum is another" : undefined);
  } catch (error) {
    if (hasCode(error, "key-wrong")) return "unknown"; // for another key, which is no damage
    throw error;
  }
}
