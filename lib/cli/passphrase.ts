/** Passphrases come from COLDFRAME_PASSPHRASE or a prompt, never from the command line. */

import { ColdframeError } from "../errors.ts";
import type { AskPassphrase } from "../jobs/unlock.ts";
import type { Terminal } from "./terminal.ts";

/** Asks for an existing passphrase. */
export function passphraseAsker(terminal: Terminal): AskPassphrase {
  return async (question) => {
    const given = terminal.env["COLDFRAME_PASSPHRASE"];
    if (given !== undefined && given !== "") return given;
    return terminal.interactive ? await terminal.ask(question, { secret: true }) : undefined;
  };
}

/**
 * Gives lomo-backup's master key, from the variable that tool reads or by asking; at most once.
 *
 * @throws ColdframeError `key-missing` when there is none
 */
export function masterKeyAsker(terminal: Terminal): () => Promise<string> {
  return onceGiven(terminal, "LOMOB_MASTER_KEY", "Master key of lomo-backup: ");
}

/** Gives the passphrase of gpg files, from the environment or by asking; at most once. */
export function gpgPassphraseAsker(terminal: Terminal): () => Promise<string> {
  return onceGiven(terminal, "COLDFRAME_GPG_PASSPHRASE", "Passphrase of the gpg files: ");
}

function onceGiven(terminal: Terminal, variable: string, question: string): () => Promise<string> {
  let found: Promise<string> | undefined;
  return () => found ??= given(terminal, variable, question);
}

async function given(terminal: Terminal, variable: string, question: string): Promise<string> {
  const value = terminal.env[variable] ||
    (terminal.interactive ? await terminal.ask(question, { secret: true }) : undefined);
  if (value !== undefined && value !== "") return value;
  throw new ColdframeError("key-missing", `${question.replace(/: $/, "")}: none was given`, {
    hint: `Give it in the environment variable ${variable}, or run on a terminal.`,
  });
}

/**
 * Asks for a new passphrase, twice.
 *
 * @throws ColdframeError `passphrase` when there is none, or the two differ
 */
export async function newPassphrase(terminal: Terminal): Promise<string> {
  const given = terminal.env["COLDFRAME_PASSPHRASE"];
  if (given !== undefined && given !== "") return given;
  if (!terminal.interactive) {
    throw new ColdframeError("passphrase", "no passphrase was given", {
      hint: "Set COLDFRAME_PASSPHRASE, or run on a terminal.",
    });
  }
  const first = await terminal.ask("New passphrase: ", { secret: true });
  const second = await terminal.ask("The same again: ", { secret: true });
  if (first === undefined || first === "") throw new ColdframeError("passphrase", "the passphrase is empty");
  if (first !== second) {
    throw new ColdframeError("passphrase", "the two passphrases differ", { hint: "Try again." });
  }
  return first;
}
