/** What the commands that look into an image file share. */

import { type Command, Option } from "commander";
import { stat } from "node:fs/promises";
import { homePath, homePaths } from "../home/home.ts";
import type { ImageItem } from "../jobs/image/contents.ts";
import { type ImageFile, openImageFile } from "../jobs/image/open.ts";
import { unlockWith } from "../jobs/unlock.ts";
import type { OnLost } from "../iso/read.ts";
import { ColdframeError } from "../errors.ts";
import { type CommandContext, EXIT, type ExitCode, type GlobalFlags } from "./command.ts";
import { passphraseAsker } from "./passphrase.ts";
import { warn } from "./terminal.ts";

/** Flags of commands that decrypt. */
export interface IdentityFlags {
  readonly identity?: string;
}

/** `--identity`. */
export function addIdentityFlag(command: Command): Command {
  return command.option("--identity <file>", "the secret key (default: the one in the home)");
}

/**
 * `--image`.
 *
 * @param verb what is done with the image, as "look in this"
 * @param catalogOnly flags that ask the catalog, by their names in commander
 */
export function imageOption(verb: string, catalogOnly: string[]): Option {
  const description = `${verb} .iso or .iso.age file alone, without home and catalog`;
  return new Option("--image <file>", description).conflicts(catalogOnly);
}

/** Whether the user means a volume's file rather than its name: by its ending, a folder, or because it is there. */
export async function meansFile(name: string): Promise<boolean> {
  if (/\.iso(\.age)?$/i.test(name) || /[/\\]/.test(name)) return true;
  return await stat(name).then((found) => found.isFile(), () => false);
}

/** Opens an image, runs `body`, and closes it whatever happens. Needs no home, only a key if it is encrypted. */
export async function withImage<T>(
  { terminal }: CommandContext,
  flags: GlobalFlags & IdentityFlags,
  path: string,
  body: (image: ImageFile) => Promise<T>,
): Promise<T> {
  const ask = passphraseAsker(terminal);
  const identity = flags.identity ?? homePaths(homePath(flags.home, terminal.env)).identity;
  const image = await openImageFile(path, {
    identities: unlockWith(identity, ask),
    passphrase: async () => ({ passphrase: await passphraseOf(path, ask) }),
  });
  if (image.damage !== undefined) warn(terminal, image.damage.message);
  try {
    return await body(image);
  } finally {
    await image.close();
  }
}

async function passphraseOf(path: string, ask: ReturnType<typeof passphraseAsker>): Promise<string> {
  const passphrase = await ask(`Passphrase of ${path}: `);
  if (passphrase !== undefined && passphrase !== "") return passphrase;
  throw new ColdframeError("passphrase", `${path} is encrypted with a passphrase`, {
    hint: "Give it in the environment variable COLDFRAME_PASSPHRASE, or run on a terminal.",
  });
}

/** The exit code of who finds all he looks for in an image. */
export function exitOf({ damage }: ImageFile): ExitCode {
  return damage === undefined ? EXIT.done : EXIT.damage;
}

/** Names each part of an image that cannot be read, and makes that the exit code. */
export function lossReporter({ terminal, finish }: CommandContext): OnLost {
  return (path, kind, error) => {
    finish(EXIT.partly);
    warn(terminal, `${kind} /${path} cannot be read: ${error.message}`);
  };
}

/** An item as JSON; the same keys as for a file of the catalog, and its kind. */
export function itemJson(item: ImageItem): Record<string, unknown> {
  const { kind, path, mtime } = item;
  if (kind === "dir") return { kind: "folder", path, mtime };
  if (kind === "symlink") return { kind, path, mtime, target: item.target };
  return { kind, path, size: item.size, mtime, sha256: item.sha256, offset: item.extents[0]?.offset };
}
