/**
 * `check sources --mend`: puts the good copy of a damaged file beside it, as `name.restored-<day>.jpg`. The
 * damaged file stays: which of the two to keep is for its owner to say.
 */

import { openFindings } from "../../catalog/findings.ts";
import { type Place, placesOf } from "../../catalog/look.ts";
import { mirrorCopies } from "../../catalog/mirrors.ts";
import { filesAt, type RereadFile } from "../../catalog/reread.ts";
import { ColdframeError, messageOf } from "../../errors.ts";
import { SILENT } from "../report.ts";
import { copyFiles } from "../restore/copy.ts";
import { objectAccess } from "../restore/object-access.ts";
import { openPlaintext, type PlaintextKeys } from "../restore/plaintext.ts";
import type { WantedFile } from "../restore/restored-file.ts";
import { Target } from "../restore/target.ts";
import type { Session } from "../session.ts";
import { sourcesScope } from "./sources.ts";

/** Mends what open findings name; a line for each file. */
export async function mendSources(session: Session, keys: PlaintextKeys | undefined): Promise<string[]> {
  const { db, home } = session;
  const open = (await openFindings(db, sourcesScope(session))).filter(({ kind }) =>
    kind === "source-corrupt"
  );
  const done: string[] = [];
  for (const file of await filesAt(db, home.box, open.map(({ name }) => name))) {
    session.signal.throwIfAborted();
    const beside = await mendFile(session, file, keys ?? NO_KEYS);
    if (beside !== undefined) done.push(`the good copy of ${file.path} is beside it: ${beside}`);
  }
  return done;
}

const NO_KEYS: PlaintextKeys = {
  unlock: () =>
    Promise.reject(
      new ColdframeError("key-missing", "this needs the secret key", {
        hint: "Name it with --identity FILE.",
      }),
    ),
};

/** The name it got, or undefined when no copy could be had. */
async function mendFile(
  session: Session,
  file: RereadFile,
  keys: PlaintextKeys,
): Promise<string | undefined> {
  const target = new Target(file.root, false);
  const wanted: WantedFile = { ...file, path: restoredName(file.below, session.now()) };
  if (await target.standing(wanted) === "same") return wanted.path;
  const reasons: string[] = [];
  for (const place of await goodPlaces(session, file.content)) {
    const failed = await copyFiles(() => open(session, place, keys), [{
      size: file.size,
      files: [wanted],
      extents: [{ offset: place.kind === "volume" ? place.offset : 0, length: file.size }],
    }], {
      target,
      meter: SILENT.phase(""),
      signal: session.signal,
      consider: () => {},
      restored: () => {},
    });
    if (failed.length === 0) return wanted.path;
    reasons.push(...failed.map(({ error }) => messageOf(error)));
  }
  const why = reasons.length === 0 ? "no good copy is stored" : reasons.join("; ");
  session.report.warn(`${file.path} could not be mended: ${why}`);
  return undefined;
}

async function goodPlaces({ db }: Session, content: number): Promise<Place[]> {
  const mirrored = (await mirrorCopies(db, [content])).map(({ store, key, size }): Place => ({
    kind: "staged", // as there, the whole object is the one file
    content,
    store,
    key,
    size,
  }));
  return [...await placesOf(db, [content]), ...mirrored];
}

async function open(session: Session, place: Place, keys: PlaintextKeys) {
  const store = await session.storeAt(place.store);
  return await openPlaintext(objectAccess(store, place.key, place.size), place, keys);
}

/** `a/b.restored-2026-11-22.jpg` for `a/b.jpg`. */
export function restoredName(path: string, now: number): string {
  const [, stem = path, extension = ""] = /^(.*[^/])(\.[^./]+)$/.exec(path) ?? [];
  return `${stem}.restored-${new Date(now).toISOString().slice(0, 10)}${extension}`;
}
