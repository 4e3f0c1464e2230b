/** One sign-in from its start to its code: state, PKCE and the redirect (RFC 6749 §4.1, RFC 7636, RFC 8252 §7.3). */

import { Buffer } from "node:buffer";
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { StoreError } from "../../errors.ts";
import { utf8 } from "../../bytes.ts";
import type { OAuthClient } from "./credentials.ts";

/** A sign-in that waits for its redirect. `state` and `verifier` are secrets until then. */
export interface Attempt {
  /** What the browser shall open. */
  readonly address: string;
  readonly redirectUri: string;
  readonly state: string;
  readonly verifier: string;
}

/**
 * Begins a sign-in.
 *
 * @param random gives bytes nobody can guess; 32 are asked for, twice
 */
export function beginAttempt(
  client: OAuthClient,
  authUrl: string,
  redirectUri: string,
  scopes: readonly string[],
  random: (length: number) => Uint8Array = randomBytes,
): Attempt {
  const verifier = base64url(random(32));
  const state = base64url(random(32));
  const address = new URL(authUrl);
  const fields = {
    response_type: "code",
    client_id: client.clientId,
    redirect_uri: redirectUri,
    scope: scopes.join(" "),
    state,
    code_challenge: codeChallenge(verifier),
    code_challenge_method: "S256",
    access_type: "offline",
    // Google gives a refresh token only with a consent; without this a second sign-in would have none.
    prompt: "consent",
  };
  for (const [name, value] of Object.entries(fields)) address.searchParams.set(name, value);
  return { address: address.href, redirectUri, state, verifier };
}

/** The S256 challenge of a verifier (RFC 7636 §4.2). */
export function codeChallenge(verifier: string): string {
  return createHash("sha256").update(verifier, "ascii").digest("base64url");
}

/** What a redirect says: its code, that it is not for us, or that the user or Google declined. */
export type Redirect =
  | { readonly kind: "code"; readonly code: string }
  | { readonly kind: "foreign" }
  | { readonly kind: "declined"; readonly error: StoreError };

/** Reads the query of a redirect. Nothing of it is believed unless its state is the one of this attempt. */
export function readRedirect(attempt: Attempt, query: URLSearchParams): Redirect {
  if (!sameText(query.get("state") ?? "", attempt.state)) return { kind: "foreign" };
  const error = query.get("error");
  if (error !== null) return { kind: "declined", error: declined(error) };
  const code = query.get("code");
  return code === null ? { kind: "foreign" } : { kind: "code", code };
}

/**
 * The code in a redirect address that the user pasted, for machines without a browser. Blanks and line
 * breaks that a terminal put in are taken out.
 *
 * @throws StoreError `store-denied` when it is not the redirect of this attempt, or the sign-in was declined
 */
export function pasteBack(attempt: Attempt, pasted: string): string {
  const address = pasted.replace(/\s+/g, "");
  const redirect = URL.canParse(address)
    ? readRedirect(attempt, new URL(address).searchParams)
    : { kind: "foreign" as const };
  if (redirect.kind === "code") return redirect.code;
  if (redirect.kind === "declined") throw redirect.error;
  throw new StoreError("store-denied", "that is not the address this sign-in was sent to", {
    hint: `Paste the whole address from the browser; it begins with ${attempt.redirectUri}?`,
  });
}

function declined(error: string): StoreError {
  const shown = /^[a-z_]{1,40}$/.test(error) ? error : "unknown error";
  const hint = shown === "access_denied"
    ? "Allow the access, or (if Google does not let you) add your address to the project's test users."
    : "Try again, and see in the Google console whether the OAuth client still exists.";
  return new StoreError("store-denied", `Google did not sign you in (${shown})`, { hint });
}

function sameText(a: string, b: string): boolean {
  const [x, y] = [utf8(a), utf8(b)];
  return x.length === y.length && timingSafeEqual(x, y);
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}
