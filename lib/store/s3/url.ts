/**
 * `s3://bucket/prefix?region=…&endpoint=…&class=…&lock=…`: what a user writes to name an S3 store.
 *
 * A misspelt parameter is an error: `clas=DEEP_ARCHIVE` passed over in silence would cost the user
 * twenty times the price for years.
 */

import { StoreError } from "../../errors.ts";

/** Storage classes an object can be written to (S3 API Reference, PutObject, x-amz-storage-class). */
export const STORAGE_CLASSES = [
  "STANDARD",
  "STANDARD_IA",
  "ONEZONE_IA",
  "INTELLIGENT_TIERING",
  "GLACIER_IR",
  "GLACIER",
  "DEEP_ARCHIVE",
] as const;

export type StorageClass = (typeof STORAGE_CLASSES)[number];

/** Protection from deletion: how, and for how many days from the upload. */
export interface LockRule {
  readonly mode: "GOVERNANCE" | "COMPLIANCE";
  readonly days: number;
}

/** An S3 store as its URL says it, before the environment is asked. */
export interface S3Location {
  readonly bucket: string;
  /** "" or a path ending in "/". */
  readonly prefix: string;
  readonly region: string | undefined;
  readonly endpoint: string | undefined;
  /** For volumes; everything else must stay readable at once. */
  readonly storageClass: StorageClass;
  readonly lock: LockRule | undefined;
  readonly checksum: "sha256" | "crc64nvme";
  /** How the bucket is named in a request; undefined lets the endpoint decide. */
  readonly style: "path" | "virtual" | undefined;
  readonly profile: string | undefined;
}

const PARAMETERS = [
  "region",
  "endpoint",
  "class",
  "lock",
  "lock-mode",
  "checksum",
  "style",
  "profile",
] as const;

type Parameter = (typeof PARAMETERS)[number];

/**
 * Reads a store URL.
 *
 * @throws StoreError `store-url` naming what is wrong, never repeating what could be a secret
 */
export function parseS3Url(text: string): S3Location {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.protocol !== "s3:") throw wrong("not an S3 store; write s3://bucket/prefix");
  if (url.username !== "" || url.password !== "") {
    throw wrong("keys do not belong in a store URL", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
  }
  if (url.port !== "" || url.hash !== "") {
    throw wrong("an S3 store is s3://bucket/prefix, without a port or #", "name a server by ?endpoint=");
  }
  const parameters = readParameters(url.searchParams);
  return {
    bucket: parseBucket(url.host),
    prefix: parsePrefix(url.pathname),
    region: parameters.get("region"),
    endpoint: parseEndpoint(parameters.get("endpoint")),
    storageClass: oneOf("class", parameters.get("class")?.toUpperCase(), STORAGE_CLASSES) ?? "STANDARD",
    lock: parseLock(parameters.get("lock"), parameters.get("lock-mode")),
    checksum: oneOf("checksum", parameters.get("checksum"), ["sha256", "crc64nvme"] as const) ?? "sha256",
    style: oneOf("style", parameters.get("style"), ["path", "virtual"] as const),
    profile: parameters.get("profile"),
  };
}

/**
 * The URL of an S3 store with its lock.
 *
 * @param lock as in `lock=`; undefined leaves the URL alone
 * @throws StoreError `store-url` for another kind of store, or a URL that says otherwise
 */
export function withLock(url: string, lock: string | undefined): string {
  if (lock === undefined) return url;
  if (!/^s3:/i.test(url)) {
    throw wrong("only an s3: store can lock objects", "name one with --cold s3://bucket/prefix");
  }
  parseS3Url(url);
  const given = new URL(url).searchParams.get("lock");
  if (given === lock) return url;
  if (given !== null) {
    throw wrong(`the store URL says lock=${given}, and not ${lock}`, "change one of the two");
  }
  const locked = `${url}${url.includes("?") ? "&" : "?"}lock=${encodeURIComponent(lock)}`;
  parseS3Url(locked);
  return locked;
}

function wrong(what: string, hint?: string): StoreError {
  return new StoreError("store-url", what, hint === undefined ? {} : { hint });
}

function readParameters(search: URLSearchParams): ReadonlyMap<Parameter, string> {
  const found = new Map<Parameter, string>();
  for (const [name, value] of search) {
    const known = PARAMETERS.find((one) => one === name);
    if (known === undefined) {
      throw wrong(
        `an S3 store URL has no parameter "${name.slice(0, 40)}"`,
        `known: ${PARAMETERS.join(", ")}`,
      );
    }
    if (found.has(known)) throw wrong(`the parameter "${known}" is given twice`);
    if (value === "") throw wrong(`the parameter "${known}" is empty`);
    found.set(known, value);
  }
  return found;
}

function oneOf<T extends string>(
  name: Parameter,
  value: string | undefined,
  allowed: readonly T[],
): T | undefined {
  const found = allowed.find((one) => one === value);
  if (value !== undefined && found === undefined) {
    throw wrong(`${name}=${value} is not known`, `known: ${allowed.join(", ")}`);
  }
  return found;
}

/** Old AWS buckets and other providers allow more than today's rules for new buckets. */
function parseBucket(host: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$/.test(host) || host.includes("..")) {
    throw wrong(host === "" ? "the bucket is missing: s3://bucket/prefix" : `not a bucket name: ${host}`);
  }
  return host;
}

function parsePrefix(path: string): string {
  const segments = decode(path).split("/").filter((part) => part !== "");
  if (segments.some((part) => part === "." || part === "..") || /\p{Cc}/u.test(path)) {
    throw wrong("the path of an S3 store cannot have . or .. or control characters");
  }
  return segments.map((part) => `${part}/`).join("");
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw wrong("the path has a % that is not followed by two hex digits", "write %25 for a % sign");
  }
}

/**
 * Reads an endpoint, from a URL or from the environment: a scheme and a host, maybe a port and a path.
 *
 * @throws StoreError `store-url`
 */
export function parseEndpoint(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol)) {
    throw wrong(
      "the endpoint must begin with https:// (or http://)",
      "such as endpoint=https://s3.example.net",
    );
  }
  if (url.username !== "" || url.password !== "") throw wrong("keys do not belong in an endpoint");
  if (url.search !== "" || url.hash !== "") throw wrong("an endpoint has no ? or #");
  return url.origin + url.pathname.replace(/\/+$/, "");
}

function parseLock(lock: string | undefined, mode: string | undefined): LockRule | undefined {
  const known = oneOf("lock-mode", mode?.toUpperCase(), ["GOVERNANCE", "COMPLIANCE"] as const);
  if (lock === undefined) {
    if (known !== undefined) throw wrong("lock-mode needs lock, such as lock=365d");
    return undefined;
  }
  const match = /^([1-9][0-9]{0,4})([dy])$/.exec(lock);
  const days = Number(match?.[1]) * (match?.[2] === "y" ? 365 : 1);
  // S3 takes 1 to 36,500 days.
  if (match === null || days > 36_500) {
    throw wrong(`lock=${lock} is not understood`, "write lock=365d or lock=2y");
  }
  return { mode: known ?? "GOVERNANCE", days };
}
