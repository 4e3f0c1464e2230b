/**
 * The home: one folder with all that coldframe keeps on this machine.
 *
 *     config.toml           settings, made by `init`, edited by the user
 *     catalog.db            the catalog (unless it is on a server)
 *     box                   the id of this machine
 *     keys/recipients.txt   public keys: who can open what is stored
 *     keys/identity.txt     the secret key; may be moved away to a safe place
 *     lock.db, lock.json    who is running
 *     store/                the store, when no other is given
 *     tmp/                  what a run needs for a while; the next one empties it
 *     unfinished            only while the home is being made
 */

import { readFile, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { ColdframeError, messageOf, systemCode } from "../errors.ts";
import { makeFolder, makeFolderDurably, syncFolder, writeFileDurably } from "../files.ts";
import { type Config, DEFAULT_CONFIG, parseConfig } from "./config.ts";

/** The paths inside a home. */
export interface HomePaths {
  readonly root: string;
  readonly config: string;
  readonly catalog: string;
  readonly box: string;
  readonly keys: string;
  readonly identity: string;
  readonly recipients: string;
  readonly store: string;
  readonly scratch: string;
  readonly unfinished: string;
}

/** A home that exists. */
export interface Home {
  readonly paths: HomePaths;
  readonly config: Config;
  /** 16 hex digits: this machine, in a catalog that several share. */
  readonly box: string;
  /** Public keys, one per line of `recipients.txt`. */
  readonly recipients: readonly string[];
}

/** Where the home is: the flag, else `COLDFRAME_HOME`, else `~/.coldframe`. */
export function homePath(
  flag: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): string {
  const chosen = flag ?? env["COLDFRAME_HOME"];
  return chosen === undefined || chosen === "" ? join(homedir(), ".coldframe") : resolve(chosen);
}

/** The paths of a home at `root`. */
export function homePaths(root: string): HomePaths {
  const keys = join(root, "keys");
  return {
    root,
    config: join(root, "config.toml"),
    catalog: join(root, "catalog.db"),
    box: join(root, "box"),
    keys,
    identity: join(keys, "identity.txt"),
    recipients: join(keys, "recipients.txt"),
    store: join(root, "store"),
    scratch: join(root, "tmp"),
    unfinished: join(root, "unfinished"),
  };
}

/**
 * Opens a home.
 *
 * @returns undefined when there is none, or none that was made to its end
 * @throws ColdframeError `home`, `config`, or `key-missing` when the public keys are gone
 */
export async function openHome(root: string): Promise<Home | undefined> {
  const paths = homePaths(root);
  if (await exists(paths.unfinished)) return undefined;
  const [box, config, recipients] = await Promise.all([
    readOptional(paths.box),
    readOptional(paths.config),
    readOptional(paths.recipients),
  ]);
  if (box === undefined) {
    if (await exists(paths.catalog)) throw incomplete(paths, paths.box);
    return undefined;
  }
  if (recipients === undefined) throw incomplete(paths, paths.recipients);
  return {
    paths,
    config: config === undefined ? DEFAULT_CONFIG : parseConfig(config, paths.config),
    box: box.trim(),
    recipients: parseRecipients(recipients, paths.recipients),
  };
}

/** What a new home starts with. */
export interface NewHome {
  readonly box: string;
  /** The text of `identity.txt`; undefined when the user brings only a public key. */
  readonly identity: string | undefined;
  readonly recipients: readonly string[];
  readonly config: string;
}

/**
 * Makes a home. One whose making was cut short is marked as such, and is taken up again with the key that
 * it already has.
 *
 * @param makeCatalog run when all else is there
 * @throws ColdframeError `home`
 */
export async function makeHome(
  root: string,
  contents: NewHome,
  makeCatalog: (paths: HomePaths) => Promise<void>,
): Promise<Home> {
  const paths = homePaths(root);
  try {
    await makeHomeFolder(root);
    await writeNew(paths.unfinished, "", 0o600);
    await makeFolder(paths.keys, 0o700);
    if (contents.identity !== undefined) await writeNew(paths.identity, contents.identity, 0o600);
    await writeNew(paths.recipients, renderRecipients(contents.recipients), 0o600);
    await writeNew(paths.config, contents.config, 0o600);
    await writeNew(paths.box, contents.box + "\n", 0o600);
    await makeCatalog(paths);
    await rm(paths.unfinished);
    await syncFolder(root);
  } catch (error) {
    throw homeError(error, root);
  }
  const home = await openHome(root);
  if (home === undefined) throw new ColdframeError("home", `${root} was made but cannot be read`);
  return home;
}

/**
 * Makes the folder of a home, for its owner alone, unless it is there.
 *
 * @throws ColdframeError `home`
 */
export async function makeHomeFolder(root: string): Promise<void> {
  await makeFolderDurably(root, 0o700).catch((error) => {
    throw homeError(error, root);
  });
}

/** An error of the file system, told as one of the home. */
export function homeError(error: unknown, root: string): ColdframeError {
  if (error instanceof ColdframeError) return error;
  const reasons: Readonly<Record<string, string>> = {
    ENOSPC: "the disk is full",
    EDQUOT: "the quota is used up",
    EROFS: "the disk is read-only",
    EACCES: "permission denied",
    EPERM: "permission denied",
    ENOTDIR: "a file is in the way",
    EEXIST: "a file is in the way",
  };
  const reason = reasons[systemCode(error) ?? ""] ?? messageOf(error);
  return new ColdframeError("home", `cannot use the home ${root}: ${reason}`, {
    hint: "Choose another place with --home DIR or COLDFRAME_HOME.",
    cause: error,
  });
}

/** Adds a public key to a home. */
export async function addRecipient(home: Home, recipient: string): Promise<void> {
  const text = renderRecipients([...home.recipients, recipient]);
  await writeFileDurably(home.paths.recipients, text, { mode: 0o600, replace: true });
}

function renderRecipients(recipients: readonly string[]): string {
  const intro =
    "# Public keys: everyone whose secret key is named here can open what is stored from now on.\n";
  return intro + recipients.map((recipient) => recipient + "\n").join("");
}

function parseRecipients(text: string, path: string): string[] {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const recipients = lines.filter((line) => line !== "" && !line.startsWith("#"));
  if (recipients.length > 0) return recipients;
  throw new ColdframeError("key-missing", `${path} names no public key`, {
    hint: "Put the recipient of your key (age1…) on a line of its own.",
  });
}

function incomplete(paths: HomePaths, missing: string): ColdframeError {
  return new ColdframeError("key-missing", `the home ${paths.root} is incomplete: ${missing} is missing`, {
    hint: "Bring that file back, or run `coldframe recover STORE --identity FILE` into a new home.",
  });
}

async function writeNew(path: string, text: string, mode: number): Promise<void> {
  try {
    await writeFileDurably(path, text, { mode, replace: false });
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error; // made by an earlier, interrupted attempt
  }
}

async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw homeError(error, path);
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}
