/** Opening a session: the home, its lock, its catalog, and the stores when they are first needed. */

import { realpath, rm, stat } from "node:fs/promises";
import { archiveIdentity, openCatalog } from "../catalog/catalog.ts";
import type { Database } from "../catalog/database.ts";
import { isStoreKnown } from "../catalog/stores.ts";
import { ColdframeError, systemCode } from "../errors.ts";
import { type Home, homeError, makeHomeFolder, openHome } from "../home/home.ts";
import { type HomeLock, lockHome } from "../home/lock.ts";
import type { StoreContext } from "../store/context.ts";
import { assertStoreUrl, canonicalUrl, localFolder, openStore } from "../store/open.ts";
import { rateLimited, RateLimiter, type RateSchedule } from "../store/rate.ts";
import { RETRY_DEFAULTS, retrying } from "../store/retry.ts";
import { withLock } from "../store/s3/url.ts";
import type { Store } from "../store/store.ts";
import { createHome, DEFAULT_CHOICES, freshArchive } from "./init.ts";
import type { Reporter } from "./report.ts";
import { ServerClock } from "./server-clock.ts";
import type { Session } from "./session.ts";

/** What a command brings along. */
export interface OpenOptions {
  /** Absolute path of the home. */
  readonly root: string;
  /** Whether to make a home where there is none. */
  readonly create: boolean;
  /** The name of the job for the lock; undefined for a command that only looks. */
  readonly lockFor: string | undefined;
  /** Store URLs from the command line, before those of the settings. */
  readonly staging: string | undefined;
  readonly cold: string | undefined;
  /** How fast to send, before that of the settings. */
  readonly limitRate?: RateSchedule | undefined;
  /** How long volumes in an S3 store cannot be deleted, as in its URL. */
  readonly objectLock?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly report: Reporter;
  now(): number;
}

/** An open session and how to end it. */
export interface OpenSession {
  readonly session: Session;
  /** Whether the home was made just now. */
  readonly created: boolean;
  close(): Promise<void>;
}

/**
 * Opens a home for a job.
 *
 * @throws ColdframeError `home` when there is none and none may be made, `busy`, `config`, `catalog`
 */
export async function openSession(options: OpenOptions): Promise<OpenSession> {
  for (const url of [options.staging, options.cold]) if (url !== undefined) assertStoreUrl(url);
  const lock = await lockFor(options);
  let db: Database | undefined;
  try {
    const found = await openHome(options.root);
    if (found === undefined && !options.create) throw noHome(options.root);
    const home = found ?? await createHome(options.root, DEFAULT_CHOICES, options.now());
    if (lock !== undefined) await emptyScratch(home);
    const catalog = db = await openHomeCatalog(home, options.env);
    const session = await sessionOf(await atRealPath(home), catalog, options);
    return { session, created: found === undefined, close: () => closeAll(catalog, lock) };
  } catch (error) {
    db?.close();
    await lock?.release();
    throw error;
  }
}

/** The lock comes before the home is made: two first runs must not make two keys. */
async function lockFor(options: OpenOptions): Promise<HomeLock | undefined> {
  if (options.lockFor === undefined) return undefined;
  if (options.create) await makeHomeFolder(options.root);
  else if (await openHome(options.root) === undefined) throw noHome(options.root);
  return await lockHome(options.root, options.lockFor, options.now());
}

async function closeAll(db: Database, lock: HomeLock | undefined): Promise<void> {
  try {
    if (lock !== undefined) await db.checkpoint();
  } catch {
    // A full disk: all stays in the write-ahead log. What the run did and said stands.
  } finally {
    db.close();
    await lock?.release();
  }
}

/** The error for a home that is not there. */
export function noHome(root: string): ColdframeError {
  return new ColdframeError("home", `there is no coldframe home at ${root}`, {
    hint: "Run `coldframe sync DIR` or `coldframe init` first, or name another with --home DIR.",
  });
}

