/**
 * Looks at what will bite in a week or so, while there is time: the sign-in, room, clock and certificates.
 * `doctor` makes the same looks when it is asked; the alerts make them once a day and keep what they find.
 */

import { stat, statfs } from "node:fs/promises";
import { getMeta, setMeta } from "../catalog/catalog.ts";
import { type Found, settleFindings } from "../catalog/findings.ts";
import { stagedSizes } from "../catalog/staged.ts";
import { listVolumes } from "../catalog/volumes.ts";
import { ColdframeError, systemCode } from "../errors.ts";
import { formatSize } from "../size.ts";
import { formatDay } from "../text.ts";
import { signInEnd } from "../store/google/google.ts";
import { openStore } from "../store/open.ts";
import { parseS3Url } from "../store/s3/url.ts";
import { certificateEnd, type TlsServer } from "./certificate.ts";
import { isShared } from "./room.ts";
import { clockTrouble } from "./server-clock.ts";
import type { Session } from "./session.ts";

/** What a look found. */
export interface Trouble {
  /** A stable word for programs. */
  readonly kind: string;
  readonly message: string;
  readonly hint: string;
}

/** One thing to look at. */
export interface Look {
  /** What is looked at, such as `clock`: the same from day to day. */
  readonly about: string;
  /** `unknown` where nothing can be said today. @throws ColdframeError, or the system's error, likewise */
  look(): Promise<Trouble | "good" | "unknown">;
}

const DAY = 86_400_000;
const WEEK = 7 * DAY;
/** What a home needs on its disk for the catalog to go on growing, in bytes. */
const ROOM_AT_HOME = 500_000_000;

/** Everything there is to look at. */
export function looksOf(session: Session): Look[] {
  const { urls } = session;
  const staging = { about: `room ${urls.staging}`, look: () => roomInStaging(session) };
  return [
    { about: "clock", look: () => clock(session) },
    { about: "sign-in", look: () => signIn(session) },
    { about: "room home", look: () => roomAtHome(session) },
    { about: `room ${urls.cold}`, look: () => roomInCold(session) },
    ...(isShared(session) ? [] : [staging]),
    ...tlsServers(session).map((server) => ({
      about: `certificate ${server.host}:${server.port}`,
      look: () => certificate(server, session.now()),
    })),
  ];
}

/**
 * Makes every look, once a day, and keeps what they find as findings. A look that fails says nothing: what it
 * found before stays.
 */
export async function lookAhead(session: Session): Promise<void> {
  const { db, home, now, signal } = session;
  const key = `lookedAhead ${home.box}`;
  const last = Number(await getMeta(db, key) ?? "NaN");
  if (Math.abs(now() - last) < DAY - 3_600_000) return; // a daily run must not miss by a minute
  const found: Found[] = [];
  const unknown = new Set<string>();
  for (const { about, look } of looksOf(session)) {
    const trouble = await look().catch((error) => {
      signal.throwIfAborted();
      if (error instanceof ColdframeError || systemCode(error) !== undefined) return "unknown" as const;
      throw error;
    });
    if (trouble === "unknown") unknown.add(about);
    else if (trouble !== "good") found.push({ name: about, severity: "warning", files: [], ...trouble });
  }
  await settleFindings(db, `watchful ${home.box}`, found, now(), (name) => !unknown.has(name));
  await setMeta(db, key, String(now()));
}

function clock({ serverAhead }: Session): Promise<Trouble | "good" | "unknown"> {
  const ahead = serverAhead();
  if (ahead === undefined) return Promise.resolve("unknown");
  const trouble = clockTrouble(ahead);
  return Promise.resolve(trouble === undefined ? "good" : { kind: "clock-off", ...trouble });
}

