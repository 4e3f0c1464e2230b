/** Access tokens of a service account: a signed assertion instead of a user (RFC 7523). */

import { importPKCS8, SignJWT } from "jose";
import { messageOf, StoreError } from "../../errors.ts";
import type { GoogleContext, ServiceAccountKey } from "./credentials.ts";
import { endpoints } from "./endpoints.ts";
import { assertionGrant, type Granted } from "./grants.ts";

/** What Google allows at most, in seconds. */
const ASSERTION_LIFETIME = 3600;

/**
 * Asks for an access token.
 *
 * @param subject the user to act for, where a Workspace admin delegated the domain to this account
 * @throws StoreError `store-denied` when the key or the account is refused
 */
export async function serviceAccountGrant(
  context: GoogleContext,
  key: ServiceAccountKey,
  scopes: readonly string[],
  subject: string | undefined,
): Promise<Granted> {
  const tokenUrl = endpoints(context.env, key).token;
  // The audience is Google's own address even where a proxy stands before it.
  const audience = key.tokenUri ?? tokenUrl;
  const assertion = await signAssertion(key, audience, scopes, subject, context.now());
  try {
    return await assertionGrant(context, tokenUrl, assertion);
  } catch (error) {
    throw explain(error, key, subject);
  }
}

async function signAssertion(
  key: ServiceAccountKey,
  audience: string,
  scopes: readonly string[],
  subject: string | undefined,
  now: number,
): Promise<string> {
  const issued = Math.floor(now / 1000);
  const jwt = new SignJWT({ scope: scopes.join(" ") })
    .setProtectedHeader({
      alg: "RS256",
      typ: "JWT",
      ...(key.privateKeyId === undefined ? {} : { kid: key.privateKeyId }),
    })
    .setIssuer(key.clientEmail)
    .setAudience(audience)
    .setIssuedAt(issued)
    .setExpirationTime(issued + ASSERTION_LIFETIME);
  if (subject !== undefined) jwt.setSubject(subject);
  return await jwt.sign(await privateKey(key));
}

async function privateKey(key: ServiceAccountKey): Promise<CryptoKey> {
  try {
    return await importPKCS8(key.privateKey, "RS256");
  } catch (error) {
    throw new StoreError("store-denied", `the private key of ${key.clientEmail} cannot be read`, {
      hint: "Download a new key for the service account.",
      cause: messageOf(error),
    });
  }
}

function explain(error: unknown, key: ServiceAccountKey, subject: string | undefined): unknown {
  if (!(error instanceof StoreError) || error.code !== "store-denied") return error;
  const hint = subject === undefined
    ? "See in the Google console whether the account and this key still exist, and whether this machine's " +
      "clock is right."
    : `A Workspace admin must delegate the domain to this account, for this scope, before it may act for ${subject}.`;
  return new StoreError("store-denied", `${key.clientEmail}: ${error.message}`, { hint, cause: error.cause });
}
