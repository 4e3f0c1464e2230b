/**
 * What a channel is: the one interface behind mail, ntfy and webhook. A channel sends one message and says
 * whether it was taken. It keeps nothing and repeats nothing: the outbox of the catalog does.
 */

import { ColdframeError, type ErrorDetails } from "../errors.ts";

/** What a message is about. */
export type MessageKind = "opened" | "reminder" | "closed" | "digest" | "test";

/** A problem, as programs read it in a webhook. Times are ms since 1970. */
export interface Problem {
  readonly scope: string;
  readonly name: string;
  readonly kind: string;
  readonly severity: "damage" | "warning";
  readonly message: string;
  readonly hint: string | undefined;
  /** The files it touches, as `<source name>/<path>`. */
  readonly files: readonly string[];
  readonly opened: number;
  /** When it was over; undefined while it is not. */
  readonly closed: number | undefined;
}

/** Something to tell a person. */
export interface Message {
  /** Names the message: letters, digits and `-`. The same when it is sent again after a crash. */
  readonly id: string;
  readonly kind: MessageKind;
  readonly urgency: "high" | "normal" | "low";
  /** When it was written, in ms since 1970. */
  readonly time: number;
  /** One line. */
  readonly subject: string;
  /** Plain text, lines of any length that end with `\n`. */
  readonly text: string;
  readonly problems: readonly Problem[];
}

/** The kinds of channels. */
export type ChannelName = "mail" | "ntfy" | "webhook";

/** A way to reach a person. */
export interface Channel {
  readonly name: ChannelName;
  /** Where it goes, without anything secret. */
  readonly place: string;
  /**
   * Sends one message and returns once the other side has taken it.
   *
   * @throws NotifyError when it was not taken; ColdframeError `config` when a secret is missing or can be
   *   read by others
   */
  send(message: Message): Promise<void>;
}

/** What channels need from the world around them. */
export interface NotifyContext {
  /** Environment variables: where secrets come from first. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The absolute path of the home; files of secrets are named from there. */
  readonly home: string;
  readonly fetch: typeof fetch;
  readonly signal: AbortSignal;
  /** ms since 1970. */
  now(): number;
}

/** A message that was not taken. Says where, never with which address or secret. */
export class NotifyError extends ColdframeError {
  override readonly name = "NotifyError";
  /**
   * `refused` when the other side was reached and will not have this very message; with `failed` no other
   * message would have fared better.
   */
  readonly reason: "refused" | "failed";

  constructor(reason: "refused" | "failed", message: string, details: ErrorDetails = {}) {
    super("alert", message, details);
    this.reason = reason;
  }
}

/** How long a channel waits for an answer, in ms. Runs wait for it, so not long. */
export const PATIENCE = 30_000;

/** Text on one line: what would end a header or forge another line becomes a space. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, " ").trim();
}
