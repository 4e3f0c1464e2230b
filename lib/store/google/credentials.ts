/**
 * The two kinds of credentials that the Google console hands out, and where coldframe looks for them:
 *
 *     <home>/google/credentials.json    the OAuth client, for signing in as a user
 *     <home>/google/token.json          the sign-in (`tokenfile.ts`)
 *     GOOGLE_APPLICATION_CREDENTIALS    path of a service account's key; when set, it is used instead
 *     COLDFRAME_GOOGLE_SUBJECT          the user a service account acts for (domain-wide delegation)
 *     COLDFRAME_GOOGLE_SCOPE            scopes of a service account; the whole Drive it sees by default
 */

import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, StoreError, systemCode } from "../../errors.ts";
import { makeFolder, writeFileDurably } from "../../files.ts";
import type { StoreContext } from "../context.ts";
import { objectAt, parseObject, textAt, textsAt } from "./json.ts";

/** What this part needs from the world around it. */
export type GoogleContext = StoreContext;

/** An OAuth client: credentials.json as the console downloads it. */
export interface OAuthClient {
  /** `installed` may use any port of 127.0.0.1; `web` only the redirect addresses it registered. */
  readonly kind: "installed" | "web";
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  readonly projectId: string | undefined;
  readonly authUri: string | undefined;
  readonly tokenUri: string | undefined;
  readonly redirectUris: readonly string[];
}

/** The key of a service account, as the console downloads it. */
export interface ServiceAccountKey {
  readonly clientEmail: string;
  /** PKCS #8, PEM. */
  readonly privateKey: string;
  readonly privateKeyId: string | undefined;
  readonly tokenUri: string | undefined;
}

/** The folder of Google's files in a home. */
export function googleFolder(context: GoogleContext): string {
  if (context.home === undefined) {
    throw new StoreError("store-denied", "a Google sign-in needs a home to keep it in", {
      hint: "Run `coldframe init`, or set GOOGLE_APPLICATION_CREDENTIALS to the key of a service account.",
    });
  }
  return join(context.home, "google");
}

/**
 * Reads `<home>/google/credentials.json`.
 *
 * @throws StoreError `store-denied` when it is missing or not what the console downloads
 */
export async function readOAuthClient(context: GoogleContext): Promise<OAuthClient> {
  const path = join(googleFolder(context), "credentials.json");
  const text = await readCredentials(path);
  if (text === undefined) {
    throw new StoreError("store-denied", `no Google OAuth client at ${path}`, {
      hint:
        "In console.cloud.google.com make an OAuth client of the type “Desktop app”, download its JSON, " +
        "and run: coldframe auth google --credentials FILE",
    });
  }
  return parseOAuthClient(text, path);
}

/**
 * Takes credentials.json, as the user downloaded it, into the home: whole, and for its owner alone.
 *
 * @param from path of the file
 * @throws StoreError `store-denied` when it is missing or not what the console downloads
 */
export async function keepOAuthClient(context: GoogleContext, from: string): Promise<OAuthClient> {
  const text = await readCredentials(from);
  if (text === undefined) throw new StoreError("store-denied", `there is no file ${from}`);
  const client = parseOAuthClient(text, from);
  const folder = googleFolder(context);
  await makeFolder(folder, 0o700);
  await writeFileDurably(join(folder, "credentials.json"), text, { mode: 0o600, replace: true });
  return client;
}

/** Parses credentials.json; `path` is only for the message. */
export function parseOAuthClient(text: string, path: string): OAuthClient {
  const file = parseObject(text);
  const installed = objectAt(file, "installed");
  const client = installed ?? objectAt(file, "web");
  const clientId = textAt(client, "client_id");
  if (client === undefined || clientId === undefined) {
    const hint = textAt(file, "type") === "service_account"
      ? "It is the key of a service account, which needs no sign-in: name it with GOOGLE_APPLICATION_CREDENTIALS."
      : "Download it from the Google console (Clients, Desktop app); it begins with “installed”.";
    throw new StoreError("store-denied", `${path} is not the JSON of an OAuth client`, { hint });
  }
  return {
    kind: installed === undefined ? "web" : "installed",
    clientId,
    clientSecret: textAt(client, "client_secret"),
    projectId: textAt(client, "project_id"),
    authUri: textAt(client, "auth_uri"),
    tokenUri: textAt(client, "token_uri"),
    redirectUris: textsAt(client, "redirect_uris"),
  };
}

/**
 * Reads the key that `GOOGLE_APPLICATION_CREDENTIALS` names; undefined when the variable is not set.
 *
 * @throws StoreError `store-denied` when the file is missing or is no key of a service account
 */
export async function readServiceAccount(context: GoogleContext): Promise<ServiceAccountKey | undefined> {
  const path = context.env["GOOGLE_APPLICATION_CREDENTIALS"];
  if (path === undefined || path === "") return undefined;
  const text = await readCredentials(path);
  if (text === undefined) {
    throw new StoreError("store-denied", `GOOGLE_APPLICATION_CREDENTIALS names ${path}, which is not there`);
  }
  await warnIfOpen(path, context);
  return parseServiceAccount(text, path);
}

/** Parses the key of a service account; `path` is only for the message. */
export function parseServiceAccount(text: string, path: string): ServiceAccountKey {
  const key = parseObject(text);
  const clientEmail = textAt(key, "client_email");
  const privateKey = textAt(key, "private_key");
  if (textAt(key, "type") !== "service_account" || clientEmail === undefined || privateKey === undefined) {
    throw new StoreError("store-denied", `${path} is not the JSON key of a service account`, {
      hint: "Make one in the Google console: IAM, Service accounts, Keys, Add key, JSON.",
    });
  }
  return {
    clientEmail,
    privateKey,
    privateKeyId: textAt(key, "private_key_id"),
    tokenUri: textAt(key, "token_uri"),
  };
}

async function readCredentials(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw new StoreError("store-denied", `cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** A key that others on the machine can read is still used, since refusing would stop the backup. */
async function warnIfOpen(path: string, context: GoogleContext): Promise<void> {
  const { mode } = await stat(path);
  if ((mode & 0o077) !== 0) context.warn(`${path} can be read by others on this machine: chmod 600 it`);
}
