/** `coldframe key kit`: the paper that brings everything back, and a check of a copy of its key. */

import { type Command, Option } from "commander";
import { open, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { fingerprint } from "../../age/keys.ts";
import { ColdframeError, messageOf, systemCode } from "../../errors.ts";
import { type Home, homePath, openHome } from "../../home/home.ts";
import { setMeta } from "../../catalog/catalog.ts";
import { checkCopy, gatherKit, KIT_VERIFIED } from "../../jobs/kit.ts";
import { readIdentities } from "../../jobs/unlock.ts";
import { type CommandContext, EXIT, type GlobalFlags, newCommand, withSession } from "../command.ts";
import { addIdentityFlag } from "../image.ts";
import { renderKit } from "../kit.ts";
import { passphraseAsker } from "../passphrase.ts";
import { json, line, type Terminal, warn } from "../terminal.ts";
import { VERSION } from "../version.ts";

interface Flags extends GlobalFlags {
  readonly out?: string;
  readonly identity?: string;
  readonly verify?: boolean;
}

export function keyKitCommand(context: CommandContext): Command {
  const command = newCommand(
    "kit",
    "Write the recovery kit: one page to print, with the secret key and the steps to get everything back. With --verify, check a copy of its key.",
    "coldframe key kit\n  coldframe key kit --verify",
  );
  return addIdentityFlag(command)
    .option("--out <file>", "where to write it (default: recovery-kit.html in the home)")
    .addOption(
      new Option("--verify", "check a key typed from the paper, or scanned, given on standard input")
        .conflicts(["out", "identity"]),
    )
    .allowExcessArguments() // to refuse them without showing them: they may be the key
    .action((flags: Flags, { args }: Command) => {
      if (args.length > 0) throw onCommandLine();
      return flags.verify === true ? verify(context, flags) : write(context, flags);
    });
}

function onCommandLine(): ColdframeError {
  return new ColdframeError("usage", "`key kit` takes no key on the command line, where others can see it", {
    hint: "Run `coldframe key kit --verify` and type the key, or give it on standard input.",
  });
}

async function write({ terminal, finish }: CommandContext, flags: Flags): Promise<void> {
  const home = await homeOf(terminal, flags);
  const pairs = await readIdentities(flags.identity ?? home.paths.identity, passphraseAsker(terminal));
  const kit = await gatherKit(home, pairs, terminal.env, (text) => warn(terminal, text));
  const file = resolve(flags.out ?? join(home.paths.root, "recovery-kit.html"));
  const origin = { made: terminal.now(), host: hostname(), version: VERSION };
  const isPrivate = await writePrivately(file, renderKit(kit, origin));
  if (!isPrivate) warn(terminal, `others who use this machine or disk can read ${file}`);
  finish(EXIT.done);
  if (flags.json === true) {
    const fingerprints = kit.keys.map(({ recipient }) => fingerprint(recipient));
    return json(terminal, {
      file,
      fingerprints,
      stores: kit.stores.map(({ url }) => url),
      private: isPrivate,
    });
  }
  line(terminal, `Recovery kit: ${file}`);
  line(
    terminal,
    "  It holds the secret key: whoever reads it can read everything. Print it, check the paper with",
  );
  line(terminal, "  `coldframe key kit --verify`, and delete the file.");
}

async function homeOf(terminal: Terminal, flags: Flags): Promise<Home> {
  const root = homePath(flags.home, terminal.env);
  const home = await openHome(root);
  if (home !== undefined) return home;
  throw new ColdframeError("home", `there is no coldframe home at ${root}`, {
    hint: "Name another with --home DIR.",
  });
}

/**
 * Writes a new file, which may be on a disk that knows neither links nor permissions (a USB stick).
 *
 * @returns whether only its owner can read it, as far as the system says
 */
async function writePrivately(path: string, text: string): Promise<boolean> {
  const handle = await open(path, "wx", 0o600).catch((error) => {
    throw cannotWrite(path, error);
  });
  try {
    await handle.writeFile(text);
    await handle.sync();
    return ((await handle.stat()).mode & 0o077) === 0;
  } catch (error) {
    await rm(path, { force: true }); // ours: it was not there before
    throw cannotWrite(path, error);
  } finally {
    await handle.close();
  }
}

function cannotWrite(path: string, error: unknown): ColdframeError {
  if (systemCode(error) === "EEXIST") {
    return new ColdframeError("exists", `${path} is there already`, {
      hint: "Nothing was replaced. Delete it when it is printed, or choose another place with --out FILE.",
    });
  }
  return new ColdframeError("home", `cannot write ${path}: ${messageOf(error)}`, {
    hint: "Choose another place with --out FILE.",
    cause: error,
  });
}

async function verify(context: CommandContext, flags: Flags): Promise<void> {
  const { terminal, finish } = context;
  // The home named by hand must be there; without one, as on a new machine, typing mistakes still show.
  const root = homePath(flags.home, terminal.env);
  const home = flags.home === undefined ? await openHome(root) : await homeOf(terminal, flags);
  const { recipient, compared } = await checkCopy(await readCopy(terminal), home?.recipients);
  if (compared) {
    await withSession(context, flags, {}, ({ db }) => setMeta(db, KIT_VERIFIED, String(terminal.now())));
  }
  finish(EXIT.done);
  const name = fingerprint(recipient);
  if (flags.json === true) return json(terminal, { fingerprint: name, compared });
  if (compared) return line(terminal, `This copy is right: key ${name} opens what this home stores.`);
  line(terminal, `This copy has no typing mistake. Its fingerprint is ${name}: compare that with the paper.`);
  line(terminal, `  There is no home at ${root} to compare it with.`);
}

/** More lines than any key has on paper. */
const MOST_LINES = 16;

/** On a terminal line by line, unseen; the answer may also be the whole key at once, from a scanner. */
async function readCopy(terminal: Terminal): Promise<string> {
  if (!terminal.interactive) return await terminal.input();
  terminal.err("Type the key as on the paper, line by line; nothing is shown. An empty line ends it.\n");
  const lines: string[] = [];
  while (lines.length < MOST_LINES) {
    const answer = await terminal.ask(`Line ${lines.length + 1}: `, { secret: true });
    if (answer === undefined || answer.trim() === "") break;
    lines.push(answer);
  }
  return lines.join("\n");
}
