/** Scanning, start-up, and making images: the parts of a run that have a peer of their own. */

import type { Command, Entry } from "./measure.ts";
import { must, shell } from "./measure.ts";
import { bytes, files, type Measured, table } from "./subject.ts";
import type { World } from "./world.ts";

type Start = (...args: string[]) => Command;

/** Both ways to run coldframe. */
function both(world: World, make: (name: string, start: Start) => Entry): Entry[] {
  return [
    make("coldframe", (...args) => world.bun(...args)),
    make("coldframe (Deno)", (...args) => world.deno(...args)),
  ];
}

/** A scan of small files, new and known. */
export function scan(world: World): Measured[] {
  const count = world.scaled(100_000);
  const source = world.tree(count);
  const home = (name: string) => world.path("homes", name);
  const command = (name: string, start: Start) => start("scan", source, "--home", home(name));
  const find: Entry = {
    name: "find",
    run: () => shell(`find "$1" -printf '%s %T@ %p\\n' > /dev/null`, source),
  };
  const sums: Entry = {
    name: "sha256sum",
    run: () => shell('find "$1" -type f -print0 | xargs -0 sha256sum > /dev/null', source),
  };
  const fresh = both(world, (name, start) => ({
    name,
    before: () => world.remove("homes", name),
    run: () => command(name, start),
  }));
  const known = both(world, (name, start) => ({
    name,
    before: (round) => round === 0 ? void must(command(name, start)) : undefined,
    run: () => command(name, start),
  }));
  return [
    table(world, "scan-new", `Scan of ${files(count)}, all new`, [...fresh, sums]),
    table(world, "scan-known", `Scan of ${files(count)}, none new`, [...known, find]),
  ];
}

/** From nothing to the first answer. */
export function startUp(world: World): Measured[] {
  const version = (name: string): Entry => ({
    name,
    installed: world.has(name),
    run: () => shell('"$1" version || "$1" --version', name),
  });
  const entries = [
    ...both(world, (name, start) => ({ name, run: () => start("--version") })),
    ...["restic", "rclone", "borg"].map(version),
  ];
  const home = world.path("homes", "small");
  must(world.bun("init", "--yes", "--home", home));
  const status = both(world, (name, start) => ({ name, run: () => start("status", "--home", home) }));
  return [
    table(world, "start", "Start-up (`--version`)", entries),
    table(world, "start-home", "Start-up with a home (`status`)", status),
  ];
}

/** An image to nowhere, on many small files and on a few large ones. */
export function image(world: World): Measured[] {
  const sets = [
    ["image-small", `Image of ${files(world.scaled(100_000))} of 4 KB`, world.tree()],
    ["image-large", `Image of 20 files of ${bytes(world.scaled(200e6))}`, world.large()],
  ] as const;
  return sets.map(([id, title, source]) =>
    table(world, id, title, [
      { name: "coldframe", run: () => world.own("image.ts", source) },
      { name: "coldframe, with UDF", run: () => world.own("image.ts", source, "udf") },
      {
        name: "genisoimage",
        installed: world.has("genisoimage"),
        run: () => shell('genisoimage -quiet -R -J -iso-level 3 "$1" > /dev/null', source),
      },
      { name: "cat", run: () => shell('find "$1" -type f -print0 | xargs -0 cat > /dev/null', source) },
    ])
  );
}
