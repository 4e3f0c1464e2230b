/** Deep checks of objects that hold one file each: a sample of them, read, and with the key decrypted. */

import { copiesOf } from "../../catalog/copies.ts";
import { provenObjects } from "../../catalog/proofs.ts";
import type { Level } from "../../catalog/proofs.ts";
import type { Session } from "../session.ts";
import { type DeepOptions, USUAL_SAMPLE } from "./deep.ts";
import { findingName, Look } from "./look.ts";
import { readWhole, type WholeRead } from "./read.ts";
import { inTurn, takeSample } from "./sample.ts";
import type { CountingStore } from "./requests.ts";
import type { ExpectedObject } from "./objects.ts";
import { pathsOf, remainsOf, withRemains } from "./texts.ts";

/** An object that holds one file. */
export interface ExpectedSingle extends ExpectedObject {
  readonly size: number;
  /** The id of the content of the file. */
  readonly content: number;
}

/**
 * Reads a sample of objects that seem to be whole; the levels that each reached.
 *
 * @param mend the command that stores a damaged one again
 */
export async function readSingles(
  session: Session,
  look: Look,
  store: CountingStore,
  objects: readonly ExpectedSingle[],
  options: DeepOptions,
  mend: string,
): Promise<Level[][]> {
  const sizeOf = ({ size }: ExpectedSingle) => size;
  const last = await provenObjects(session.db, store.url, options.keys ? "restored" : "read back");
  const proven = ({ key, stored }: ExpectedSingle) => {
    const time = last.get(key);
    return time === undefined || time < stored ? undefined : time;
  };
  const ordered = inTurn(objects, proven, () => options.random());
  const sample = takeSample(ordered, options.sample ?? USUAL_SAMPLE, sizeOf);
  const meter = session.report.phase("Reading back", sample.reduce((sum, one) => sum + sizeOf(one), 0));
  const reached: Level[][] = [];
  try {
    for (const object of sample) {
      session.signal.throwIfAborted();
      const read = await readOne(session, store, object, options, (bytes) => meter.add(bytes));
      meter.add(0, 1);
      reached.push(
        await judge(session, look, store.url, object, {
          ...read,
          decrypted: options.keys !== undefined,
          mend,
        }),
      );
    }
  } finally {
    meter.done();
  }
  return reached;
}

async function readOne(
  session: Session,
  store: CountingStore,
  { content: id, key, checksum }: ExpectedSingle,
  { keys }: DeepOptions,
  onBytes: (bytes: number) => void,
): Promise<WholeRead> {
  const [content] = await copiesOf(session.db, [id]);
  const list = content === undefined ? [] : [{ ...content, offset: 0 }];
  const object = { key, checksum, encrypted: key.endsWith(".age") };
  return await readWhole(store, object, keys && { keys, list }, onBytes);
}

async function judge(
  session: Session,
  look: Look,
  url: string,
  { key, content }: ExpectedSingle,
  { sameBytes, good, error, decrypted, mend }: WholeRead & {
    readonly decrypted: boolean;
    readonly mend: string;
  },
): Promise<Level[]> {
  look.read(url, key);
  const right = error === undefined && sameBytes !== false && (!decrypted || good.length > 0);
  if (right) {
    const levels: Level[] = [
      ...(sameBytes === true ? ["read back" as const] : []),
      ...(decrypted ? ["restored" as const] : []),
    ];
    levels.forEach((level) => look.prove({ store: url, key, content: 0, level }));
    return levels;
  }
  const copies = await copiesOf(session.db, [content]);
  const remains = remainsOf(copies, { store: url, key });
  const why = error?.message ??
    (sameBytes === false ? "its checksum is another" : "the file in it is another");
  look.distrust(url, key);
  look.add({
    name: findingName("bytes", url, key),
    kind: "object-damaged",
    severity: "damage",
    message: withRemains(`${key} at ${url} is not what was stored (${why})`, remains),
    hint: remains.lost.length === 0
      ? `Store it again: ${mend}`
      : "Keep the store as it is, and look for another copy of that file.",
    files: pathsOf(copies),
  });
  return [];
}
