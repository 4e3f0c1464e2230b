/** Where the access token of each request comes from. */

import { hasCode, StoreError } from "../../errors.ts";
import { type GoogleContext, type OAuthClient, readOAuthClient, readServiceAccount } from "./credentials.ts";
import { endpoints } from "./endpoints.ts";
import { type Granted, GrantRefused, refreshGrant } from "./grants.ts";
import { serviceAccountGrant } from "./service.ts";
import { readToken, type StoredToken, writeToken } from "./tokenfile.ts";

/** Sees only the files that coldframe made itself. */
export const DRIVE_FILE_SCOPE = "https://www.googleapis.com/auth/drive.file";
/** Sees the whole Drive, and changes nothing: for what other programs put there. */
export const DRIVE_READ_SCOPE = "https://www.googleapis.com/auth/drive.readonly";
/** Sees the whole Drive; what a service account needs to find a shared drive. */
export const DRIVE_SCOPE = "https://www.googleapis.com/auth/drive";

/** A token is renewed this long before it ends, in ms, so that none ends on its way to Google. */
const SKEW = 5 * 60_000;

const DAY = 86_400_000;
/** How long Google keeps a sign-in of a project whose publishing status is Testing, in ms. */
export const TESTING_GRANT = 7 * DAY;

/** Hands out access tokens and renews them. */
export interface TokenSource {
  readonly kind: "user" | "service-account";
  /**
   * A token that is good for some minutes more.
   *
   * @throws StoreError `store-denied` when there is no sign-in, or Google ended it
   */
  accessToken(): Promise<string>;
  /** Says that Google refused this token although its time was not up; the next one will be new. */
  refused(token: string): void;
}

/** The service account that the environment names, else the sign-in kept in the home. */
export async function openTokenSource(context: GoogleContext): Promise<TokenSource> {
  const key = await readServiceAccount(context);
  if (key === undefined) return new Renewing("user", context, new UserGrant(context));
  const scopes = (context.env["COLDFRAME_GOOGLE_SCOPE"] || DRIVE_SCOPE).split(/[\s,]+/);
  const subject = context.env["COLDFRAME_GOOGLE_SUBJECT"] || undefined;
  const renew = () => serviceAccountGrant(context, key, scopes, subject);
  return new Renewing("service-account", context, { current: () => Promise.resolve(undefined), renew });
}

type Access = Pick<Granted, "accessToken" | "accessExpires">;

interface Grant {
  /** The token of an earlier run, if one is kept. */
  current(): Promise<Access | undefined>;
  renew(): Promise<Access>;
}

/** Keeps one token and renews it, however many requests ask at once. */
class Renewing implements TokenSource {
  #access: Access | undefined;
  #refused = new Set<string>();
  #renewal: Promise<Access> | undefined;

  constructor(
    readonly kind: TokenSource["kind"],
    private readonly context: GoogleContext,
    private readonly grant: Grant,
  ) {}

  async accessToken(): Promise<string> {
    if (this.#usable(this.#access)) return this.#access.accessToken;
    this.#renewal ??= this.#renew().finally(() => {
      this.#renewal = undefined;
    });
    return (await this.#renewal).accessToken;
  }

  refused(token: string): void {
    this.#refused.add(token);
  }

  #usable(access: Access | undefined): access is Access {
    if (access === undefined || this.#refused.has(access.accessToken)) return false;
    return access.accessExpires - SKEW > this.context.now();
  }

  /** Another process may have renewed the kept token meanwhile, so that is looked at first. */
  async #renew(): Promise<Access> {
    const kept = await this.grant.current();
    const access = this.#usable(kept) ? kept : await this.grant.renew();
    this.#access = access;
    return access;
  }
}

/** The grant of a user who signed in, kept in the home. */
class UserGrant implements Grant {
  constructor(private readonly context: GoogleContext) {}

  async current(): Promise<Access | undefined> {
    return await readToken(this.context);
  }

  async renew(): Promise<Access> {
    const client = await readOAuthClient(this.context);
    return await renewSignIn(this.context, client);
  }
}

/**
 * Renews the kept sign-in now, whether or not its time is up.
 *
 * @throws StoreError `store-denied` when nobody is signed in, or Google ended the grant
 */
export async function renewSignIn(context: GoogleContext, client: OAuthClient): Promise<StoredToken> {
  const kept = await readToken(context);
  if (kept === undefined) throw signedOut();
  if (kept.clientId !== client.clientId) throw otherClient();
  const { token } = endpoints(context.env, client);
  let granted: Granted;
  try {
    granted = await refreshGrant(context, token, client, kept.refreshToken);
  } catch (error) {
    throw explainEnd(error, kept, context.now());
  }
  const renewed = { ...kept, ...renewal(granted, kept) };
  await writeToken(context, renewed);
  return renewed;
}

/** What a renewal changes. Google may hand out a new refresh token, and need not repeat the rest. */
function renewal(granted: Granted, kept: StoredToken): Partial<StoredToken> {
  return {
    accessToken: granted.accessToken,
    accessExpires: granted.accessExpires,
    refreshToken: granted.refreshToken ?? kept.refreshToken,
    grantExpires: granted.grantExpires ?? kept.grantExpires,
    scopes: granted.scopes.length > 0 ? granted.scopes : kept.scopes,
  };
}

function signedOut(): StoreError {
  return new StoreError("store-denied", "nobody is signed in to Google", {
    hint: "Sign in with: coldframe auth google",
  });
}

function otherClient(): StoreError {
  return new StoreError("store-denied", "the Google sign-in belongs to another OAuth client", {
    hint: "credentials.json was exchanged since; sign in again with: coldframe auth google",
  });
}

/** `invalid_grant` at a refresh means one thing: the grant is over. */
function explainEnd(error: unknown, kept: StoredToken, now: number): unknown {
  if (!hasCode(error, "store-denied")) return error;
  if (!(error.cause instanceof GrantRefused)) return error;
  if (error.cause.error === "invalid_grant") return grantEnded(kept, now, error.cause);
  if (error.cause.error !== "invalid_client") return error;
  return new StoreError(
    "store-denied",
    "Google does not know the OAuth client of credentials.json any more",
    {
      hint: "Make a new client of the type “Desktop app”, save its JSON, and sign in again.",
      cause: error.cause,
    },
  );
}

/** How long it lived tells the likely reason: a grant that was renewed after its first week was not in Testing. */
function grantEnded(kept: StoredToken, now: number, cause: GrantRefused): StoreError {
  const days = Math.max(0, Math.floor((now - kept.granted) / DAY));
  const outlived = kept.accessExpires - kept.granted > TESTING_GRANT + DAY / 2;
  const testing = kept.grantExpires !== undefined || (!outlived && days >= 6);
  const why = testing
    ? "Projects whose publishing status is Testing lose every sign-in after seven days: set it to “In production” " +
      "(console.cloud.google.com, Google Auth Platform, Audience), then sign in again: coldframe auth google"
    : "It was revoked, not used for six months, or ended by a new password. Sign in again: coldframe auth google";
  return new StoreError("store-denied", `Google ended the sign-in of ${days} days ago (invalid_grant)`, {
    hint: why,
    cause,
  });
}
