/** Signing in as a user: the installed-app flow of Google, with a browser here or on another machine. */

import { StoreError } from "../../errors.ts";
import { type Attempt, beginAttempt, pasteBack } from "./attempt.ts";
import { type GoogleContext, type OAuthClient, readOAuthClient } from "./credentials.ts";
import { type Endpoints, endpoints } from "./endpoints.ts";
import { exchangeCode, type Granted, patience } from "./grants.ts";
import { objectAt, parseObject, textAt } from "./json.ts";
import { listen, type Listener } from "./listener.ts";
import { DRIVE_FILE_SCOPE } from "./source.ts";
import { type StoredToken, writeToken } from "./tokenfile.ts";

/** How to sign in. */
export interface SignInOptions {
  /** Shows the address to the user: opens a browser, prints it, or both. */
  readonly show: (address: string) => void | Promise<void>;
  /** Asks for the redirect address, on machines without a browser; then nothing listens. */
  readonly paste?: () => Promise<string>;
  readonly scopes?: readonly string[];
  /** For clients that registered a port; else any free one. */
  readonly redirectPort?: number;
  /** For clients that registered a path; else `/`. */
  readonly redirectPath?: string;
  /** How long to wait for the browser, in seconds; 600 by default. */
  readonly timeout?: number;
}

/**
 * Signs a user in and keeps the sign-in in the home.
 *
 * @throws StoreError `store-denied` when the user, Google or the time-out says no
 */
export async function signIn(context: GoogleContext, options: SignInOptions): Promise<StoredToken> {
  const client = await readOAuthClient(context);
  const places = endpoints(context.env, client);
  const { attempt, code } = await askUser(context, client, places, options);
  const granted = await exchangeCode(context, places.token, client, {
    code,
    verifier: attempt.verifier,
    redirectUri: attempt.redirectUri,
  });
  const token = await keepable(context, client, places, granted, options);
  await writeToken(context, token);
  return token;
}

interface Consent {
  readonly attempt: Attempt;
  readonly code: string;
}

async function askUser(
  context: GoogleContext,
  client: OAuthClient,
  places: Endpoints,
  options: SignInOptions,
): Promise<Consent> {
  const redirect = redirectOf(client, options);
  const scopes = options.scopes ?? [DRIVE_FILE_SCOPE];
  const begin = (uri: URL) => beginAttempt(client, places.auth, redirectText(uri, client), scopes);
  if (options.paste !== undefined) {
    const attempt = begin(redirect);
    await options.show(attempt.address);
    return { attempt, code: pasteBack(attempt, await options.paste()) };
  }
  const listener = await listen(Number(redirect.port), redirect.pathname);
  try {
    redirect.port = String(listener.port);
    const attempt = begin(redirect);
    const waiting = waitFor(listener, attempt, context, options.timeout ?? 600);
    await Promise.all([waiting, options.show(attempt.address)]);
    return { attempt, code: await waiting };
  } finally {
    listener.close();
  }
}

/**
 * Where the browser shall go: as the options say, else a loopback address that the client registered
 * (a `web` client may use no other), else 127.0.0.1.
 */
function redirectOf(client: OAuthClient, options: SignInOptions): URL {
  const local = (uri: string) =>
    URL.canParse(uri) && /^(127\.0\.0\.1|localhost)$/.test(new URL(uri).hostname);
  const registered = client.kind === "web" ? client.redirectUris.find(local) : undefined;
  const url = new URL(registered ?? "http://127.0.0.1/");
  // Port 0 asks the system for a free one; when pasting, nothing listens and any number will do.
  const fallback = registered === undefined
    ? (options.paste === undefined ? 0 : 8085)
    : Number(url.port || 80);
  url.port = String(options.redirectPort ?? fallback);
  if (options.redirectPath !== undefined) url.pathname = options.redirectPath;
  return url;
}

/** Google compares redirect addresses letter by letter, so a registered one is given as it was written. */
function redirectText(url: URL, client: OAuthClient): string {
  const written = client.redirectUris.find((uri) => URL.canParse(uri) && new URL(uri).href === url.href);
  return written ?? (url.pathname === "/" ? url.origin : url.href);
}

function waitFor(
  listener: Listener,
  attempt: Attempt,
  context: GoogleContext,
  seconds: number,
): Promise<string> {
  // A timeout signal does not keep the process alive when the sign-in fails for another reason.
  const timeout = AbortSignal.timeout(seconds * 1000);
  const late = new StoreError("store-denied", `nobody signed in within ${seconds} seconds`, {
    hint: "Run `coldframe auth google` again; with --no-browser where no browser can open.",
  });
  return new Promise((resolve, reject) => {
    timeout.addEventListener("abort", () => reject(late), { once: true });
    context.signal?.addEventListener("abort", () => reject(context.signal?.reason), { once: true });
    listener.wait(attempt).then(resolve, reject);
  });
}

async function keepable(
  context: GoogleContext,
  client: OAuthClient,
  places: Endpoints,
  granted: Granted,
  options: SignInOptions,
): Promise<StoredToken> {
  if (granted.refreshToken === undefined) {
    throw new StoreError("store-denied", "Google gave no refresh token, so the sign-in would last an hour", {
      hint: "Remove coldframe's access at myaccount.google.com/connections, then sign in again.",
    });
  }
  const wanted = options.scopes ?? [DRIVE_FILE_SCOPE];
  const scopes = granted.scopes.length > 0 ? granted.scopes : wanted;
  // On Google's consent page single scopes can be unticked.
  if (!wanted.every((scope) => scopes.includes(scope))) {
    throw new StoreError("store-denied", "the sign-in lacks the access to Drive", {
      hint: "Sign in again and leave every box on Google's page ticked.",
    });
  }
  return {
    clientId: client.clientId,
    refreshToken: granted.refreshToken,
    accessToken: granted.accessToken,
    accessExpires: granted.accessExpires,
    scopes,
    granted: context.now(),
    grantExpires: granted.grantExpires,
    account: await accountOf(context, places.api, granted.accessToken),
  };
}

/** The user's address, for `state` to show. A sign-in is no worse without it. */
async function accountOf(
  context: GoogleContext,
  api: string,
  accessToken: string,
): Promise<string | undefined> {
  try {
    const response = await context.fetch(`${api}/drive/v3/about?fields=user(emailAddress)`, {
      headers: { authorization: `Bearer ${accessToken}` },
      redirect: "error",
      signal: patience(context),
    });
    const body = parseObject(await response.text());
    return textAt(objectAt(body, "user"), "emailAddress");
  } catch {
    return undefined;
  }
}
