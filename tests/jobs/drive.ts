/** A user whose new files wait on a Drive of this process. */

import { contextOf, googleEnv, keepClient, signInAs } from "../store/drive_world.ts";
import { apiError, type Exchange, type Reply } from "../servers/drive/http.ts";
import { type DriveServer, withDrive } from "../servers/drive/server.ts";
import type { Account, Client, Grant, StoredFile } from "../servers/drive/world.ts";
import { type User, withUser } from "../cli/harness.ts";

export const DAY = 86_400_000;
export const STAGING = "gdrive:Coldframe";

/** The user, the server, and the two accounts they share. */
export interface DriveUser {
  readonly user: User;
  readonly server: DriveServer;
  readonly account: Account;
  readonly client: Client;
  /** Lets time pass, for both. */
  pass(ms: number): void;
}

/** Runs `body` with a user who is signed in, and whose volumes go to a folder. */
export function withDriveUser(body: (setting: DriveUser) => Promise<void>): Promise<void> {
  return withDrive((server) =>
    withUser(async (user) => {
      server.world.now = Date.parse("2026-03-01T03:00:00Z");
      const account = server.world.addUser("ada@example.com");
      const client = server.world.addClient("cold.apps.googleusercontent.com");
      user.env = googleEnv(server);
      user.clock = server.world.now;
      const pass = (ms: number) => {
        user.clock = server.world.now = server.world.now + ms;
      };
      await user.ok(
        "init",
        "--yes",
        "--classic",
        "--staging",
        STAGING,
        "--cold",
        `file:${user.path("cold")}`,
      );
      await keepClient(user.home, client);
      await signInAs(contextOf(server, user.home), server, account.email, client);
      await body({ user, server, account, client, pass });
    })
  );
}

/** The grant of the only sign-in. */
export function onlyGrant(server: DriveServer): Grant {
  const [grant] = [...server.world.grants.values()];
  if (grant === undefined || server.world.grants.size !== 1) throw new Error("not one grant");
  return grant;
}

/** What Drive shows of coldframe's objects under `staged/`, the bin left out. */
export function stagedFiles(server: DriveServer): StoredFile[] {
  return [...server.world.files.values()].filter((file) =>
    !server.world.trashed(file) && keyOf(file).startsWith("staged/")
  );
}

/** The key that a file says it has; empty for a file of another kind. */
export function keyOf(file: StoredFile): string {
  for (const { coldframe, key = "" } of file.properties.values()) if (coldframe === "object") return key;
  return "";
}

/** Every request from now on. */
export function recordRequests(server: DriveServer): Exchange[] {
  const seen: Exchange[] = [];
  server.faults.add((exchange) => {
    seen.push(exchange);
    return false;
  }, { kind: "drop" });
  return seen;
}

/** Requests for a list of objects. */
export function isListing({ method, url }: Exchange): boolean {
  return method === "GET" && url.pathname === "/drive/v3/files" &&
    !/'key'/.test(url.searchParams.get("q") ?? "");
}

/** Requests that bring a new object. */
export function isWrite({ method, url }: Exchange): boolean {
  return method !== "GET" && url.pathname.startsWith("/upload/");
}

/** Google's answer when an account has no space left. */
export const QUOTA: Reply = apiError(
  403,
  "storageQuotaExceeded",
  "The user's Drive storage quota has been exceeded.",
  { domain: "usageLimits" },
);

/** An answer that no retry makes better. */
export const FORBIDDEN: Reply = apiError(
  403,
  "insufficientFilePermissions",
  "The user does not have sufficient permissions.",
);
