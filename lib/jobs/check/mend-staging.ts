/**
 * `check staging --mend`: stores again from the sources what is missing or damaged in staging. The damaged
 * object makes way only when the file has been read and is what was staged.
 */

import { copiesOf } from "../../catalog/copies.ts";
import { openFindings } from "../../catalog/findings.ts";
import { forgetStaged, stagedCopies, type StagedCopy, stagedStores } from "../../catalog/staged.ts";
import { type WaitingFile, waitingFiles } from "../../catalog/waiting.ts";
import { SourceChangedError } from "../../errors.ts";
import type { Store } from "../../store/store.ts";
import { absolutePath, ContentReader } from "../content-reader.ts";
import type { Session } from "../session.ts";
import { stageFiles } from "../stage.ts";
import { findingName } from "./look.ts";
import { STAGING } from "./staging.ts";

/** Mends what open findings name; a line for each thing done. */
export async function mendStaging(session: Session): Promise<string[]> {
  const open = new Set(
    (await openFindings(session.db, STAGING))
      .filter(({ kind }) => kind !== "foreign-object" && kind !== "checksum-missing")
      .map(({ name }) => name),
  );
  const sources = new Map(
    (await waitingFiles(session.db, session.home.box)).map((file) => [file.content, file]),
  );
  const done: string[] = [];
  for (const url of await stagedStores(session.db)) {
    const bad = (await stagedCopies(session.db, url)).filter(({ key }) =>
      (["object", "class", "bytes"] as const).some((aspect) => open.has(findingName(aspect, url, key)))
    );
    if (bad.length > 0) done.push(...await mendStore(session, await session.storeAt(url), bad, sources));
  }
  return done;
}

async function mendStore(
  session: Session,
  store: Store,
  bad: readonly StagedCopy[],
  sources: ReadonlyMap<number, WaitingFile>,
): Promise<string[]> {
  const again: WaitingFile[] = [];
  const done: string[] = [];
  for (const copy of bad) {
    session.signal.throwIfAborted();
    const file = sources.get(copy.content);
    const canStage = file !== undefined && await isWhole(session, file);
    if (!canStage && !copy.replaceable && !await isStaged(session, copy)) continue;
    await store.remove(copy.key);
    await forgetStaged(session.db, store.url, [copy.content]);
    if (canStage) again.push(file);
    else done.push(`${copy.key} is removed: ${copy.path} is stored elsewhere`);
  }
  if (again.length === 0) return done;
  const { staged } = await stageFiles(session, store, again, Infinity);
  return [...done, `${staged} of ${again.length} files are staged again at ${store.url}`];
}

/** Whether the source still is, byte for byte, what was staged. */
async function isWhole(session: Session, file: WaitingFile): Promise<boolean> {
  const reader = new ContentReader();
  const path = absolutePath(file.root, file.below);
  try {
    await reader.fill(new Uint8Array(0), { sha256: file.sha256, size: file.size, path }, 0);
    await reader.settle();
    return true;
  } catch (error) {
    if (!(error instanceof SourceChangedError)) throw error;
    session.report.warn(`${error.message}; its staged copy was left as it is`);
    return false;
  } finally {
    await reader.close();
  }
}

async function isStaged(session: Session, { content, store }: StagedCopy): Promise<boolean> {
  const [copies] = await copiesOf(session.db, [content]);
  return copies?.staged.some((other) => other.store !== store) ?? false;
}
