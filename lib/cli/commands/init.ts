/** `coldframe init`: make a home, asking on a terminal and taking flags otherwise. */

import type { Command } from "commander";
import { statSync } from "node:fs";
import { homedir } from "node:os";
import { resolve } from "node:path";
import { fingerprint } from "../../age/keys.ts";
import { ColdframeError } from "../../errors.ts";
import { parseVolumeSize } from "../../home/config.ts";
import { type Home, homePath, makeHomeFolder, openHome } from "../../home/home.ts";
import { lockHome } from "../../home/lock.ts";
import { createHome, type InitChoices } from "../../jobs/init.ts";
import { assertStoreUrl } from "../../store/open.ts";
import {
  addStoreFlags,
  type CommandContext,
  EXIT,
  type GlobalFlags,
  newCommand,
  type StoreFlags,
} from "../command.ts";
import { json, line, showError, styled, type Terminal, warn } from "../terminal.ts";
import { keyAdvice } from "../key-advice.ts";

interface Flags extends GlobalFlags, StoreFlags {
  readonly volumeSize?: string;
  readonly classic?: boolean;
  readonly recipient: readonly string[];
  readonly identity: boolean;
  readonly yes?: boolean;
}

export function initCommand(context: CommandContext): Command {
  return addStoreFlags(
    newCommand("init", "Make a home: settings, a key pair, a catalog.", "coldframe init ~/Pictures"),
  )
    .argument("[dir...]", "folders to protect")
    .option("--volume-size <size>", "the largest volume, such as 5G", volumeSize)
    .option("--classic", "an X25519 key, which every age since 1.0 reads, instead of a post-quantum one")
    .option("--recipient <key>", "encrypt to this public key, too (may be repeated)", append, [])
    .option("--no-identity", "make no key pair: only the --recipient keys can open what is stored")
    .option("--yes", "ask nothing")
    .action((dirs: string[], flags: Flags) => run(context, dirs, flags));
}

/** Checks a volume size; the settings keep it as the user wrote it. */
function volumeSize(text: string): string {
  parseVolumeSize(text, "--volume-size");
  return text;
}

function append(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

async function run(
  { terminal, finish }: CommandContext,
  dirs: readonly string[],
  flags: Flags,
): Promise<void> {
  const root = homePath(flags.home, terminal.env);
  if (await openHome(root) !== undefined) {
    throw new ColdframeError("home", `${root} is a coldframe home already`, {
      hint: `Its settings are in ${root}/config.toml; \`coldframe key\` manages its keys.`,
    });
  }
  const choices = await choose(terminal, dirs, flags);
  const home = await makeLocked(root, choices, terminal.now());
  finish(EXIT.done);
  if (flags.json === true) {
    return json(terminal, { home: root, identity: home.paths.identity, recipients: home.recipients });
  }
  print(terminal, home, choices);
}

async function makeLocked(root: string, choices: InitChoices, now: number): Promise<Home> {
  await makeHomeFolder(root);
  const lock = await lockHome(root, "init", now);
  try {
    return await createHome(root, choices, now);
  } finally {
    await lock.release();
  }
}

async function choose(terminal: Terminal, dirs: readonly string[], flags: Flags): Promise<InitChoices> {
  const asks = terminal.interactive && flags.yes !== true && flags.json !== true;
  const ask = (question: string, preset: string, check: (answer: string) => void = () => {}) =>
    asks ? askUntilRight(terminal, question, preset, check) : Promise.resolve(preset);
  const sources = dirs.length > 0
    ? dirs
    : foldersTyped(await ask("Folders to protect, separated by commas", ""), terminal);
  sources.filter((path) => !isFolder(path)).forEach((path) => warn(terminal, `${path} is not there yet`));
  const own = "a folder in the home";
  const checkStore = (answer: string) => answer === own || assertStoreUrl(answer);
  const cold = flags.cold ??
    storeAnswer(await ask("Where to keep volumes (store URL)", own, checkStore), own);
  const staging = flags.staging ??
    storeAnswer(await ask("Where single files wait (store URL)", cold ?? own, checkStore), own);
  const volumeSize = flags.volumeSize ?? await ask("Volume size", "5G", checkVolumeSize);
  return {
    sources: sources.map((dir) => resolve(dir)),
    cold,
    staging,
    volumeSize,
    keyKind: flags.classic === true ? "x25519" : "hybrid",
    recipients: flags.recipient,
    makeIdentity: flags.identity,
  };
}

/** Asks one question until the answer can be used; an empty answer, or the end of input, is the preset. */
async function askUntilRight(
  terminal: Terminal,
  question: string,
  preset: string,
  check: (answer: string) => void,
): Promise<string> {
  for (;;) {
    const answer = (await terminal.ask(preset === "" ? `${question}: ` : `${question} [${preset}]: `))
      ?.trim();
    if (answer === undefined || answer === "") return preset;
    try {
      check(answer);
      return answer;
    } catch (error) {
      if (!(error instanceof ColdframeError)) throw error;
      showError(terminal, error, false);
    }
  }
}

function checkVolumeSize(text: string): void {
  parseVolumeSize(text, "volume size");
}

/** At a question there is no shell that knows what `~` is. */
function foldersTyped(text: string, { env }: Terminal): string[] {
  const parts = text.split(",").map((part) => part.trim()).filter((part) => part !== "");
  return parts.map((part) => resolve(part.replace(/^~(?=$|\/)/, env["HOME"] ?? homedir())));
}

/** A mistyped folder would be missed for the first time when its photos are; a disk may just be unplugged. */
function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function storeAnswer(text: string, own: string): string | undefined {
  return text === own ? undefined : text;
}

function print(terminal: Terminal, home: Home, choices: InitChoices): void {
  const { root, config, identity } = home.paths;
  line(terminal, styled(terminal, "bold", `New home: ${root}`));
  line(terminal, `Settings:        ${config}`);
  if (choices.makeIdentity) { for (const text of keyAdvice(identity)) line(terminal, text); }
  for (const recipient of home.recipients) line(terminal, `Encrypting to:   ${fingerprint(recipient)}`);
  line(terminal, choices.sources?.length ? "Next: coldframe sync" : "Next: coldframe sync DIR");
}
