/** Which changes are of no interest to a watch. */

import { sep } from "node:path";
import { IgnoreRules } from "../../scan/ignore.ts";
import type { WatchPlan } from "./plan.ts";

/**
 * Whether a change at an absolute path is to be passed over: what we write ourselves must not start a run, nor
 * what no run would store. Patterns of `.coldframeignore` are not read for this: a change that only they name
 * starts a run that finds nothing.
 */
export function ignoring({ folders, own, ignore }: WatchPlan): (path: string) => boolean {
  const rules = IgnoreRules.of(ignore);
  return (path) => {
    if (own.some((folder) => isInside(path, folder))) return true;
    const source = folders.find((folder) => isInside(path, folder));
    return source !== undefined && isIgnored(rules, path.slice(source.length + 1));
  };
}

function isIgnored(rules: IgnoreRules, path: string): boolean {
  const parts = path.split(sep);
  return parts.some((_, i) => {
    const isLast = i === parts.length - 1;
    const part = parts.slice(0, i + 1).join("/");
    return part !== "" && rules.ignores(part, !isLast);
  });
}

function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}
