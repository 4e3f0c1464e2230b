/** Where contents are: every copy of each, with what was last proven of it. For people who look for a photo. */

import type { Database } from "./database.ts";
import type { Level } from "./proofs.ts";

/** One copy of a content. Times in ms since 1970. */
export interface Copy {
  readonly content: number;
  readonly kind: "staging" | "volume" | "mirror";
  readonly store: string;
  readonly key: string;
  /** Since when it is there. */
  readonly stored: number;
  /** What was proven last, at the latest when it was stored, and when. */
  readonly proven: Level;
  readonly provenAt: number;
}

/** Every copy of these contents: volumes, then staging, then mirrors. */
export async function whereaboutsOf(db: Database, contents: readonly number[]): Promise<Copy[]> {
  return await db.all(
    `WITH wanted AS (SELECT value AS content FROM json_each(?)),
          copies AS (
            SELECT DISTINCT f.content, 'volume' AS kind, 1 AS rank, p.store, p.key, coalesce(p.stored, p.created) AS stored
              FROM wanted w JOIN volume_files f ON f.content = w.content JOIN volumes p ON p.id = f.volume
             WHERE f.offset IS NOT NULL AND p.state = 'stored'
            UNION ALL
            SELECT g.content, 'staging', 2, g.store, g.key, g.time FROM wanted w JOIN staged g ON g.content = w.content
            UNION ALL
            SELECT m.content, 'mirror', 3, m.store, m.key, m.stored
              FROM wanted w JOIN mirrored m ON m.content = w.content WHERE m.missing IS NULL)
     SELECT c.content, c.kind, c.store, c.key, c.stored, o.level, o.time FROM copies c
       LEFT JOIN proofs o ON o.store = c.store AND o.key = c.key AND o.content IN (0, c.content)
                         AND o.time = (SELECT max(n.time) FROM proofs n
                                        WHERE n.store = c.store AND n.key = c.key
                                          AND n.content IN (0, c.content) AND n.time >= c.stored)
      GROUP BY c.content, c.kind, c.store, c.key ORDER BY c.content, c.rank, c.stored, c.key`,
    [JSON.stringify(contents)],
    (row) => ({
      content: row.int("content"),
      kind: kindOf(row.text("kind")),
      store: row.text("store"),
      key: row.text("key"),
      stored: row.int("stored"),
      proven: levelOf(row.optionalText("level")),
      provenAt: row.optionalInt("time") ?? row.int("stored"),
    }),
  );
}

function kindOf(text: string): Copy["kind"] {
  return text === "volume" || text === "staging" ? text : "mirror";
}

/** What is stored was confirmed by its checksum then. */
function levelOf(text: string | undefined): Level {
  return text === "listed" || text === "read back" || text === "restored" ? text : "checksummed";
}
