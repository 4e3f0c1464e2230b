/** The recovery kit: gathering what goes on the paper, and checking a copy of the key made from it. */

import { fingerprint, type KeyPair, parseIdentity } from "../age/keys.ts";
import { cleanCopy, describeCopy, suspicions } from "../age/paper.ts";
import type { Database } from "../catalog/database.ts";
import { knownStores } from "../catalog/stores.ts";
import { ColdframeError, hasCode, messageOf } from "../errors.ts";
import type { Home } from "../home/home.ts";
import { loadAws } from "../store/aws/credentials.ts";
import { parseDriveUrl } from "../store/drive/url.ts";
import { canonicalUrl, localFolder } from "../store/open.ts";
import { parseS3Url } from "../store/s3/url.ts";
import { defaultStore, openHomeCatalog } from "./open.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** In the catalog's `meta`: when a copy of the key on paper was last found right, in ms since 1970. */
export const KIT_VERIFIED = "kit-verified";

/** A store, told to someone who has to find it. */
export type KitStore =
  & { readonly url: string }
  & (
    | { readonly kind: "folder"; readonly path: string }
    | { readonly kind: "drive"; readonly folder: string; readonly driveId: string | undefined }
    | {
      readonly kind: "s3";
      readonly bucket: string;
      /** "" or a path ending in "/". */
      readonly prefix: string;
      /** From the URL, else from this box's surroundings, which the reader of the paper does not have. */
      readonly region: string | undefined;
      readonly endpoint: string | undefined;
      /** Whether volumes must be asked for before they can be read. */
      readonly archived: boolean;
    }
    /** A URL that this program cannot read. */
    | { readonly kind: "other" }
  );

/** All that the paper says. */
export interface Kit {
  /** Secret. */
  readonly keys: readonly KeyPair[];
  /** Recipients of the home whose secret keys are not on this paper. */
  readonly others: readonly string[];
  readonly stores: readonly KitStore[];
}

/**
 * Gathers a kit. A catalog that cannot be read is no reason to have no paper: the stores of the settings
 * are named then, and `warn` is told.
 *
 * @param pairs the identities to print
 * @throws ColdframeError `key-wrong` when one of them opens nothing of this home
 */
export async function gatherKit(
  home: Home,
  pairs: readonly KeyPair[],
  env: Env,
  warn: (text: string) => void,
): Promise<Kit> {
  for (const { recipient } of pairs) assertOfHome(recipient, home.recipients);
  const own = new Set(pairs.map(({ recipient }) => recipient));
  const settings = [home.config.cold, home.config.staging].map((url) => url ?? defaultStore(home));
  const used = await storesInUse(home, env).catch((error) => {
    warn(`stores that only the catalog knows are not named: ${messageOf(error)}`);
    return [];
  });
  const urls = new Set([...settings.map((url) => canonicalUrl(url, env)), ...used]);
  return {
    keys: pairs,
    others: home.recipients.filter((recipient) => !own.has(recipient)),
    stores: await Promise.all([...urls].map((url) => describeStore(url, env))),
  };
}

async function storesInUse(home: Home, env: Env): Promise<string[]> {
  let db: Database | undefined;
  try {
    db = await openHomeCatalog(home, env);
    return await knownStores(db);
  } finally {
    db?.close();
  }
}

async function describeStore(url: string, env: Env): Promise<KitStore> {
  try {
    const path = localFolder(url, env);
    if (path !== undefined) return { url, kind: "folder", path };
    if (/^gdrive:/i.test(url)) return driveStore(url);
    return await s3Store(url, env);
  } catch (error) {
    if (!hasCode(error, "store-url")) throw error; // a store of the future, in a catalog that is shared
    return { url, kind: "other" };
  }
}

function driveStore(url: string): KitStore {
  const { driveId, folders } = parseDriveUrl(url);
  return { url, kind: "drive", folder: folders.join("/"), driveId };
}

async function s3Store(url: string, env: Env): Promise<KitStore> {
  const { bucket, prefix, region, endpoint, storageClass, profile } = parseS3Url(url);
  const around = await loadAws(env, profile).catch(() => undefined); // no credentials are needed for a paper
  return {
    url,
    kind: "s3",
    bucket,
    prefix,
    region: region ?? around?.region,
    endpoint: endpoint ?? around?.endpoint,
    archived: ["GLACIER", "DEEP_ARCHIVE"].includes(storageClass),
  };
}

/** What a copy turned out to be. */
export interface CheckedCopy {
  readonly recipient: string;
  /** Whether it was compared with the keys of a home, or is only free of typing mistakes. */
  readonly compared: boolean;
}

/**
 * Checks a copy of a secret key. The secret key itself need not be there: its checksum shows typing
 * mistakes, and the recipients of the home show whether it is the right one.
 *
 * A mistake is named with the character that is there and the one that should be: 10 bits of 256 at the
 * most, and all that helps someone whose only copy is a smudged paper.
 *
 * @param typed as typed or scanned, with blanks and in either case
 * @param recipients of the home; undefined when there is none to compare with
 * @throws ColdframeError `key-missing` for an empty copy, `key-invalid` saying what is wrong with it where
 *   that can be told, `key-wrong` for a key of somebody else
 */
export async function checkCopy(
  typed: string,
  recipients: readonly string[] | undefined,
): Promise<CheckedCopy> {
  const copy = cleanCopy(typed);
  if (copy === "") {
    throw new ColdframeError("key-missing", "nothing was typed", {
      hint: "Type the lines of the key, or give them on standard input.",
    });
  }
  const recipient = await parseIdentity(copy).then((pair) => pair.recipient, (error: unknown) => {
    if (/^AGE(1|-PLUGIN-)/.test(copy)) throw error; // another kind of text, which that error names
    return undefined;
  });
  if (recipient === undefined) throw await explain(copy, recipients);
  if (recipients !== undefined) assertOfHome(recipient, recipients);
  return { recipient, compared: recipients !== undefined };
}

function assertOfHome(recipient: string, recipients: readonly string[]): void {
  if (recipients.includes(recipient)) return;
  const known = recipients.map(fingerprint).join(", ");
  throw new ColdframeError(
    "key-wrong",
    `key ${fingerprint(recipient)} is sound, but this home encrypts to ${known}`,
    { hint: "Look for the paper or the file with that fingerprint, or name another home with --home DIR." },
  );
}

async function explain(copy: string, recipients: readonly string[] | undefined): Promise<ColdframeError> {
  const fitting: string[] = [];
  for (const { what, corrected } of suspicions(copy)) {
    const recipient = await parseIdentity(corrected).then((pair) => pair.recipient, () => undefined);
    const fits = recipient !== undefined && (recipients === undefined || recipients.includes(recipient));
    if (fits) fitting.push(what);
  }
  const [first] = fitting;
  const sure = first !== undefined && recipients !== undefined;
  const what = first === undefined ? describeCopy(copy) : sure ? first : `perhaps ${first}`;
  return new ColdframeError("key-invalid", `this copy is not right: ${what}`, {
    hint: "Compare that place with the paper, and check the corrected copy again.",
  });
}
