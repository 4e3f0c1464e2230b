/** Whether the catalog is sound and the key is there. */

import { readFile } from "node:fs/promises";
import { parseIdentityFile } from "../../age/keys.ts";
import { isProtected } from "../../age/protect.ts";
import { getMeta, integrityProblems } from "../../catalog/catalog.ts";
import { systemCode } from "../../errors.ts";
import { KIT_VERIFIED } from "../kit.ts";
import type { Session } from "../session.ts";
import { failed, type Finding, finding } from "./finding.ts";

/** The catalog, by SQLite's own check. */
export async function catalog({ db }: Session): Promise<Finding[]> {
  if (!db.local) return [finding("catalog", "good", `on a server: ${db.place}`)];
  const problems = await integrityProblems(db);
  if (problems.length === 0) return [finding("catalog", "good", "SQLite finds it sound")];
  const hint =
    "Move it aside and run `coldframe recover STORE --identity FILE`: the stores hold snapshots of it.";
  return problems.map((problem) => finding("catalog", "broken", `${db.place} is damaged: ${problem}`, hint));
}

/** Whether this machine could restore. That the key is elsewhere may well be on purpose. */
export async function key({ home }: Session): Promise<Finding[]> {
  const { identity } = home.paths;
  const bytes = await readFile(identity).catch((error) => {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  });
  if (bytes === undefined) {
    const hint = "Restoring needs it: make sure that you can find it. Storing does not.";
    return [finding("key", "warning", `the secret key is not at ${identity}`, hint)];
  }
  if (isProtected(bytes)) {
    return [finding("key", "good", "the secret key is there, protected by a passphrase")];
  }
  try {
    const pairs = await parseIdentityFile(bytes.toString("utf8"), identity);
    if (pairs.some(({ recipient }) => home.recipients.includes(recipient))) {
      return [finding("key", "good", "the secret key is there, and opens what is stored from now on")];
    }
    const hint = `Compare it with ${home.paths.recipients}: one of the two is not yours.`;
    return [
      finding(
        "key",
        "broken",
        `the secret key at ${identity} opens nothing that is stored from now on`,
        hint,
      ),
    ];
  } catch (error) {
    return [failed("key", error)];
  }
}

/** Whether somebody has held a right copy of the key in hand: on the worst day it is what everything hangs on. */
export async function kit({ db }: Session): Promise<Finding[]> {
  const verified = await getMeta(db, KIT_VERIFIED);
  if (verified !== undefined) {
    const day = new Date(Number(verified)).toISOString().slice(0, 10);
    return [finding("kit", "good", `a copy of the key on paper was found right on ${day}`)];
  }
  const hint = "Print it with `coldframe key kit`, and check the paper with `coldframe key kit --verify`.";
  return [finding("kit", "warning", "no copy of the key on paper was checked yet", hint)];
}
