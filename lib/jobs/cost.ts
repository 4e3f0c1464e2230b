/** What an archive costs: the catalog's facts, priced. Asks no store and changes nothing. */

import { payloadSize } from "../age/payload.ts";
import { contentsToKeep, snapshotsByStore, stagedByStore, unfinishedByStore } from "../catalog/cost.ts";
import { listVolumes, type Volume } from "../catalog/volumes.ts";
import { NO_MENTIONS } from "../catalog/waiting.ts";
import { type Advice, adviseVolumeSize } from "../cost/advice.ts";
import { compareLayouts, type Comparison } from "../cost/compare.ts";
import { Money } from "../cost/money.ts";
import type { ClassPrices, Prices } from "../cost/prices.ts";
import { type RequestCost, requestCost } from "../cost/requests.ts";
import { type RestoreCost, restoreCosts } from "../cost/restore.ts";
import {
  type EarlyDelete,
  earlyDelete,
  MONTH_DAYS,
  type StorageCost,
  storageCost,
  type StoredVolume,
} from "../cost/storage.ts";
import { partSizeFor, USUAL_PART } from "../store/s3/upload.ts";
import { pricesOf, type PriceSource, tariffOf } from "./cost-tariff.ts";
import { planAll } from "./planning.ts";
import { OPENING_REQUESTS, PIECE } from "./restore/object-access.ts";
import type { Session } from "./session.ts";
import { measureVolume } from "./volume.ts";

