/** The version of this program. */

/** Commit and date of a release; the build sets it. */
declare const COLDFRAME_BUILD: string | undefined;

/** The same as in deno.json. */
export const RELEASE = "0.1.0";

/** Such as `0.1.0 (1a2b3c4 2026-11-22)`; without the parentheses when run from source. */
export const VERSION = typeof COLDFRAME_BUILD === "string" && COLDFRAME_BUILD !== ""
  ? `${RELEASE} (${COLDFRAME_BUILD})`
  : RELEASE;
