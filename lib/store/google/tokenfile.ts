/** The sign-in as it is kept: `<home>/google/token.json`, mode 0600, always whole. */

import { randomBytes } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, StoreError, systemCode } from "../../errors.ts";
import { type GoogleContext, googleFolder } from "./credentials.ts";
import { numberAt, parseObject, textAt, textsAt } from "./json.ts";

/** A grant and the access token it last gave. Times are ms since 1970. */
export interface StoredToken {
  /** The OAuth client that the grant belongs to. */
  readonly clientId: string;
  readonly refreshToken: string;
  readonly accessToken: string;
  readonly accessExpires: number;
  readonly scopes: readonly string[];
  /** When the user signed in. */
  readonly granted: number;
  /** When Google says the grant ends by itself; undefined where it does not. */
  readonly grantExpires: number | undefined;
  /** The user's address, where Google told it. */
  readonly account: string | undefined;
}

function tokenPath(context: GoogleContext): string {
  return join(googleFolder(context), "token.json");
}

/**
 * The kept sign-in, or undefined when there is none.
 *
 * @throws StoreError `store-denied` when the file is there but cannot be used
 */
export async function readToken(context: GoogleContext): Promise<StoredToken | undefined> {
  const path = tokenPath(context);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw new StoreError("store-denied", `cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
  const token = parseToken(text);
  if (token === undefined) {
    throw new StoreError("store-denied", `${path} is damaged`, {
      hint: "Sign in again: coldframe auth google",
    });
  }
  return token;
}

function parseToken(text: string): StoredToken | undefined {
  const file = parseObject(text);
  const clientId = textAt(file, "client_id");
  const refreshToken = textAt(file, "refresh_token");
  const accessToken = textAt(file, "access_token");
  if (clientId === undefined || refreshToken === undefined || accessToken === undefined) return undefined;
  return {
    clientId,
    refreshToken,
    accessToken,
    accessExpires: numberAt(file, "access_expires") ?? 0,
    scopes: textsAt(file, "scopes"),
    granted: numberAt(file, "granted") ?? 0,
    grantExpires: numberAt(file, "grant_expires"),
    account: textAt(file, "account"),
  };
}

/** Writes the sign-in: a new file that nobody else can read, synced, then renamed over the old one. */
export async function writeToken(context: GoogleContext, token: StoredToken): Promise<void> {
  await mkdir(googleFolder(context), { recursive: true, mode: 0o700 });
  const path = tokenPath(context);
  const fresh = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    await writeSynced(fresh, tokenText(token));
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
}

async function writeSynced(path: string, text: string): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

function tokenText(token: StoredToken): string {
  const file = {
    client_id: token.clientId,
    refresh_token: token.refreshToken,
    access_token: token.accessToken,
    access_expires: token.accessExpires,
    scopes: token.scopes,
    granted: token.granted,
    grant_expires: token.grantExpires,
    account: token.account,
  };
  return JSON.stringify(file, null, 2) + "\n";
}

/** Removes the kept sign-in; harmless when there is none. */
export async function removeToken(context: GoogleContext): Promise<void> {
  await rm(tokenPath(context), { force: true });
}
