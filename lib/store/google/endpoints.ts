/**
 * Where Google is.
 *
 * Each address may be set by an environment variable, so that tests can put a server of theirs in its place:
 *
 *     COLDFRAME_GOOGLE_API_URL      instead of https://www.googleapis.com
 *     COLDFRAME_GOOGLE_AUTH_URL     instead of auth_uri of credentials.json
 *     COLDFRAME_GOOGLE_TOKEN_URL    instead of token_uri of credentials.json or of the key file
 *     COLDFRAME_GOOGLE_REVOKE_URL   instead of https://oauth2.googleapis.com/revoke
 */

import { StoreError } from "../../errors.ts";

/** The addresses that take part in a sign-in and in the use of Drive. */
export interface Endpoints {
  /** Scheme and host of the API, without a slash at the end. */
  readonly api: string;
  readonly auth: string;
  readonly token: string;
  readonly revoke: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The addresses to use.
 *
 * @param named what credentials.json or a key file says
 * @throws StoreError `store-denied` for an address that would send secrets in the clear to another machine
 */
export function endpoints(
  env: Environment,
  named: { readonly authUri?: string | undefined; readonly tokenUri?: string | undefined } = {},
): Endpoints {
  const choose = (name: string, said: string | undefined, usual: string) =>
    assertPrivate(env[name] || said || usual);
  return {
    api: choose("COLDFRAME_GOOGLE_API_URL", undefined, "https://www.googleapis.com").replace(/\/+$/, ""),
    auth: choose("COLDFRAME_GOOGLE_AUTH_URL", named.authUri, "https://accounts.google.com/o/oauth2/v2/auth"),
    token: choose("COLDFRAME_GOOGLE_TOKEN_URL", named.tokenUri, "https://oauth2.googleapis.com/token"),
    revoke: choose("COLDFRAME_GOOGLE_REVOKE_URL", undefined, "https://oauth2.googleapis.com/revoke"),
  };
}

/** Tokens and secrets go to these addresses: TLS, or this very machine. */
function assertPrivate(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const local = url?.protocol === "http:" && ["127.0.0.1", "[::1]", "localhost"].includes(url.hostname);
  if (url?.protocol !== "https:" && !local) {
    throw new StoreError("store-denied", `not an https address for Google: ${address}`, {
      hint: "Correct the COLDFRAME_GOOGLE_… variable, or download credentials.json again.",
    });
  }
  return address;
}
