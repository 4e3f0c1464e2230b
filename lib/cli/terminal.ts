/**
 * What coldframe writes and where:
 *
 * - Results go to standard output; progress, remarks and errors go to standard error, so that a pipe
 *   gets results only.
 * - With `--json`, standard output holds JSON and nothing else.
 * - Colour and a moving progress line only on a terminal, and no colour under NO_COLOR (no-color.org).
 * - A remark about trouble starts with "Warning:", an error with "Error:", what to do with "→".
 */

import { styleText } from "node:util";
import { messageOf } from "../errors.ts";
import { printable } from "./format.ts";
import { hintFor } from "./hints.ts";

/** The outside world of a command. Tests bring their own. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** Whether standard error is a terminal, so that progress may move. */
  readonly live: boolean;
  /** Whether standard input is a terminal, so that questions may be asked. */
  readonly interactive: boolean;
  readonly colour: boolean;
  /** Characters in a line of standard output; undefined where that is no terminal. */
  readonly columns?: number | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Asks one question; undefined at the end of input. */
  ask(question: string, options?: { secret?: boolean }): Promise<string | undefined>;
  /** All of standard input, where that is no terminal. */
  input(): Promise<string>;
  now(): number;
  /** Calls back at each SIGHUP instead of ending; returns how to stop that. */
  onHangup(listener: () => void): () => void;
  readonly signal: AbortSignal;
}

type Style = "bold" | "dim" | "red" | "green" | "yellow";

/** Text in a style, where the terminal shows styles. */
export function styled(terminal: Terminal, style: Style, text: string): string {
  return terminal.colour ? styleText(style, text, { validateStream: false }) : text;
}

/** One line of a result. */
export function line(terminal: Terminal, text = ""): void {
  terminal.out(text + "\n");
}

/** One line about trouble that did not stop the command. */
export function warn(terminal: Terminal, text: string): void {
  terminal.err(`${styled(terminal, "yellow", "Warning:")} ${printable(text)}\n`);
}

/** One value as JSON, on one line. What is not known is null, so that the same keys are always there. */
export function json(terminal: Terminal, value: unknown): void {
  terminal.out(JSON.stringify(value, (_, part: unknown) => part === undefined ? null : part) + "\n");
}

/** An error as the user shall see it; with `debug`, the stack and what was underneath, too. */
export function showError(terminal: Terminal, error: unknown, debug: boolean): void {
  complain(terminal, messageOf(error), hintFor(error));
  if (debug) terminal.err(stackOf(error) + "\n");
}

/** One line about what failed, and one about what to do. */
export function complain(terminal: Terminal, what: string, hint: string): void {
  terminal.err(`${styled(terminal, "red", "Error:")} ${printable(what)}\n→ ${printable(hint)}\n`);
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.stack ?? error.message;
  return error.cause === undefined ? own : `${own}\ncaused by: ${stackOf(error.cause)}`;
}
