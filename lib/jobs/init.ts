/** Making a home: keys, box id, settings. */

import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { formatIdentityFile, generateKeyPair, type KeyKind, parseIdentityFile } from "../age/keys.ts";
import { type ArchiveIdentity, openCatalog } from "../catalog/catalog.ts";
import { makePrivateFile } from "../files.ts";
import { checkRecipients } from "../age/header.ts";
import { ColdframeError, systemCode } from "../errors.ts";
import { type ConfigChoices, renderConfig } from "../home/config.ts";
import { type Home, homeError, homePaths, makeHome } from "../home/home.ts";
import { assertStoreUrl } from "../store/open.ts";

/** What the user decides about a new home. */
export interface InitChoices extends ConfigChoices {
  readonly keyKind: KeyKind;
  /** Public keys to encrypt to besides, or instead of, the home's own. */
  readonly recipients: readonly string[];
  /** Whether to make a key pair; without one, `recipients` must name at least one key. */
  readonly makeIdentity: boolean;
}

/** What happens when nobody is asked. */
export const DEFAULT_CHOICES: InitChoices = { keyKind: "hybrid", recipients: [], makeIdentity: true };

/**
 * Makes a home. A key that an interrupted attempt left there is taken up, never replaced.
 *
 * @param root absolute path of the home
 * @throws ColdframeError `home`, `key-invalid`, `key-missing`
 */
export async function createHome(root: string, choices: InitChoices, now: number): Promise<Home> {
  for (const url of [choices.staging, choices.cold]) if (url !== undefined) assertStoreUrl(url);
  const own = choices.makeIdentity ? await identityFor(root, choices.keyKind, now) : undefined;
  const wanted = [...(own?.recipients ?? []), ...choices.recipients];
  if (wanted.length === 0) {
    throw new ColdframeError("key-missing", "a home needs at least one public key to encrypt to", {
      hint: "Add --recipient age1…, or let coldframe make a key pair.",
    });
  }
  const recipients = checkRecipients(wanted);
  return await makeHome(root, {
    box: randomBytes(8).toString("hex"),
    identity: own?.text,
    recipients,
    config: renderConfig(choices),
  }, async (paths) => {
    await makePrivateFile(paths.catalog); // it will hold the file keys of unfinished uploads
    (await openCatalog(paths.catalog, freshArchive())).close();
  });
}

/** The ids of an archive that begins now. */
export function freshArchive(): ArchiveIdentity {
  return { archive: randomBytes(16).toString("hex"), opaqueKey: randomBytes(32).toString("hex") };
}

async function identityFor(
  root: string,
  kind: KeyKind,
  now: number,
): Promise<{ text: string; recipients: readonly string[] }> {
  const path = homePaths(root).identity;
  const left = await readFile(path, "utf8").catch((error) => {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return undefined;
    throw homeError(error, root);
  });
  if (left !== undefined) {
    const pairs = await parseIdentityFile(left, path);
    return { text: left, recipients: pairs.map((pair) => pair.recipient) };
  }
  const pair = await generateKeyPair(kind);
  return { text: formatIdentityFile(pair, now), recipients: [pair.recipient] };
}