/** A run that was killed may have left a copy of the catalog there. The lock says that nobody uses it now. */
async function emptyScratch({ paths }: Home): Promise<void> {
  await rm(paths.scratch, { recursive: true, force: true }).catch((error) => {
    throw homeError(error, paths.scratch);
  });
}

/** Scans compare real paths to keep out of the home. */
async function atRealPath(home: Home): Promise<Home> {
  const root = await realpath(home.paths.root);
  return { ...home, paths: { ...home.paths, root } };
}

/**
 * Opens the catalog of a home, on its disk or on the server that its settings name. A file that is missing
 * or empty is not made anew: it was there when the home was made, so what it knew is lost.
 */
export async function openHomeCatalog(home: Home, env: OpenOptions["env"]): Promise<Database> {
  const place = home.config.catalog ?? home.paths.catalog;
  if (home.config.catalog === undefined) await assertThere(place);
  return await openCatalog(place, freshArchive(), env["COLDFRAME_CATALOG_TOKEN"]);
}

async function assertThere(path: string): Promise<void> {
  const found = await stat(path).catch((error) => {
    if (systemCode(error) === "ENOENT") return undefined;
    throw homeError(error, path);
  });
  if (found !== undefined && found.size > 0) return;
  throw new ColdframeError("catalog", `catalog ${path} is ${found === undefined ? "missing" : "empty"}`, {
    hint: "Bring it back, or run `coldframe recover STORE --identity FILE`: the stores hold snapshots of it.",
  });
}

async function sessionOf(home: Home, db: Database, options: OpenOptions): Promise<Session> {
  const { signal, report, now, env } = options;
  const stores = new Map<string, Promise<Store>>();
  const schedule = options.limitRate ?? home.config.limitRate;
  const limiter = schedule === undefined ? undefined : new RateLimiter(schedule); // one for all: they share the line
  const clock = new ServerClock(fetch, now);
  const storeContext: StoreContext = {
    env,
    fetch: clock.fetch,
    signal,
    now,
    home: home.paths.root,
    warn: (line: string) => report.warn(line),
  };
  const storeAt = (given: string) => {
    const url = canonicalUrl(given, env);
    const known = stores.get(url);
    if (known !== undefined) return known;
    const opened = openOnce(db, url, storeContext, { make: options.lockFor !== undefined, limiter });
    stores.set(url, opened);
    return opened;
  };
  const staging = options.staging ?? home.config.staging ?? defaultStore(home);
  const cold = withLock(options.cold ?? home.config.cold ?? defaultStore(home), options.objectLock);
  const archive = await archiveIdentity(db);
  if (options.lockFor !== undefined) [staging, cold].forEach(assertStoreUrl);
  const mirrors = home.config.mirrors.map(({ store }) => store);
  const localStores = [staging, cold, ...mirrors].flatMap((url) => localFolder(url, env) ?? []);
  return {
    home,
    db,
    archive,
    localStores,
    serverAhead: () => clock.ahead,
    report,
    signal,
    now,
    urls: { staging: canonicalUrl(staging, env), cold: canonicalUrl(cold, env) },
    storeContext,
    storeAt,
    staging: () => storeAt(staging),
    cold: () => storeAt(cold),
  };
}

/**
 * A store is made on its first use only, and not by who only looks: once something is kept there, a
 * missing one is an unplugged disk or a mistyped address, not an empty store.
 */
async function openOnce(
  db: Database,
  url: string,
  context: StoreContext,
  { make, limiter }: { make: boolean; limiter: RateLimiter | undefined },
): Promise<Store> {
  const bare = await openStore(url, context, { create: make && !await isStoreKnown(db, url) });
  const store = limiter === undefined ? bare : rateLimited(bare, limiter, context.signal);
  return retrying(store, {
    ...RETRY_DEFAULTS,
    ...(context.signal && { signal: context.signal }),
    warn: context.warn,
  });
}

/** The store of a home whose settings name none. */
export function defaultStore(home: Home): string {
  return `file:${home.paths.store}`;
}
