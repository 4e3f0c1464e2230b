/** `coldframe key`: who can open what is stored. */

import type { Command } from "commander";
import { readFile } from "node:fs/promises";
import { checkRecipients } from "../../age/header.ts";
import { fingerprint, formatIdentityFile, parseRecipient } from "../../age/keys.ts";
import {
  DEFAULT_WORK_FACTOR,
  isProtected,
  MAX_WORK_FACTOR,
  MIN_WORK_FACTOR,
  protectIdentity,
} from "../../age/protect.ts";
import { utf8 } from "../../bytes.ts";
import { ColdframeError } from "../../errors.ts";
import { writeFileDurably } from "../../files.ts";
import { addRecipient } from "../../home/home.ts";
import type { Session } from "../../jobs/session.ts";
import { readIdentities } from "../../jobs/unlock.ts";
import {
  type CommandContext,
  EXIT,
  type GlobalFlags,
  newCommand,
  newGroup,
  type StoreFlags,
  withSession,
} from "../command.ts";
import { newPassphrase, passphraseAsker } from "../passphrase.ts";
import { json, line, type Terminal } from "../terminal.ts";
import { keyKitCommand } from "./key-kit.ts";
import { keyRewrapCommand } from "./key-rewrap.ts";

export function keyCommand(context: CommandContext): Command {
  const key = newGroup(
    "key",
    "Show the public keys, add one, or protect the secret key.",
    "coldframe key show",
  );
  key.addCommand(
    newCommand(
      "show",
      "Show the public keys, and with --secret the secret one, to print.",
      "coldframe key show --secret",
    )
      .option("--secret", "also the secret key: whoever reads it can read everything")
      .action((flags: ShowFlags) => show(context, flags)),
  );
  key.addCommand(
    newCommand(
      "add",
      "Encrypt to another public key from now on: your spouse's, or one in a safe-deposit box.",
      "coldframe key add age1pq1…",
    )
      .argument("<recipient>", "a public key, age1…")
      .action((recipient: string, flags: GlobalFlags) => add(context, recipient, flags)),
  );
  key.addCommand(keyKitCommand(context));
  key.addCommand(keyRewrapCommand(context));
  key.addCommand(
    newCommand(
      "protect",
      "Protect the secret key on this machine with a passphrase. Syncing goes on without it; restoring asks for it.",
      "coldframe key protect",
    )
      .option(
        "--work-factor <n>",
        "how hard each guess is, 10 to 20; one more is twice as hard",
        parseWorkFactor,
        DEFAULT_WORK_FACTOR,
      )
      .option(
        "--to-store",
        "also keep the protected key in the cold store, so that the passphrase alone recovers all",
      )
      .option("--cold <url>", "the store for --to-store")
      .action((flags: ProtectFlags) => protect(context, flags)),
  );
  return key;
}

function parseWorkFactor(text: string): number {
  const factor = /^\d+$/.test(text) ? Number(text) : NaN;
  if (factor >= MIN_WORK_FACTOR && factor <= MAX_WORK_FACTOR) return factor;
  throw new ColdframeError("usage", `--work-factor: "${text}" is no work factor`, {
    hint:
      `Write a whole number from ${MIN_WORK_FACTOR} to ${MAX_WORK_FACTOR}; without the flag it is ${DEFAULT_WORK_FACTOR}.`,
  });
}

interface ShowFlags extends GlobalFlags {
  readonly secret?: boolean;
}

async function show(context: CommandContext, flags: ShowFlags): Promise<void> {
  const { terminal } = context;
  await withSession(context, flags, {}, async ({ home }) => {
    const secrets = flags.secret === true
      ? await readIdentities(home.paths.identity, passphraseAsker(terminal))
      : [];
    context.finish(EXIT.done);
    const keys = home.recipients.map((recipient) => ({ recipient, fingerprint: fingerprint(recipient) }));
    if (flags.json === true) {
      return json(terminal, {
        keys,
        identity: home.paths.identity,
        secrets: secrets.map(({ identity }) => identity),
      });
    }
    for (const key of keys) line(terminal, `Public key ${key.fingerprint}: ${key.recipient}`);
    line(terminal, `Secret key: ${home.paths.identity}`);
    for (const { identity } of secrets) line(terminal, identity);
  });
}

async function add(context: CommandContext, text: string, flags: GlobalFlags): Promise<void> {
  await withSession(context, flags, { lockFor: "key add" }, async ({ home }) => {
    const { recipient } = parseRecipient(text);
    const known = home.recipients.includes(recipient);
    checkRecipients([...home.recipients, recipient]); // now, rather than at the next sync
    if (!known) await addRecipient(home, recipient);
    context.finish(EXIT.done);
    if (flags.json === true) return json(context.terminal, { recipient, added: !known });
    line(
      context.terminal,
      known
        ? `${fingerprint(recipient)} could open new objects already.`
        : `${
          fingerprint(recipient)
        } can open what is stored from now on. What is stored already stays as it is; \`coldframe key rewrap\` renews what is not in volumes.`,
    );
  });
}

interface ProtectFlags extends GlobalFlags, StoreFlags {
  readonly workFactor: number;
  readonly toStore?: boolean;
}

async function protect(context: CommandContext, flags: ProtectFlags): Promise<void> {
  const { terminal } = context;
  await withSession(context, flags, { lockFor: "key protect" }, async (session) => {
    const path = session.home.paths.identity;
    const { armored, already } = await protectedIdentity(terminal, path, flags.workFactor);
    if (!already) await writeFileDurably(path, armored, { mode: 0o600, replace: true });
    if (flags.toStore === true) await keepInStore(session, armored);
    context.finish(EXIT.done);
    if (flags.json === true) {
      return json(terminal, { identity: path, protected: true, inStore: flags.toStore === true });
    }
    line(terminal, `${path} is protected by your passphrase ${already ? "already" : "now"}.`);
    line(terminal, "Without the passphrase it cannot be read: keep a printed key, too.");
    if (flags.toStore === true) line(terminal, `A copy is in ${(await session.cold()).url}.`);
  });
}

/** The identity under a passphrase; one that is protected already stays as it is, once it was opened. */
async function protectedIdentity(
  terminal: Terminal,
  path: string,
  workFactor: number,
): Promise<{ armored: string; already: boolean }> {
  const pairs = await readIdentities(path, passphraseAsker(terminal));
  const file = await readFile(path);
  if (isProtected(file)) return { armored: file.toString("utf8"), already: true };
  const text = pairs.map((pair) => formatIdentityFile(pair, terminal.now())).join("");
  const armored = await protectIdentity(text, await newPassphrase(terminal), workFactor);
  return { armored, already: false };
}

async function keepInStore(session: Session, armored: string): Promise<void> {
  const store = await session.cold();
  try {
    await store.put("keys/identity.age", utf8(armored), { kind: "key" });
  } catch (error) {
    if (!(error instanceof ColdframeError) || error.code !== "object-exists") throw error;
    throw new ColdframeError("object-exists", `${store.url} holds another protected key already`, {
      hint: "Nothing in a store is ever replaced; keep this one elsewhere.",
    });
  }
}