/** What to price. */
export interface CostOptions {
  /** URL of the store that new volumes go to. */
  readonly cold: string;
  /** The largest image, in bytes. */
  readonly volumeSize: number;
  /** Single photos that are brought back in a year. */
  readonly photosPerYear: number;
  /** How long the archive is kept, for the advice. */
  readonly years: number;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A restore of everything, and one of a single photo. */
export interface RestoreCosts {
  /** Bytes that leave the cloud, and volumes to thaw. */
  readonly full: { readonly bytes: number; readonly volumes: number; readonly costs: readonly RestoreCost[] };
  /** A file of average size out of the largest volume: the dearest case. */
  readonly photo: {
    readonly bytes: number;
    readonly thawBytes: number;
    readonly costs: readonly RestoreCost[];
  };
}

/** A store whose prices are known. */
export interface PricedStore {
  readonly kind: "priced";
  readonly store: string;
  readonly storageClass: string;
  readonly pricesOf: string;
  readonly volumes: { readonly objects: number; readonly bytes: number };
  readonly remarks: readonly string[];
  readonly storage: StorageCost;
  /** Requests of the last thirty days. */
  readonly requests: RequestCost;
  readonly earlyDelete: EarlyDelete;
  /** Undefined while no volume is stored. */
  readonly restore: RestoreCosts | undefined;
}

/** A store that costs nothing by use, or whose prices are not known. */
export interface UnpricedStore {
  readonly kind: "free" | "unknown";
  readonly store: string;
  readonly why: string;
}

/** What sealing now would cost. */
export interface SealCost {
  readonly pricesOf: string;
  readonly store: string;
  readonly files: number;
  readonly volumes: number;
  /** Bytes of the volumes. */
  readonly bytes: number;
  readonly requests: RequestCost;
  /** For each month, from then on. */
  readonly month: Money;
  /** What is owed for storage even if it were removed the next day. */
  readonly minimum: Money;
  readonly minimumDays: number;
}

/** Everything that `cost` says. */
export interface CostReport {
  readonly prices: {
    readonly date: string;
    readonly provider: string;
    readonly region: string;
    readonly currency: string;
    readonly from: string;
  };
  readonly stores: readonly (PricedStore | UnpricedStore)[];
  readonly total: {
    readonly pricesOf: string;
    readonly month: Money;
    readonly year: Money;
    readonly requests: Money;
  };
  /** These three are of the cold store; undefined where it has no prices. */
  readonly seal: SealCost | undefined;
  readonly advice: (Advice & { readonly pricesOf: string; readonly storageClass: string }) | undefined;
  readonly comparison:
    | (Comparison & {
      readonly pricesOf: string;
      readonly files: number;
      readonly bytes: number;
      readonly volumeSize: number;
    })
    | undefined;
}

/** How many days a thawed copy is kept: time to fetch a large archive over a home's line. */
export const THAWED_DAYS = 7;

const DAY = 86_400_000;
/** The header of a post-quantum recipient, the longest there is. */
const HEADER_SIZE = 1_643;
/** What opens a volume, and the range of the photo. */
const GETS_FOR_A_PHOTO = OPENING_REQUESTS + 1;

/** What the advice takes for a photo where there is none yet, in bytes. */
const USUAL_PHOTO = 3_000_000;

/** Prices a home's archive. */
export async function costOf(session: Session, options: CostOptions): Promise<CostReport> {
  const source = await pricesOf(session.home);
  const { prices } = source;
  const archive = await contentsToKeep(session.db);
  const average = archive.files === 0 ? USUAL_PHOTO : Math.max(1, Math.round(archive.bytes / archive.files));
  const stores = await priceStores(session, source, options, average);
  const cold = tariffOf(options.cold, source, options.env);
  const total = totalOf(prices, stores);
  const head = {
    date: prices.date,
    provider: prices.provider,
    region: prices.region,
    currency: prices.currency,
  };
  const report = { prices: { ...head, from: source.from }, stores, total };
  if (cold.kind !== "priced") return { ...report, seal: undefined, advice: undefined, comparison: undefined };
  const { volumes } = cold;
  const { photosPerYear, years, volumeSize } = options;
  const advice = adviseVolumeSize(prices, volumes, {
    bytes: archive.bytes,
    years,
    photosPerYear,
    photoSize: average,
    photoGets: GETS_FOR_A_PHOTO,
    days: THAWED_DAYS,
    partRequests,
  });
  const comparison = compareLayouts(prices, volumes, archive, volumeSize, partRequests);
  return {
    ...report,
    seal: await sealCost(session, prices, volumes, options),
    advice: archive.bytes === 0
      ? undefined
      : { pricesOf: prices.date, storageClass: volumes.name, ...advice },
    comparison: archive.bytes === 0
      ? undefined
      : { pricesOf: prices.date, ...archive, volumeSize, ...comparison },
  };
}

/** What the archive costs as it stands. */
export interface MonthlyCost {
  readonly month: Money;
  readonly currency: string;
}

/**
 * The part of the report that needs no plan of what waits.
 *
 * @param cold URL of the store that new volumes go to
 * @returns undefined where no store has prices
 */
export async function monthlyCost(
  session: Session,
  cold: string,
  env: CostOptions["env"],
): Promise<MonthlyCost | undefined> {
  const source = await pricesOf(session.home);
  const stores = await priceStores(session, source, { cold, env }, USUAL_PHOTO);
  if (!stores.some(({ kind }) => kind === "priced")) return undefined;
  return { month: totalOf(source.prices, stores).month, currency: source.prices.currency };
}

/** Requests that an object of so many bytes takes before the one that finishes it. */
function partRequests(size: number): number {
  return size <= USUAL_PART ? 0 : 1 + Math.ceil(size / partSizeFor(size));
}

function totalOf(prices: Prices, stores: readonly (PricedStore | UnpricedStore)[]): CostReport["total"] {
  const priced = stores.filter((store) => store.kind === "priced");
  const month = Money.sum(priced.map(({ storage }) => storage.month));
  const requests = Money.sum(priced.map((store) => store.requests.total));
  return { pricesOf: prices.date, month, year: month.times(12), requests };
}

/** What the catalog knows of one store. */
interface StoreFacts {
  readonly volumes: (StoredVolume & { readonly recent: boolean })[];
  standardBytes: number;
  standardRecent: number;
  unfinishedBytes: number;
}

async function priceStores(
  session: Session,
  source: PriceSource,
  options: Pick<CostOptions, "cold" | "env">,
  photo: number,
): Promise<(PricedStore | UnpricedStore)[]> {
  const facts = await gather(session, options.cold);
  let freeBytes = source.prices.egress.freeBytes;
  return [...facts].map(([store, of]) => {
    const tariff = tariffOf(store, source, options.env);
    if (tariff.kind !== "priced") return { kind: tariff.kind, store, why: tariff.why };
    const priced = priceStore(source.prices, tariff.volumes, of, { now: session.now(), photo, freeBytes });
    // What may leave for nothing is counted once, over all stores.
    freeBytes = Math.max(0, freeBytes - priced.volumes.bytes);
    return { kind: "priced", store, remarks: tariff.remarks, ...priced };
  });
}

async function gather({ db, now }: Session, cold: string): Promise<Map<string, StoreFacts>> {
  const since = now() - MONTH_DAYS * DAY;
  const [volumes, staged, snapshots, unfinished] = await Promise.all([
    listVolumes(db),
    stagedByStore(db, since),
    snapshotsByStore(db, since),
    unfinishedByStore(db),
  ]);
  const stores = new Map<string, StoreFacts>();
  const at = (store: string) => {
    const known = stores.get(store);
    if (known !== undefined) return known;
    const fresh = { volumes: [], standardBytes: 0, standardRecent: 0, unfinishedBytes: 0 };
    stores.set(store, fresh);
    return fresh;
  };
  at(cold);
  for (const volume of volumes) {
    if (volume.state === "stored") at(volume.store).volumes.push(storedVolume(volume, since));
  }
  for (const { store, bytes, recent } of [...staged, ...snapshots]) {
    at(store).standardBytes += bytes;
    at(store).standardRecent += recent;
  }
  for (const { store, bytes } of unfinished) at(store).unfinishedBytes += bytes;
  return stores;
}

function storedVolume(volume: Volume, since: number): StoredVolume & { recent: boolean } {
  const stored = volume.stored ?? volume.created;
  return { size: volume.objectSize, stored, recent: stored >= since };
}

function priceStore(
  prices: Prices,
  volumeClass: ClassPrices,
  facts: StoreFacts,
  { now, photo, freeBytes }: { now: number; photo: number; freeBytes: number },
): Omit<PricedStore, "kind" | "store" | "remarks"> {
  const bytes = facts.volumes.reduce((sum, { size }) => sum + size, 0);
  const recent = facts.volumes.filter((volume) => volume.recent);
  return {
    storageClass: volumeClass.name,
    pricesOf: prices.date,
    volumes: { objects: facts.volumes.length, bytes },
    storage: storageCost(prices, volumeClass, facts),
    requests: requestCost(prices, volumeClass, sending(recent.map(({ size }) => size), facts.standardRecent)),
    earlyDelete: earlyDelete(prices, volumeClass, facts.volumes, now),
    restore: bytes === 0 ? undefined : restoreOf(prices, volumeClass, facts.volumes, photo, freeBytes),
  };
}

/** Sending volumes, each with its manifest and a look whether it is there, and other objects. */
function sending(sizes: readonly number[], others = 0): RequestCost["counts"] {
  return {
    finished: sizes.length,
    parts: sizes.reduce((sum, size) => sum + partRequests(size), 0),
    standard: sizes.length + others,
    gets: sizes.length,
  };
}

function restoreOf(
  prices: Prices,
  volumeClass: ClassPrices,
  volumes: readonly StoredVolume[],
  photo: number,
  freeBytes: number,
): RestoreCosts {
  const bytes = volumes.reduce((sum, { size }) => sum + size, 0);
  const thawBytes = volumes.reduce((most, { size }) => Math.max(most, size), 0);
  const photoBytes = Math.min(photo, thawBytes);
  const gets = volumes.reduce((sum, { size }) => sum + 1 + Math.ceil(size / PIECE), 0);
  const all = { volumes: volumes.length, thawBytes: bytes, readBytes: bytes, gets };
  const one = { volumes: 1, thawBytes, readBytes: photoBytes, gets: GETS_FOR_A_PHOTO };
  const costs = (job: typeof all) =>
    restoreCosts(prices, volumeClass, { ...job, days: THAWED_DAYS, freeBytes });
  return {
    full: { bytes, volumes: volumes.length, costs: costs(all) },
    photo: { bytes: photoBytes, thawBytes, costs: costs(one) },
  };
}

/** Plans as `sync --seal` would. */
async function sealCost(
  session: Session,
  prices: Prices,
  volumeClass: ClassPrices,
  { cold, volumeSize }: CostOptions,
): Promise<SealCost> {
  const { home, archive } = session;
  const { full, rest, mentions } = await planAll(session, volumeSize);
  const plan = rest.length === 0 ? full : [...full, rest];
  const draft = { archive: archive.archive, box: home.box, created: session.now(), udf: home.config.udf };
  const sizes = plan.map((files, i) =>
    HEADER_SIZE + payloadSize(measureVolume({ ...draft, files, ...(i === 0 ? mentions : NO_MENTIONS) }))
  );
  const volumes = sizes.map((size) => ({ size, stored: session.now() }));
  return {
    pricesOf: prices.date,
    store: cold,
    files: new Set(plan.flat().map(({ content }) => content)).size,
    volumes: sizes.length,
    bytes: sizes.reduce((sum, size) => sum + size, 0),
    requests: requestCost(prices, volumeClass, sending(sizes)),
    month: storageCost(prices, volumeClass, { volumes, standardBytes: 0, unfinishedBytes: 0 }).month,
    minimum: earlyDelete(prices, volumeClass, volumes, session.now()).cost,
    minimumDays: volumeClass.minimumDays,
  };
}
