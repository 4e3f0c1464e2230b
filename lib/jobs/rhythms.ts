/** Which jobs should end well how often: the one list that `check`, `watch`, `status` and alerts go by. */

import type { Config } from "../home/config.ts";
import type { Rhythm } from "./due.ts";

/** The name of a mirror's check in `runs`. */
export function mirrorCheckJob(mirror: string): string {
  return `check mirror ${mirror}`;
}

/** The name of a mirror's runs. */
export function mirrorJob(mirror: string): string {
  return `mirror ${mirror}`;
}

/** The rhythms that the settings ask for; what is switched off is not among them. */
export function rhythmsOf({ checks, mirrors }: Pick<Config, "checks" | "mirrors">): Rhythm[] {
  const all: readonly (readonly [job: string, every: number | undefined])[] = [
    ["sync", checks.sync],
    ["check staging", checks.staging],
    ["check volumes", checks.volumes],
    ["check sources", checks.sources],
    ...mirrors.map(({ name, every }) => [mirrorJob(name), every] as const),
    ...mirrors.map(({ name }) => [mirrorCheckJob(name), checks.mirrors] as const),
  ];
  return all.flatMap(([job, every]) => every === undefined ? [] : [{ job, every }]);
}
