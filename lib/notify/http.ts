/** Requests of the channels that speak HTTP. No message of an error holds an address: it may be a key. */

import { ColdframeError, systemCode } from "../errors.ts";
import { type NotifyContext, NotifyError, PATIENCE } from "./channel.ts";
import { readSecret, type SecretPlace } from "./secret.ts";
import { isLoopback } from "./settings.ts";

/** One request. */
export interface Call {
  readonly method: "GET" | "POST";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/**
 * Sends a request and returns when it was answered with success. Redirects are not followed: they would
 * carry the message, and the secret with it, to where the settings do not say.
 *
 * @param who names the other side in errors, such as "ntfy at push.example.org"
 * @throws NotifyError
 */
export async function call({ fetch, signal }: NotifyContext, who: string, request: Call): Promise<void> {
  const { method, url, headers, body } = request;
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
      redirect: "manual",
      signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]),
    });
    await response.arrayBuffer();
  } catch (error) {
    signal.throwIfAborted();
    // The runtimes' own messages name the whole address, so neither they nor the error itself go on.
    throw new NotifyError("failed", `${who} cannot be reached${reasonOf(error)}`, {
      hint: "Check the address and the network. The message is kept and sent later.",
    });
  }
  if (!response.ok) throw refusal(who, response.status);
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  if (error.name === "TimeoutError") return `: no answer within ${PATIENCE / 1000} seconds`;
  const code = systemCode(error) ?? systemCode(error.cause);
  return code === undefined ? "" : ` (${code})`;
}

function refusal(who: string, status: number): NotifyError {
  const answer = `${who} answered ${status}`;
  if (status === 401 || status === 403) {
    return new NotifyError("failed", answer, {
      hint: "Its token or secret is wrong or may not write there.",
    });
  }
  if (status === 404 || status === 410) {
    return new NotifyError("failed", answer, { hint: "Nothing is at that address (any more)." });
  }
  if (status >= 300 && status < 400) {
    return new NotifyError("failed", `${answer}, a redirect`, { hint: "Set the address it leads to." });
  }
  const isTheMessage = status === 400 || status === 413 || status === 422;
  return new NotifyError(isTheMessage ? "refused" : "failed", answer);
}

/**
 * The address of a channel: its secret place first, then what the settings say.
 *
 * @throws ColdframeError `config` when there is none, or it is no web address
 */
export async function addressOf(
  context: NotifyContext,
  place: SecretPlace,
  set: string | undefined,
): Promise<URL> {
  const text = await readSecret(context, place) ?? set;
  if (text === undefined) {
    throw new ColdframeError("config", `${place.what} is not set`, {
      hint: `Set ${place.variable}, or name a file that holds it in config.toml.`,
    });
  }
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return new URL(text);
  throw new ColdframeError("config", `${place.what} is not a web address`, {
    hint: "It begins with https://",
  });
}

/** The host of an address of the settings, for people to read; undefined where there is none. */
export function hostOf(set: string | undefined): string | undefined {
  return set !== undefined && URL.canParse(set) ? new URL(set).host : undefined;
}

/**
 * The secret that goes with a request to `url`, if one is set.
 *
 * @throws ColdframeError `config` as `readSecret`, and where anybody on the way could read it
 */
export async function secretFor(
  url: URL,
  context: NotifyContext,
  place: SecretPlace,
): Promise<string | undefined> {
  const secret = await readSecret(context, place);
  if (secret === undefined || url.protocol === "https:" || isLoopback(url.hostname)) return secret;
  throw new ColdframeError("config", `${place.what} is not sent to ${url.host} without encryption`, {
    hint: "Use an https: address.",
  });
}
