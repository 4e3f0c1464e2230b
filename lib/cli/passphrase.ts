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
