/** What the server knows: people, OAuth clients, tokens, files. Time is the test's. */

import { createHash, randomBytes } from "node:crypto";
import { refuse } from "./http.ts";

/** The mime type of folders. */
export const FOLDER = "application/vnd.google-apps.folder";

/** A Google account. */
export interface Account {
  readonly email: string;
  readonly kind: "user" | "service-account";
  /** Bytes; undefined for no limit. A service account has 0. */
  limit: number | undefined;
  /** What Gmail and Photos take of it, in bytes. */
  usedElsewhere: number;
}

/** An OAuth client of a project. */
export interface Client {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirectUris: readonly string[];
  /** Projects in Testing lose each grant after seven days. */
  testing: boolean;
}

/** A grant of a user to a client; it ends by revocation or by time. */
export interface Grant {
  readonly email: string;
  readonly app: string;
  readonly scopes: readonly string[];
  readonly refreshToken: string;
  readonly ends: number | undefined;
  revoked: boolean;
}

/** Who sends a request, and what the token allows. */
export interface Principal {
  readonly account: Account;
  readonly app: string;
  readonly scopes: readonly string[];
}

interface Access {
  readonly email: string;
  readonly app: string;
  readonly scopes: readonly string[];
  readonly expires: number;
  readonly grant: Grant | undefined;
}

/** A file or folder. */
export interface StoredFile {
  readonly id: string;
  name: string;
  mimeType: string;
  parents: string[];
  /** The shared drive it is in. */
  readonly driveId: string | undefined;
  readonly owner: string | undefined;
  /** The client that made it: the only one that `drive.file` shows it to. */
  readonly app: string;
  readonly sharedWith: Set<string>;
  /** Private properties, per client. */
  readonly properties: Map<string, Record<string, string>>;
  createdTime: number;
  modifiedTime: number;
  explicitlyTrashed: boolean;
  content: Uint8Array | undefined;
  sha256: string | undefined;
  md5: string | undefined;
  /** From when on a search finds it. */
  searchable: number;
  /** What Google takes for malware is only given out when the owner insists. */
  abusive: boolean;
}

/** A shared drive. */
export interface SharedDrive {
  readonly id: string;
  readonly name: string;
  readonly members: Set<string>;
}

/** All there is. */
export class World {
  readonly accounts = new Map<string, Account>();
  readonly clients = new Map<string, Client>();
  readonly grants = new Map<string, Grant>();
  readonly access = new Map<string, Access>();
  readonly files = new Map<string, StoredFile>();
  readonly drives = new Map<string, SharedDrive>();
  /** PEM public keys of service accounts, by e-mail address. */
  readonly publicKeys = new Map<string, string>();
  /** Ids that were given and are not used yet, and those of files that are gone. */
  readonly freshIds = new Set<string>();
  readonly usedIds = new Set<string>();
  /** How long a search does not find a new file, in ms. */
  searchLag = 0;
  /** The time, which tests move; it also goes on by a millisecond with each request. */
  now = Date.now();

  addUser(email: string, limit: number | undefined = 15e9): Account {
    const account: Account = { email, kind: "user", limit, usedElsewhere: 0 };
    this.accounts.set(email, account);
    return account;
  }

  addServiceAccount(email: string, publicKey: string): Account {
    const account: Account = { email, kind: "service-account", limit: 0, usedElsewhere: 0 };
    this.accounts.set(email, account);
    this.publicKeys.set(email, publicKey);
    return account;
  }

  addClient(clientId: string, redirectUris: readonly string[] = ["http://localhost"]): Client {
    const client = { clientId, clientSecret: `GOCSPX-${token(12)}`, redirectUris, testing: false };
    this.clients.set(clientId, client);
    return client;
  }

  addDrive(name: string, members: readonly string[]): SharedDrive {
    const drive = { id: `0A${token(12)}`, name, members: new Set(members) };
    this.drives.set(drive.id, drive);
    return drive;
  }

