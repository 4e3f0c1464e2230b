/**
 * One round: a home, a source, one or two stores; runs that are killed, with changes of the source between
 * them; a last run that is not; and the judge. A seed repeats all choices, though not the moment to the
 * microsecond in which a signal arrives.
 */

import { mkdir } from "node:fs/promises";
import { withUser } from "../cli/harness.ts";
import type { User } from "../cli/harness.ts";
import type { DriveServer } from "../servers/drive/server.ts";
import type { S3Server } from "../servers/s3/server.ts";
import { DriveTier } from "./drive-tier.ts";
import { FileTier } from "./file-tier.ts";
import { judge, type Moment } from "./judge.ts";
import { type Ended, type Kill, runProgram, type Runtime } from "./program.ts";
import { Random } from "./random.ts";
import { S3Tier } from "./s3-tier.ts";
import { Source, type SourceShape } from "./source.ts";
import { FIRST_STOPS, type Stop, type StoreKind, type Tier } from "./tier.ts";
import { CAN_TRACE } from "./trace.ts";

/** The servers that all rounds share. */
export interface Servers {
  readonly s3: S3Server;
  readonly drive: DriveServer;
}

/** What a round is made of. */
export interface RoundOptions {
  readonly seed: number;
  readonly store: StoreKind;
  /** What runs that are not `deno` by choice of the seed run on. */
  readonly runtime: Runtime;
}

/** How a round went. */
export interface RoundReport {
  readonly violations: readonly string[];
  /** Where its runs were to die, each with whether one did. */
  readonly deaths: readonly { readonly where: string; readonly died: boolean }[];
  /** What happened, for whoever looks into a violation. */
  readonly story: readonly string[];
}

/** Small files, several volumes of a megabyte; or few large ones, whose volumes go in parts. */
const SHAPES: readonly (SourceShape & { readonly volumeSize: string; readonly inParts: boolean })[] = [
  { files: 40, largest: 140_000, volumeSize: "1M", inParts: false },
  { files: 40, largest: 140_000, volumeSize: "1M", inParts: false },
  { files: 12, largest: 3_500_000, volumeSize: "12M", inParts: true },
];

/** How long a run takes at the most when nothing else goes on, in ms, for the moments of random kills. */
const LONGEST = 700;

/** Runs one round in a folder of its own, which is gone afterwards. */
export function playRound(servers: Servers, options: RoundOptions): Promise<RoundReport> {
  return withUser((user) => new Round(user, servers, options).play());
}

class Round {
  readonly #user: User;
  readonly #options: RoundOptions;
  readonly #random: Random;
  readonly #staging: Tier;
  readonly #cold: Tier;
  /** Where the first run of the round that is killed is to die: another step in each round. */
  readonly #aim: Stop;
  readonly #shape: typeof SHAPES[number];
  readonly #deaths: { where: string; died: boolean }[] = [];
  readonly #story: string[] = [];
  #runs = 0;

