/** Looking at a sign-in, and ending it. */

import { type GoogleContext, readOAuthClient, readServiceAccount } from "./credentials.ts";
import { endpoints } from "./endpoints.ts";
import { revokeGrant } from "./grants.ts";
import { TESTING_GRANT } from "./source.ts";
import { readToken, removeToken } from "./tokenfile.ts";

/** Who coldframe is to Google. Times are ms since 1970. */
export type SignInState =
  | { readonly kind: "none" }
  | { readonly kind: "service-account"; readonly account: string; readonly subject: string | undefined }
  | {
    readonly kind: "user";
    readonly account: string | undefined;
    readonly scopes: readonly string[];
    /** When the access token ends; it is renewed by itself. */
    readonly accessExpires: number;
    readonly granted: number;
    /** Since the sign-in, in ms. */
    readonly age: number;
    /** When Google said that the grant ends; undefined where it said nothing. */
    readonly grantExpires: number | undefined;
    /** What will bite, in one line; undefined when nothing will. */
    readonly warning: string | undefined;
  };

/** The state of the sign-in, from the files alone: nothing is asked of Google. */
export async function signInState(context: GoogleContext): Promise<SignInState> {
  const key = await readServiceAccount(context);
  if (key !== undefined) {
    const subject = context.env["COLDFRAME_GOOGLE_SUBJECT"] || undefined;
    return { kind: "service-account", account: key.clientEmail, subject };
  }
  const token = await readToken(context);
  if (token === undefined) return { kind: "none" };
  const age = context.now() - token.granted;
  return {
    kind: "user",
    account: token.account,
    scopes: token.scopes,
    accessExpires: token.accessExpires,
    granted: token.granted,
    age,
    grantExpires: token.grantExpires,
    warning: warning(token.granted, token.grantExpires, context.now()),
  };
}

/** When the sign-in in use ends by itself, where Google said so; undefined where it goes on. */
export async function signInEnd(
  context: GoogleContext,
): Promise<{ readonly time: number; readonly warning: string } | undefined> {
  const state = await signInState(context);
  if (state.kind !== "user" || state.grantExpires === undefined || state.warning === undefined) {
    return undefined;
  }
  return { time: state.grantExpires, warning: state.warning };
}

/**
 * Google tells an app nothing of its project's publishing status, but a sign-in that outlived a week
 * was not made in Testing.
 */
function warning(granted: number, grantExpires: number | undefined, now: number): string | undefined {
  const wayOut = "set the publishing status to “In production” and sign in again";
  if (grantExpires !== undefined) {
    const when = day(grantExpires);
    return grantExpires <= now
      ? `the sign-in ended on ${when}: ${wayOut}`
      : `the sign-in ends on ${when}: ${wayOut}`;
  }
  if (now - granted >= TESTING_GRANT) return undefined;
  return `if the Google project is in Testing, the sign-in ends on ${
    day(granted + TESTING_GRANT)
  }: ${wayOut}`;
}

function day(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

/**
 * Ends the sign-in: at Google first, so that no forgotten token lives on, then here.
 *
 * @returns false when nobody was signed in
 * @throws StoreError when Google cannot be reached; the sign-in then stays, so that it can be ended later
 */
export async function signOut(context: GoogleContext): Promise<boolean> {
  const token = await readToken(context);
  if (token === undefined) return false;
  const client = await readOAuthClient(context).catch(() => undefined);
  await revokeGrant(context, endpoints(context.env, client).revoke, token.refreshToken);
  await removeToken(context);
  return true;
}
