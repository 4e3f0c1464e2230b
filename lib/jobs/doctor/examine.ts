/** Looking for what will bite, before it does. Each finding says what is wrong and what to do. */

import type { Session } from "../session.ts";
import { knownUploads, unfinishedUploads } from "../uploads.ts";
import type { Finding } from "./finding.ts";
import { catalog, key, kit } from "./key.ts";
import { ahead, alerts, memory, signIn, watches } from "./machine.ts";
import { permissions, unused } from "./permissions.ts";
import { STORE, stores } from "./stores.ts";
import { uploads } from "./uploads.ts";

/** Looks at everything. Writes nothing. */
export async function examine(session: Session): Promise<Finding[]> {
  const found = [
    ...await permissions(session),
    ...await unused(session),
    ...await catalog(session),
    ...await key(session),
    ...await kit(session),
    ...await stores(session),
    ...await signIn(session),
    ...await ahead(session),
    ...await memory(),
    ...await watches(session),
    ...alerts(session),
  ];
  const allAnswer = !found.some(({ about, severity }) => about.startsWith(STORE) && severity === "broken");
  // Jobs wait long for a store that does not answer, and what it would say is known by now.
  return [...found, ...uploads(session, await (allAnswer ? unfinishedUploads : knownUploads)(session))];
}
