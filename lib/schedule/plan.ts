/** What a schedule runs and when: the same for systemd, launchd and cron. Pure. */

/** A command that runs by itself. */
export interface ScheduledCommand {
  /** Goes into names of units: lower-case letters. */
  readonly name: "sync" | "check" | "watch";
  readonly description: string;
  /** After the program. */
  readonly args: readonly string[];
  /** `always` runs day and night, and again when it ends. */
  readonly every: "hour" | "day" | "always";
}

/** What is to run by itself on this machine. */
export interface SchedulePlan {
  /** The program, with what stands before the arguments of `coldframe`; absolute paths. */
  readonly program: readonly string[];
  /** The home, absolute. */
  readonly home: string;
  /** Goes into the names of units, so that several homes do not meet; "" for the usual home. */
  readonly suffix: string;
  /** The numeric user id that it runs as, where the system's service manager starts it. */
  readonly user: number | undefined;
  /** Folders that it must write to: the home, and stores on this machine. */
  readonly writes: readonly string[];
  readonly commands: readonly ScheduledCommand[];
}

/** A file to be installed. */
export interface ScheduleFile {
  readonly name: string;
  readonly text: string;
}

/** The first line of every file of ours: what bears it may be replaced and removed. */
export const MARK = "Written by `coldframe schedule`; it replaces and removes this.";

/**
 * The commands of a schedule: a daemon that does everything, or two timers.
 *
 * @param home absolute
 */
export function commandsFor(home: string, watch: boolean): ScheduledCommand[] {
  const args = (name: string, ...more: readonly string[]) => [name, "--home", home, ...more];
  if (watch) {
    const description = "coldframe: protect photos as they come";
    return [{ name: "watch", description, args: args("watch"), every: "always" }];
  }
  return [
    {
      name: "sync",
      description: "coldframe: protect what is new",
      args: args("sync", "--rest", "60"), // nobody waits, and what is being copied here is left for the next
      every: "hour",
    },
    { name: "check", description: "coldframe: prove the copies", args: args("check"), every: "day" },
  ];
}

/** The name of a unit, without its ending. */
export function unitName({ suffix }: SchedulePlan, { name }: ScheduledCommand): string {
  return `coldframe-${name}${suffix}`;
}