  constructor(user: User, servers: Servers, options: RoundOptions) {
    this.#user = user;
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#aim = aimOf(options.seed);
    this.#shape = this.#random.pick(SHAPES.filter(({ inParts }) => inParts || !isInParts(this.#aim)));
    this.#cold = tierOf(options.store, servers, user, options.seed);
    // Two tiers as most people have them, or one store for both.
    const split = options.store !== "drive" && this.#random.chance(0.3);
    this.#staging = split ? tierOf("drive", servers, user, options.seed) : this.#cold;
    for (const tier of this.#tiers) tier.onRequest(() => this.#tiers.forEach((each) => each.look()));
    user.env = { ...this.#cold.env, ...this.#staging.env, HOME: user.folder };
  }

  async play(): Promise<RoundReport> {
    try {
      const source = await this.#begin();
      const moments: Moment[] = [];
      const removing = this.#aim.step.startsWith("9"); // from staging, where something must be first
      if (removing || !isInParts(this.#aim) && this.#random.chance(0.25)) {
        await this.#mustEndWell(!removing);
        moments.push({ at: Date.now(), contents: await source.contents() });
        await source.mutate();
      }
      await this.#dieOnce(this.#inStep(this.#aim));
      for (let left = this.#random.between(0, 3); left > 0; left--) {
        await this.#dieOnce(this.#chooseKill());
        if (this.#random.chance(0.6)) await source.mutate();
      }
      await this.#mustEndWell();
      moments.push({ at: undefined, contents: await source.contents() });
      const violations = await judge({ user: this.#user, staging: this.#staging, cold: this.#cold, moments });
      return { violations, deaths: this.#deaths, story: this.#story };
    } catch (error) {
      const violations = [
        error instanceof Violation ? error.message : String(error instanceof Error ? error.stack : error),
      ];
      return { violations, deaths: this.#deaths, story: this.#story };
    } finally {
      for (const tier of this.#tiers) await tier.close();
    }
  }

  get #tiers(): readonly Tier[] {
    return [...new Set([this.#cold, this.#staging])];
  }

  async #begin(): Promise<Source> {
    const kind = this.#random.chance(0.5) ? ["--classic"] : [];
    await this.#user.ok("init", "--yes", ...kind, "--cold", this.#cold.url, "--staging", this.#staging.url);
    await mkdir(this.#user.path("logs"));
    for (const tier of this.#tiers) await tier.prepare(this.#user.home);
    return await Source.make(this.#user.path("Photos"), this.#random, this.#shape);
  }

  async #mustEndWell(seal = this.#random.chance(0.5)): Promise<void> {
    const { code, err } = await this.#run({ kind: "none" }, seal);
    if (code !== 0) throw new Violation(`a run that nobody disturbed ended with ${code}: ${err.trim()}`);
  }

  async #dieOnce(kill: Kill): Promise<void> {
    const { killed, code, err, took } = await this.#run(kill, this.#random.chance(sealChance(kill)));
    this.#deaths.push({ where: describe(kill), died: killed });
    this.#story.push(
      `${describe(kill)}: ${killed ? "killed" : `ended with ${code}`} after ${Math.round(took)} ms`,
    );
    if (!killed && code !== 0) {
      throw new Violation(`before it could be killed, a run ended with ${code}: ${err.trim()}`);
    }
  }

  #chooseKill(): Kill {
    const random = this.#random;
    const kind = random.fraction();
    if (kind < 0.25) {
      const signal = random.pick(["SIGKILL", "SIGKILL", "SIGINT", "SIGTERM"] as const);
      return { kind: "time", ms: random.between(60, LONGEST), signal };
    }
    if (kind < 0.45 && CAN_TRACE) {
      const call = random.chance(0.8) ? "pwrite64" : "fsync";
      return { kind: "call", stop: { call, nth: random.between(1, call === "fsync" ? 12 : 150) } };
    }
    const stop = random.pick(FIRST_STOPS.filter((one) => this.#shape.inParts || !isInParts(one)));
    const most = /^(2b|9)/.test(stop.step) ? 12 : 3;
    return this.#inStep({ ...stop, nth: random.chance(0.6) ? 1 : random.between(1, most) });
  }

  #inStep(stop: Stop): Kill {
    return { kind: "step", tier: /^(2b|8|9)/.test(stop.step) ? this.#staging : this.#cold, stop };
  }

  async #run(kill: Kill, seals: boolean): Promise<Ended> {
    const runtime = this.#random.chance(0.12) ? "deno" : this.#options.runtime;
    const seal = seals ? ["--seal"] : [];
    const { volumeSize } = this.#shape;
    const user = this.#user;
    return await runProgram({
      runtime,
      args: ["sync", user.path("Photos"), "--volume-size", volumeSize, ...seal],
      env: { COLDFRAME_HOME: user.home, ...user.env },
      kill,
      log: user.path("logs", String(this.#runs++)),
      disks: this.#tiers.filter((tier) => tier instanceof FileTier),
    });
  }
}

/** How likely a run is to seal what waits: most likely what it takes to come to where it is to die. */
function sealChance(kill: Kill): number {
  if (kill.kind !== "step") return 0.5;
  return kill.stop.step.startsWith("2b") ? 0 : 1;
}

function aimOf(seed: number): Stop {
  const aim = FIRST_STOPS[seed % FIRST_STOPS.length];
  if (aim === undefined) throw new Error(`not a seed: ${seed}`);
  return aim;
}

function isInParts({ step }: Stop): boolean {
  return step.startsWith("4");
}

class Violation extends Error {}

function tierOf(kind: StoreKind, { s3, drive }: Servers, user: User, seed: number): Tier {
  if (kind === "s3") return new S3Tier(s3, `round-${seed}`);
  return kind === "drive" ? new DriveTier(drive) : new FileTier(user.path("disk"));
}

function describe(kill: Kill): string {
  if (kill.kind === "step") return `${kill.stop.when} ${kill.stop.step} (${kill.tier.kind})`;
  if (kill.kind === "call") return `in a ${kill.stop.call}`;
  return kill.kind === "time" ? `by ${kill.signal} at a random moment` : "not killed";
}
