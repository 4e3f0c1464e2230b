/** Backing up and restoring, beside the programs that do the same. */

import { mkdirSync, rmSync } from "node:fs";
import type { RealServer } from "../servers/daemon.ts";
import { VERSITY_TOOLS, withVersity } from "../servers/real.ts";
import { hasTool } from "../tools.ts";
import { type Archiver, archivers, type Shelf } from "./archivers.ts";
import { makeTree, ONE_PHOTO } from "./data.ts";
import { type Command, type Entry, must, shell } from "./measure.ts";
import { bytes, files, type Measured, table } from "./subject.ts";
import type { World } from "./world.ts";

/** One folder, and everyone's newest archive of it. */
class Job {
  readonly source: string;
  readonly #world: World;
  readonly #name: string;
  readonly #server: RealServer | undefined;
  readonly #shelves = new Map<string, Shelf>();
  #count = 0;

  constructor(world: World, name: string, source: string, server?: RealServer) {
    this.#world = world;
    this.#name = name;
    this.source = source;
    this.#server = server;
  }

  /** An empty archive in the place of the one before; on a server under a new name. */
  renew(archiver: Archiver): void {
    const before = this.#shelves.get(archiver.name);
    if (before !== undefined) rmSync(before.folder, { recursive: true });
    const folder = this.#world.path("archives", `${this.#name}-${++this.#count}`);
    mkdirSync(folder, { recursive: true });
    const shelf = { folder, ...(this.#server && { server: this.#server }) };
    this.#shelves.set(archiver.name, shelf);
    archiver.init(shelf);
  }

  /** The archive, up to date. */
  filled(archiver: Archiver): Shelf {
    if (!this.#shelves.has(archiver.name)) {
      this.renew(archiver);
      must(archiver.backup(this.shelf(archiver), this.source));
    }
    return this.shelf(archiver);
  }

  shelf(archiver: Archiver): Shelf {
    const shelf = this.#shelves.get(archiver.name);
    if (shelf === undefined) throw new Error(`${archiver.name} has no archive of ${this.#name} yet`);
    return shelf;
  }

  remove(): void {
    for (const { folder } of this.#shelves.values()) rmSync(folder, { recursive: true });
    this.#shelves.clear();
  }
}

function entryOf({ name, installed }: Archiver, rest: Pick<Entry, "before" | "run">): Entry {
  return { name, installed, ...rest };
}

/** Into an empty archive in every round. */
function first(job: Job, archiver: Archiver): Entry {
  return entryOf(archiver, {
    before: () => job.renew(archiver),
    run: () => archiver.backup(job.shelf(archiver), job.source),
  });
}

/** With an archive that is up to date, but for what `change` does to the folder. */
function again(job: Job, archiver: Archiver, change: (round: number) => void = () => {}): Entry {
  return entryOf(archiver, {
    before(round) {
      job.filled(archiver);
      change(round);
    },
    run: () => archiver.backup(job.shelf(archiver), job.source),
  });
}

/** Into an empty folder in every round. */
function restoring(
  world: World,
  job: Job,
  archiver: Archiver,
  command: (shelf: Shelf, to: string) => Command,
): Entry {
  return entryOf(archiver, {
    before() {
      job.filled(archiver);
      world.fresh("restored");
    },
    run: () => command(job.shelf(archiver), world.path("restored")),
  });
}

function plain(name: string, script: string, ...args: readonly string[]): Entry {
  return { name, run: () => shell(script, ...args) };
}

/** A household: first backup, everything back, one photo back. */
export function household(world: World): Measured[] {
  const source = world.household();
  const job = new Job(world, "household", source);
  const all = archivers(world);
  const about = bytes(world.scaled(1e9));
  const copy: Entry = {
    name: "cp -a",
    before: () => void world.fresh("copy"),
    run: () => shell('cp -a "$1" "$2"', source, world.path("copy")),
  };
  const sums = plain("sha256sum", 'find "$1" -type f -print0 | xargs -0 sha256sum > /dev/null', source);
  const tables = [
    table(world, "first", `First backup of ${about} of photos and videos`, [
      ...all.map((one) => first(job, one)),
      copy,
      sums,
    ]),
    table(
      world,
      "restore",
      `Everything back (${about})`,
      all.map((one) => restoring(world, job, one, (shelf, to) => one.restore(shelf, source, to))),
    ),
    table(
      world,
      "photo",
      "One photo back",
      all.map((one) =>
        restoring(world, job, one, (shelf, to) => one.restoreOne(shelf, source, ONE_PHOTO, to))
      ),
    ),
  ];
  job.remove();
  rmSync(world.path("copy"), { recursive: true });
  rmSync(world.path("restored"), { recursive: true });
  return tables;
}

/** A few large files, once. */
export function large(world: World): Measured[] {
  const source = world.large();
  const job = new Job(world, "large", source);
  const wanted = ["coldframe", "restic", "genisoimage | age"];
  const entries = archivers(world).filter(({ name }) => wanted.includes(name)).map((one) => first(job, one));
  const title = `First backup of 20 files of ${bytes(world.scaled(200e6))}`;
  const tables = [table(world, "large", title, entries)];
  job.remove();
  return tables;
}

/** Many small files: a backup with nothing new, and with one in a hundred. */
export function tree(world: World): Measured[] {
  const count = world.scaled(100_000);
  const source = world.tree(count);
  const job = new Job(world, "tree", source);
  const all = archivers(world).filter(({ name }) => name !== "genisoimage | age");
  const find = plain("find", `find "$1" -printf '%s %T@ %p\\n' > /dev/null`, source);
  const added = Math.ceil(count / 100);
  const rounds = new Set<number>();
  const change = (round: number) => {
    if (rounds.has(round)) return; // the first of a round adds, and all of them find it
    rounds.add(round);
    makeTree(source, added, count + round * added);
  };
  const tables = [
    table(world, "unchanged", `Nothing new among ${files(count)}`, [
      ...all.map((one) => again(job, one)),
      find,
    ]),
    table(world, "some", `1 % new among ${files(count)}`, all.map((one) => again(job, one, change))),
  ];
  job.remove();
  rmSync(source, { recursive: true }); // it has grown
  return tables;
}

/** The same household, to and from a server that speaks S3. */
export async function s3(world: World): Promise<Measured[]> {
  const able = archivers(world).filter((one) => one.s3);
  const size = world.scaled(1e9);
  const missing = able.map(({ name }): Entry => ({ name, installed: false, run: () => shell("exit 1") }));
  const titles = [
    `First backup of ${bytes(size)} to S3`,
    `Everything back from S3 (${bytes(size)})`,
  ] as const;
  if (!VERSITY_TOOLS.every(hasTool)) {
    return titles.map((title, i) => table(world, i === 0 ? "s3-first" : "s3-restore", title, missing));
  }
  return await withVersity((server) => {
    const source = world.household(size);
    const job = new Job(world, "s3", source, server);
    const back = able.map((one) => restoring(world, job, one, (shelf, to) => one.restore(shelf, source, to)));
    const tables = [
      table(world, "s3-first", titles[0], able.map((one) => first(job, one))),
      table(world, "s3-restore", titles[1], back),
    ];
    job.remove();
    return Promise.resolve(tables);
  });
}

/** Time and memory as files, or bytes, grow tenfold. */
export function growth(world: World): Measured[] {
  const [own] = archivers(world);
  if (own === undefined) return [];
  const grown = [1, 10].flatMap((times) => {
    const count = world.scaled(5_000 * times);
    const size = world.scaled(200e6 * times);
    const small = new Job(world, `files-${times}`, world.tree(count));
    const big = new Job(world, `bytes-${times}`, world.household(size));
    return [
      { job: small, entry: { ...first(small, own), name: `first backup of ${files(count)}` } },
      { job: small, entry: { ...again(small, own), name: `nothing new among ${files(count)}` } },
      { job: big, entry: { ...first(big, own), name: `first backup of ${bytes(size)}` } },
    ];
  });
  const rows = table(world, "growth", "Ten times as much", grown.map(({ entry }) => entry));
  for (const { job } of grown) job.remove();
  return [rows];
}
