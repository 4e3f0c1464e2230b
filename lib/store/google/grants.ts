/** The token endpoint (RFC 6749 §4.1.3, §5, §6; RFC 7523 §2.1) and revocation (RFC 7009). */

import { messageOf, StoreError } from "../../errors.ts";
import type { GoogleContext, OAuthClient } from "./credentials.ts";
import { type JsonObject, numberAt, parseObject, textAt } from "./json.ts";

/** What a token endpoint gave. Times are ms since 1970. */
export interface Granted {
  readonly accessToken: string;
  readonly accessExpires: number;
  readonly refreshToken: string | undefined;
  /** When Google ends the grant by itself: for projects in Testing, and for time-limited consent. */
  readonly grantExpires: number | undefined;
  readonly scopes: readonly string[];
}

/** Trades the code of a redirect for tokens. */
export function exchangeCode(
  context: GoogleContext,
  tokenUrl: string,
  client: OAuthClient,
  answer: { readonly code: string; readonly verifier: string; readonly redirectUri: string },
): Promise<Granted> {
  return askForToken(context, tokenUrl, {
    grant_type: "authorization_code",
    ...clientFields(client),
    code: answer.code,
    code_verifier: answer.verifier,
    redirect_uri: answer.redirectUri,
  });
}

/** Trades a refresh token for a new access token. */
export function refreshGrant(
  context: GoogleContext,
  tokenUrl: string,
  client: OAuthClient,
  refreshToken: string,
): Promise<Granted> {
  return askForToken(context, tokenUrl, {
    grant_type: "refresh_token",
    ...clientFields(client),
    refresh_token: refreshToken,
  });
}

/** Trades a signed assertion of a service account for an access token. */
export function assertionGrant(
  context: GoogleContext,
  tokenUrl: string,
  assertion: string,
): Promise<Granted> {
  return askForToken(context, tokenUrl, {
    grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
    assertion,
  });
}

/** Ends a grant at Google. A grant that is gone already counts as ended. */
export async function revokeGrant(context: GoogleContext, revokeUrl: string, token: string): Promise<void> {
  const response = await postForm(context, revokeUrl, { token });
  const body = await bodyText(response);
  if (response.ok) return;
  // Google's answer for a token it does not know (any more); RFC 7009 §2.2 would have it be 200.
  if (response.status === 400 && textAt(parseObject(body), "error") === "invalid_token") return;
  throw refusal(response, parseObject(body));
}

/** The code of an OAuth error (RFC 6749 §5.2) under one of ours, for those who explain it further. */
export class GrantRefused extends Error {
  readonly error: string;

  constructor(error: string, description: string | undefined) {
    super(description === undefined ? error : `${error}: ${description}`);
    this.error = error;
  }
}

function clientFields(client: OAuthClient): Record<string, string> {
  return {
    client_id: client.clientId,
    ...(client.clientSecret === undefined ? {} : { client_secret: client.clientSecret }),
  };
}

async function askForToken(
  context: GoogleContext,
  tokenUrl: string,
  form: Record<string, string>,
): Promise<Granted> {
  const asked = context.now();
  const response = await postForm(context, tokenUrl, form);
  const body = parseObject(await bodyText(response));
  if (!response.ok) throw refusal(response, body);
  const accessToken = textAt(body, "access_token");
  if (accessToken === undefined) {
    throw new StoreError("store-protocol", `${new URL(tokenUrl).host} answered without an access token`);
  }
  const lasts = numberAt(body, "refresh_token_expires_in");
  return {
    accessToken,
    // RFC 6749 §5.1 lets a server leave the lifetime out; Google never does, and five minutes is safe.
    accessExpires: asked + (numberAt(body, "expires_in") ?? 300) * 1000,
    refreshToken: textAt(body, "refresh_token"),
    grantExpires: lasts === undefined ? undefined : asked + lasts * 1000,
    scopes: textAt(body, "scope")?.split(" ") ?? [],
  };
}

async function postForm(
  context: GoogleContext,
  url: string,
  form: Record<string, string>,
): Promise<Response> {
  try {
    return await context.fetch(url, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded", accept: "application/json" },
      body: new URLSearchParams(form).toString(),
      redirect: "error",
      signal: patience(context),
    });
  } catch (error) {
    throw unreachable(context, url, error);
  }
}

/** Ends a request when the run shall stop, or when Google has been silent for a minute. */
export function patience(context: GoogleContext): AbortSignal {
  const late = AbortSignal.timeout(60_000);
  return context.signal === undefined ? late : AbortSignal.any([late, context.signal]);
}

async function bodyText(response: Response): Promise<string> {
  try {
    return await response.text();
  } catch (error) {
    throw new StoreError("store-unreachable", `Google's answer broke off: ${messageOf(error)}`, {
      cause: error,
      transient: true,
    });
  }
}

/** A failed `fetch`: the reason of the abort when the run shall stop, else trouble that may pass. */
function unreachable(context: GoogleContext, url: string, error: unknown): unknown {
  if (context.signal?.aborted === true) return context.signal.reason;
  return new StoreError("store-unreachable", `cannot reach ${new URL(url).host}: ${messageOf(error)}`, {
    cause: error,
    transient: true,
  });
}

function refusal(response: Response, body: JsonObject | undefined): StoreError {
  const error = textAt(body, "error") ?? `HTTP ${response.status}`;
  const cause = new GrantRefused(error, textAt(body, "error_description"));
  if (response.status >= 500 || response.status === 429) {
    const message = `Google's sign-in is in trouble (${cause.message})`;
    return new StoreError("store-unreachable", message, { cause, transient: true });
  }
  return new StoreError("store-denied", `Google refused the sign-in (${cause.message})`, { cause });
}
