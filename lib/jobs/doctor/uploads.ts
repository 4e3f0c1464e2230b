/** Uploads that nobody has gone on with. */

import type { Session } from "../session.ts";
import type { UnfinishedUpload } from "../uploads.ts";
import { type Finding, finding } from "./finding.ts";

const DAY = 86_400_000;

/** One's own should be over in a day; those of others, in a week. */
export function uploads(session: Session, all: readonly UnfinishedUpload[]): Finding[] {
  const now = session.now();
  const olderThan = (upload: UnfinishedUpload, days: number) =>
    upload.started !== undefined && upload.started < now - days * DAY;
  const own = all.filter((upload) => upload.of !== "unknown" && olderThan(upload, 1));
  const unknown = all.filter((upload) => upload.of === "unknown" && olderThan(upload, 7));
  const found = [
    ...own.map(({ key }) =>
      finding(
        "uploads",
        "warning",
        `the upload of ${key} has been unfinished for over a day`,
        "Run `coldframe sync`.",
      )
    ),
    ...unknown.map(({ key, store }) =>
      finding(
        "uploads",
        "warning",
        `an upload of ${key} at ${store}, unknown here, has been unfinished for over a week`,
        `End it, if no other machine goes on with it: coldframe uploads abort '${key}'`,
      )
    ),
  ];
  return found.length > 0 ? found : [finding("uploads", "good", "none is left unfinished")];
}
