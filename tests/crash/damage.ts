/** An archive with every kind of stored object, and random damage to them. */

import { Buffer } from "node:buffer";
import { copyFile, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { put } from "../cli/files.ts";
import type { User } from "../cli/harness.ts";
import { pseudoRandom } from "../tools.ts";
import { type Contents, contentsBelow } from "./source.ts";
import type { Random } from "./random.ts";

/** Kinds of objects, by the folder of the store. `plain` is a volume that is stored as it is. */
export const KINDS = ["staged", "volumes", "plain", "manifests", "catalog", "keys"] as const;
export type ObjectKind = typeof KINDS[number];

/** The passphrase of the key in the store. */
export const PASSPHRASE = "correct horse";

/** Where a volume keeps what must come back: damage elsewhere in it may go unnoticed by a restore. */
interface FilesOf {
  readonly headerSize: number;
  readonly encrypted: boolean;
  readonly extents: readonly { readonly offset: number; readonly size: number }[];
}

/** A home, a store and photos; all built once, then damaged and mended again. */
export interface DamagedArchive {
  readonly user: User;
  /** What every file must be. */
  readonly photos: Contents;
  /** Keys of the objects of each kind. */
  readonly keys: Readonly<Record<ObjectKind, readonly string[]>>;
  readonly volumes: ReadonlyMap<string, FilesOf>;
}

/** Makes an archive: an encrypted volume, a plain one, staged files, snapshots, and the key under a passphrase. */
export async function makeArchive(user: User): Promise<DamagedArchive> {
  const disk = `file:${user.path("disk")}`;
  await user.ok("init", "--yes", "--classic", "--cold", disk, "--staging", disk);
  await copyFile(user.path("home/keys/identity.txt"), user.path("key.txt"));
  await photosFrom(user, 0, 6, 90_000);
  await user.ok("sync", user.path("Photos"), "--seal");
  await photosFrom(user, 6, 2, 30_000);
  await user.ok("sync", "--seal");
  for (const first of [10, 15]) await storePlain(user, first);
  await photosFrom(user, 20, 5, 150_000);
  await user.ok("sync");
  user.env = { COLDFRAME_PASSPHRASE: PASSPHRASE };
  await user.ok("key", "protect", "--work-factor", "10", "--to-store");
  user.env = {};
  await copyFile(user.path("key.txt"), user.path("home/keys/identity.txt"));
  const volumes = await filesOfVolumes(user);
  const of = async (folder: string) =>
    (await readdir(user.path("disk", folder))).map((name) => `${folder}/${name}`);
  const all = await of("volumes");
  return {
    user,
    photos: await contentsBelow(user.path("Photos")),
    keys: {
      staged: await of("staged"),
      volumes: all.filter((key) => key.endsWith(".age")),
      plain: all.filter((key) => !key.endsWith(".age")),
      manifests: await of("manifests"),
      catalog: await of("catalog"),
      keys: await of("keys"),
    },
    volumes,
  };
}

/** A volume that is stored as it is, by `pack --plain` and `upload --plain`. */
async function storePlain(user: User, first: number): Promise<void> {
  const images = user.path(`images-${first}`);
  await photosFrom(user, first, 3, 60_000);
  await user.ok("scan");
  await user.ok("pack", "--plain", "--out", images, "--seal");
  for (const name of await readdir(images)) await user.ok("upload", "--plain", join(images, name));
}

async function photosFrom(user: User, first: number, count: number, size: number): Promise<void> {
  for (let i = first; i < first + count; i++) {
    await put(user, `Photos/IMG_${i}.jpg`, pseudoRandom(size + i, i + 1));
  }
}

async function filesOfVolumes(user: User): Promise<Map<string, FilesOf>> {
  const rows = async (...args: string[]) =>
    (await user.ok(...args, "--json")).trim().split("\n").map((row) => JSON.parse(row));
  const found = new Map<string, FilesOf>();
  for (const { name, key, headerSize } of await rows("ls", "volumes")) {
    const files = (await rows("tree", name)).filter(({ offset, path }) =>
      typeof offset === "number" && path.startsWith("Photos/")
    );
    found.set(key, { headerSize, encrypted: key.endsWith(".age"), extents: files });
  }
  return found;
}

/** What was done to an object. */
export interface Damage {
  readonly key: string;
  readonly what: string;
  /** Whether a byte is affected that a restore of everything reads. */
  readonly mustShow: boolean;
  undo(): Promise<void>;
}

/** Damages one object of a kind: a flipped bit, a cut, or the bytes of another object. */
export async function damageOne(archive: DamagedArchive, kind: ObjectKind, random: Random): Promise<Damage> {
  const key = random.pick(archive.keys[kind]);
  const others = archive.keys[kind].filter((other) => other !== key);
  const way = random.pick(
    others.length === 0 ? ["flip", "cut"] as const : ["flip", "flip", "cut", "swap"] as const,
  );
  if (way === "swap") return await swap(archive, key, random.pick(others));
  const path = join(archive.user.path("disk"), key);
  const bytes = await readFile(path);
  const undo = () => writeFile(path, bytes);
  if (way === "cut") {
    const length = random.below(bytes.length);
    await writeFile(path, bytes.subarray(0, length));
    return {
      key,
      what: `cut to ${length} of ${bytes.length} bytes`,
      mustShow: isCutRead(archive, kind, key, length),
      undo,
    };
  }
  const at = random.below(bytes.length);
  const bit = random.below(8);
  const flipped = Buffer.from(bytes);
  flipped.writeUInt8(flipped.readUInt8(at) ^ (1 << bit), at);
  await writeFile(path, flipped);
  return { key, what: `bit ${bit} of byte ${at} flipped`, mustShow: isRead(archive, kind, key, at), undo };
}

async function swap({ user }: DamagedArchive, one: string, two: string): Promise<Damage> {
  const paths = [one, two].map((key) => join(user.path("disk"), key));
  const [first = "", second = ""] = paths;
  const [bytesOfFirst, bytesOfSecond] = [await readFile(first), await readFile(second)];
  await writeFile(first, bytesOfSecond);
  await writeFile(second, bytesOfFirst);
  const undo = async () => {
    await writeFile(first, bytesOfFirst);
    await writeFile(second, bytesOfSecond);
  };
  return { key: one, what: `swapped with ${two}`, mustShow: /^(staged|volumes)/.test(one), undo };
}

/** Whether a cut shows: the end of an encrypted object is always looked at, that of a plain image only for files. */
function isCutRead({ volumes }: DamagedArchive, kind: ObjectKind, key: string, length: number): boolean {
  const volume = volumes.get(key);
  if (volume === undefined) return kind === "staged";
  return volume.encrypted || volume.extents.some(({ offset, size }) => offset + size > length);
}

const CHUNK = 65_536;
const SEALED = CHUNK + 16;

/** Whether a restore of everything reads this byte, in the layout of docs/FORMAT.md. */
function isRead({ volumes }: DamagedArchive, kind: ObjectKind, key: string, at: number): boolean {
  if (kind === "staged") return true;
  const volume = volumes.get(key);
  if (volume === undefined) return false;
  if (!volume.encrypted) return volume.extents.some(({ offset, size }) => at >= offset && at < offset + size);
  const payload = volume.headerSize + 16;
  if (at < payload) return true;
  const chunk = Math.floor((at - payload) / SEALED);
  return volume.extents.some(({ offset, size }) =>
    chunk >= Math.floor(offset / CHUNK) && chunk <= Math.floor((offset + size - 1) / CHUNK)
  );
}

/** Files of a restore that are not what they must be; whatever is missing is no wrong file. */
export async function wrongFiles(
  photos: Contents,
  restored: string,
): Promise<{ wrong: string[]; missing: string[] }> {
  const back = await contentsBelow(restored).catch((): Contents => ({}));
  const wrong = Object.keys(back).filter((path) => back[path] !== photos[path]);
  const missing = Object.keys(photos).filter((path) => back[path] === undefined);
  await rm(restored, { recursive: true, force: true });
  return { wrong, missing };
}