  /** A grant, as the user's consent makes it. */
  grant(email: string, app: string, scopes: readonly string[]): Grant {
    const week = 7 * 86_400_000;
    const ends = this.clients.get(app)?.testing === true ? this.now + week : undefined;
    const grant: Grant = { email, app, scopes, refreshToken: `1//${token(24)}`, ends, revoked: false };
    this.grants.set(grant.refreshToken, grant);
    return grant;
  }

  /** An access token, good for an hour. */
  accessToken(email: string, app: string, scopes: readonly string[], grant?: Grant): string {
    const text = `ya29.${token(32)}`;
    this.access.set(text, { email, app, scopes, expires: this.now + 3600_000, grant });
    return text;
  }

  /** Whether a grant still counts. */
  alive(grant: Grant): boolean {
    return !grant.revoked && (grant.ends === undefined || grant.ends > this.now);
  }

  /** Who sends a request; refuses with 401 when that cannot be told. */
  principal(authorization: string | undefined): Principal {
    const access = this.access.get(/^Bearer (.+)$/.exec(authorization ?? "")?.[1] ?? "");
    const account = this.accounts.get(access?.email ?? "");
    const ended = access === undefined || access.expires <= this.now ||
      (access.grant !== undefined && !this.alive(access.grant));
    if (ended || account === undefined) {
      refuse(401, "authError", "Invalid Credentials", { location: "Authorization", locationType: "header" });
    }
    return { account, app: access.app, scopes: access.scopes };
  }

  /** A new file id. */
  newId(): string {
    const id = `1${token(24)}`;
    this.freshIds.add(id);
    return id;
  }

  /** The id of an account's My Drive. */
  rootOf(account: Account): string {
    return `0A${createHash("sha256").update(account.email).digest("base64url").slice(0, 17)}`;
  }

  /** Whether a file is in the bin, by itself or with a folder above it. */
  trashed(file: StoredFile): boolean {
    const [parentId = ""] = file.parents;
    const parent = this.files.get(parentId);
    return file.explicitlyTrashed || (parent !== undefined && this.trashed(parent));
  }

  /** Whether a token shows a file. */
  sees(principal: Principal, file: StoredFile): boolean {
    const { email } = principal.account;
    const member = file.driveId !== undefined && this.drives.get(file.driveId)?.members.has(email) === true;
    const allowed = member || file.owner === email || file.sharedWith.has(email);
    const whole = principal.scopes.some((scope) => /\/auth\/drive(\.readonly)?$/.test(scope));
    return allowed && (whole || file.app === principal.app);
  }

  /** Bytes that an account's own files take; the bin counts. */
  usage(account: Account): number {
    let sum = 0;
    for (const file of this.files.values()) {
      if (file.owner === account.email && file.driveId === undefined) sum += file.content?.length ?? 0;
    }
    return sum;
  }

  /** Refuses, in Google's words, what would not fit. */
  assertSpace(account: Account, driveId: string | undefined, more: number): void {
    if (driveId !== undefined || account.limit === undefined) return;
    if (account.kind === "service-account") {
      const message = "Service Accounts do not have storage quota. Leverage shared drives " +
        "(https://developers.google.com/workspace/drive/api/guides/about-shareddrives), or use OAuth delegation " +
        "(http://support.google.com/a/answer/7281227) instead.";
      refuse(403, "storageQuotaExceeded", message, { domain: "usageLimits" });
    }
    if (this.usage(account) + account.usedElsewhere + more > account.limit) {
      const message = "The user's Drive storage quota has been exceeded.";
      refuse(403, "storageQuotaExceeded", message, { domain: "usageLimits" });
    }
  }

  /** Gives a file new content. */
  fill(file: StoredFile, content: Uint8Array): void {
    file.content = content;
    file.sha256 = createHash("sha256").update(content).digest("hex");
    file.md5 = createHash("md5").update(content).digest("hex");
    file.modifiedTime = this.now;
  }

  /** Removes a file, and with a folder all that is in it. */
  remove(file: StoredFile): void {
    this.files.delete(file.id);
    for (const child of [...this.files.values()]) if (child.parents.includes(file.id)) this.remove(child);
  }
}

/** Text nobody can guess. */
export function token(bytes: number): string {
  return randomBytes(bytes).toString("base64url");
}
