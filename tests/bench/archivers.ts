/** Programs that keep encrypted backups, each behind the same verbs. */

import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { RealServer } from "../servers/daemon.ts";
import { hasTool } from "../tools.ts";
import { type Command, must, shell } from "./measure.ts";
import type { World } from "./world.ts";

const PASSWORD = "correct horse battery staple";

/** Where one archive is kept. */
export interface Shelf {
  /** For the settings and the catalog of a program, and for the archive itself where there is no server. */
  readonly folder: string;
  readonly server?: RealServer;
}

/** A program that keeps backups. */
export interface Archiver {
  readonly name: string;
  readonly installed: boolean;
  /** Whether it can keep them in S3. */
  readonly s3: boolean;
  /** Not measured: makes an empty archive, where a program wants one. */
  init(shelf: Shelf): void;
  /** Brings the archive up to date with a folder. */
  backup(shelf: Shelf, source: string): Command;
  /** Brings the whole folder back, into an empty one. */
  restore(shelf: Shelf, source: string, to: string): Command;
  /** Brings one file back, by its path below the folder. */
  restoreOne(shelf: Shelf, source: string, path: string, to: string): Command;
}

/** Coldframe under one runtime. */
export function coldframe(name: string, start: (...args: string[]) => Command): Archiver {
  const run = ({ folder, server }: Shelf, ...args: string[]): Command => ({
    ...start(...args, "--home", join(folder, "home")),
    ...(server && { env: awsKeys(server) }),
  });
  return {
    name,
    installed: true,
    s3: true,
    init() {},
    backup: (shelf, source) => run(shelf, "sync", source, "--seal", ...coldframeStores(shelf)),
    restore: (shelf, _source, to) => run(shelf, "restore", "**", "--to", to),
    restoreOne: (shelf, source, path, to) => run(shelf, "restore", `${basename(source)}/${path}`, "--to", to),
  };
}

function coldframeStores({ folder, server }: Shelf): string[] {
  if (server === undefined) return [];
  const { bucket, region, endpoint } = server;
  const url = `s3://${bucket}/${basename(folder)}?region=${region}&endpoint=${endpoint}`;
  return ["--staging", url, "--cold", url];
}

function awsKeys({ accessKey, secretKey, region }: RealServer): Record<string, string> {
  return { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey, AWS_REGION: region };
}

const restic: Archiver = {
  name: "restic",
  installed: hasTool("restic"),
  s3: true,
  init: (shelf) => void must(runRestic(shelf, "init")),
  backup: (shelf, source) => runRestic(shelf, "backup", "--quiet", source),
  restore: (shelf, _source, to) => runRestic(shelf, "restore", "--quiet", "latest", "--target", to),
  restoreOne: (shelf, source, path, to) =>
    runRestic(shelf, "restore", "--quiet", "latest", "--target", to, "--include", join(source, path)),
};

function runRestic({ folder, server }: Shelf, ...args: string[]): Command {
  const repository = server === undefined
    ? join(folder, "repository")
    : `s3:${server.endpoint}/${server.bucket}/${basename(folder)}`;
  const env = {
    RESTIC_REPOSITORY: repository,
    RESTIC_PASSWORD: PASSWORD,
    RESTIC_CACHE_DIR: join(folder, "cache"),
    ...(server && awsKeys(server)),
  };
  return { argv: ["restic", ...args], env };
}

const rclone: Archiver = {
  name: "rclone crypt",
  installed: hasTool("rclone"),
  s3: true,
  init() {},
  backup: (shelf, source) => runRclone(shelf, "sync", source, "secret:"),
  restore: (shelf, _source, to) => runRclone(shelf, "copy", "secret:", to),
  restoreOne: (shelf, _source, path, to) => runRclone(shelf, "copy", `secret:${path}`, to),
};

function runRclone({ folder, server }: Shelf, ...args: string[]): Command {
  const place = server === undefined ? join(folder, "files") : `there:${server.bucket}/${basename(folder)}`;
  const env = {
    RCLONE_CONFIG: join(folder, "rclone.conf"),
    RCLONE_CONFIG_SECRET_TYPE: "crypt",
    RCLONE_CONFIG_SECRET_REMOTE: place,
    RCLONE_CONFIG_SECRET_PASSWORD: must({ argv: ["rclone", "obscure", PASSWORD] }).trim(),
    ...(server && {
      RCLONE_CONFIG_THERE_TYPE: "s3",
      RCLONE_CONFIG_THERE_PROVIDER: "Other",
      RCLONE_CONFIG_THERE_ENDPOINT: server.endpoint,
      RCLONE_CONFIG_THERE_REGION: server.region,
      RCLONE_CONFIG_THERE_ACCESS_KEY_ID: server.accessKey,
      RCLONE_CONFIG_THERE_SECRET_ACCESS_KEY: server.secretKey,
    }),
  };
  return { argv: ["rclone", ...args], env };
}

const borg: Archiver = {
  name: "borg",
  installed: hasTool("borg"),
  s3: false,
  init: (shelf) => void must(runBorg(shelf, "borg init --encryption repokey-blake2")),
  backup: (shelf, source) => runBorg(shelf, 'cd "$1" && borg create "::$(date +%s%N)" .', source),
  restore: (shelf, _source, to) => runBorg(shelf, `cd "$1" && borg extract "::${LATEST}"`, to),
  restoreOne: (shelf, _source, path, to) =>
    runBorg(shelf, `cd "$1" && borg extract "::${LATEST}" "$2"`, to, path),
};

const LATEST = "$(borg list --last 1 --short)";

function runBorg({ folder }: Shelf, script: string, ...args: string[]): Command {
  const env = { BORG_REPO: join(folder, "repository"), BORG_PASSPHRASE: PASSWORD, BORG_BASE_DIR: folder };
  return { ...shell(script, ...args), env };
}

/** An image by genisoimage, encrypted by age: neither remembers, proves nor syncs anything. */
const image: Archiver = {
  name: "genisoimage | age",
  installed: hasTool("genisoimage") && hasTool("age"),
  s3: false,
  init: ({ folder }) => void must(shell('age-keygen -o "$1/identity" 2> /dev/null', folder)),
  backup({ folder }, source) {
    const recipient = /age1\w+/.exec(readFileSync(join(folder, "identity"), "utf8"))?.[0] ?? "";
    const script = 'genisoimage -quiet -R -J -iso-level 3 "$1" | age -r "$2" > "$3/image.age"';
    return shell(script, source, recipient, folder);
  },
  restore: ({ folder }, _source, to) =>
    shell('age -d -i "$1/identity" "$1/image.age" | bsdtar -xf - -C "$2"', folder, to),
  restoreOne: ({ folder }, _source, path, to) =>
    shell('age -d -i "$1/identity" "$1/image.age" | bsdtar -xf - -C "$2" "$3"', folder, to, path),
};

/** Every archiver there is, coldframe first. */
export function archivers(world: World): Archiver[] {
  return [
    coldframe("coldframe", (...args) => world.bun(...args)),
    coldframe("coldframe (Deno)", (...args) => world.deno(...args)),
    restic,
    rclone,
    borg,
    image,
  ];
}