async function signIn({ urls, storeContext, now }: Session): Promise<Trouble | "good"> {
  if (!/^gdrive:/i.test(urls.staging) && !/^gdrive:/i.test(urls.cold)) return "good";
  const end = await signInEnd(storeContext);
  if (end === undefined || end.time - now() > WEEK) return "good";
  return {
    kind: "sign-in-ends",
    message: `Google Drive: ${end.warning}`,
    hint: "Then run: coldframe auth google",
  };
}

/** SQLite writes anew what it compacts, and a snapshot is a copy. */
async function roomAtHome({ home, db }: Session): Promise<Trouble | "good"> {
  const { root, catalog } = home.paths;
  const { bavail, bsize } = await statfs(root);
  const size = db.local ? (await stat(catalog)).size : 0;
  const free = bavail * bsize;
  if (free >= ROOM_AT_HOME + 2 * size) return "good";
  return {
    kind: "home-full",
    message: `the disk of the home ${root} has only ${formatSize(free)} free`,
    hint: "Free some space there: without it the catalog cannot be written.",
  };
}

/** Room for the next volume, and for what a week usually brings. */
async function roomInCold(session: Session): Promise<Trouble | "good" | "unknown"> {
  const { db, home, urls, now } = session;
  const free = await freeIn(session, urls.cold);
  if (free === undefined) return "good";
  const recent = (await listVolumes(db)).filter(({ stored = 0 }) => stored > now() - 4 * WEEK);
  const weekly = recent.reduce((sum, { objectSize }) => sum + objectSize, 0) / 4;
  if (free >= home.config.volumeSize + weekly) return "good";
  return {
    kind: "store-nearly-full",
    message: `${urls.cold} has ${formatSize(free)} free: not enough for a volume and another week`,
    hint: "Free some space there, or name another store with --cold.",
  };
}

/** What waits there makes room again when its volume is sealed. */
async function roomInStaging(session: Session): Promise<Trouble | "good"> {
  const { db, home, urls } = session;
  const free = await freeIn(session, urls.staging);
  if (free === undefined) return "good";
  let waiting = 0;
  for (const size of (await stagedSizes(db, urls.staging)).values()) waiting += size;
  if (free + waiting >= home.config.volumeSize) return "good";
  return {
    kind: "staging-nearly-full",
    message: `${urls.staging} has ${formatSize(free)} free: less than what makes a volume full`,
    hint:
      "Free some space there, or set a smaller volume-size: else volumes are sealed before they are full.",
  };
}

/** Opens the store on the side: who only looks must not make one where a disk is not plugged in. */
async function freeIn({ storeContext }: Session, url: string): Promise<number | undefined> {
  const store = await openStore(url, storeContext, { create: false });
  const usage = await store.usage();
  return usage?.limit === undefined ? undefined : usage.limit - usage.used;
}

async function certificate(server: TlsServer, now: number): Promise<Trouble | "good"> {
  const end = await certificateEnd(server);
  if (end - now > WEEK) return "good";
  const when = end > now ? "ends" : "ended";
  return {
    kind: "certificate-ends",
    message: `the certificate of ${server.host}:${server.port} ${when} on ${formatDay(end)}`,
    hint: "Renew it, or ask who runs that server; without it nothing is stored or sent there.",
  };
}

/** Servers of the user's own. Those of the large providers renew themselves. */
function tlsServers({ home, urls }: Session): TlsServer[] {
  const { mail } = home.config.alerts;
  const stores = [...new Set([urls.cold, urls.staging])].filter((url) => /^s3:/i.test(url));
  return [
    ...stores.flatMap((url) => endpointOf(parseS3Url(url).endpoint)),
    ...(mail === undefined || mail.security === "none"
      ? []
      : [{ host: mail.host, port: mail.port, security: mail.security }]),
  ];
}

function endpointOf(endpoint: string | undefined): TlsServer[] {
  if (endpoint === undefined || !URL.canParse(endpoint)) return [];
  const { protocol, hostname, port } = new URL(endpoint);
  return protocol === "https:" ? [{ host: hostname, port: Number(port || 443), security: "tls" }] : [];
}
