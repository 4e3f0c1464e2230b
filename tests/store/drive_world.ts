/** A signed-in home and a Drive server for it, for the tests of the `gdrive:` store. */

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { StoreContext } from "../../lib/store/context.ts";
import { type DriveStoreOptions, openDrive } from "../../lib/store/drive/drive.ts";
import { DRIVE_FILE_SCOPE } from "../../lib/store/google/google.ts";
import { writeToken } from "../../lib/store/google/tokenfile.ts";
import type { Store } from "../../lib/store/store.ts";
import { type DriveServer, withDrive } from "../servers/drive/server.ts";
import type { Account, Client } from "../servers/drive/world.ts";
import { withFolder } from "../tools.ts";

/** All that a test of the store needs. */
export interface Setting {
  readonly server: DriveServer;
  readonly context: StoreContext;
  readonly home: string;
  readonly client: Client;
  readonly account: Account;
  /** What the store told the user. */
  readonly warnings: string[];
  /** Opens a store, making its folder. */
  open(url?: string, options?: DriveStoreOptions): Promise<Store>;
}

/** Runs a test with a Drive of its own, in which ada@example.com is signed in with scope drive.file. */
export async function withSetting(body: (setting: Setting) => Promise<void>): Promise<void> {
  await withDrive((server) => withFolder(async (home) => await body(await prepare(server, home))));
}

/** Makes an account, an OAuth client and a sign-in. */
export async function prepare(server: DriveServer, home: string): Promise<Setting> {
  const account = server.world.addUser("ada@example.com");
  const client = server.world.addClient("cold.apps.googleusercontent.com");
  const warnings: string[] = [];
  const context = contextOf(server, home, warnings);
  await keepClient(home, client);
  await signInAs(context, server, account.email, client);
  const open = (url = "gdrive:Coldframe", options: DriveStoreOptions = {}) =>
    openDrive(url, context, { create: true, ...options });
  return { server, context, home, client, account, warnings, open };
}

/** The surroundings of a store: the server's addresses and its clock. */
export function contextOf(server: DriveServer, home: string, warnings: string[] = []): StoreContext {
  return {
    env: googleEnv(server),
    fetch,
    now: () => server.world.now,
    home,
    warn: (message) => warnings.push(message),
  };
}

/** The variables that name the server instead of Google. */
export function googleEnv(server: DriveServer): Record<string, string> {
  return {
    COLDFRAME_GOOGLE_API_URL: server.origin,
    COLDFRAME_GOOGLE_AUTH_URL: `${server.origin}/o/oauth2/v2/auth`,
    COLDFRAME_GOOGLE_TOKEN_URL: `${server.origin}/token`,
    COLDFRAME_GOOGLE_REVOKE_URL: `${server.origin}/revoke`,
  };
}

/** Writes credentials.json as the Google console downloads it. */
export async function keepClient(
  home: string,
  client: Client,
  kind: "installed" | "web" = "installed",
): Promise<void> {
  await mkdir(join(home, "google"), { recursive: true });
  const file = {
    [kind]: {
      client_id: client.clientId,
      project_id: "coldframe-1234",
      auth_uri: "https://accounts.google.com/o/oauth2/auth",
      token_uri: "https://oauth2.googleapis.com/token",
      auth_provider_x509_cert_url: "https://www.googleapis.com/oauth2/v1/certs",
      client_secret: client.clientSecret,
      redirect_uris: client.redirectUris,
    },
  };
  await writeFile(join(home, "google", "credentials.json"), JSON.stringify(file));
}

/** Puts a sign-in into the home, as the flow would. */
export async function signInAs(
  context: StoreContext,
  server: DriveServer,
  email: string,
  client: Client,
  scopes: readonly string[] = [DRIVE_FILE_SCOPE],
): Promise<void> {
  const grant = server.world.grant(email, client.clientId, scopes);
  await writeToken(context, {
    clientId: client.clientId,
    refreshToken: grant.refreshToken,
    accessToken: server.world.accessToken(email, client.clientId, scopes, grant),
    accessExpires: server.world.now + 3600_000,
    scopes,
    granted: server.world.now,
    grantExpires: undefined,
    account: email,
  });
}
