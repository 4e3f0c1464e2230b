/** What tests of mirrors share: a user with a folder, a mirror, and what really is in it. */

import { join } from "node:path";
import { decryptBytes } from "../../lib/age/stream.ts";
import { readFile } from "node:fs/promises";
import { type User, withUser } from "../cli/harness.ts";
import { filesBelow } from "../cli/files.ts";

/** A moment at which mirrors run. */
export const NOON = Date.parse("2026-03-01T12:00:00Z");
export const DAY = 86_400_000;

/** Runs `body` with a user who has a home, with a key that is quick to use. */
export function withMirrorUser(body: (user: User) => Promise<void>): Promise<void> {
  return withUser(async (user) => {
    user.clock = NOON;
    await user.ok("init", "--yes", "--classic");
    await body(user);
  });
}

/** The store of most tests. */
export function bucketOf(user: User): string {
  return `file:${user.path("bucket")}`;
}

/** Mirrors `Photos`; the report. */
export async function mirrorPhotos(user: User, ...flags: string[]): Promise<Record<string, unknown>> {
  return await user.json("mirror", user.path("Photos"), bucketOf(user), ...flags);
}

/** The keys of a mirror in a folder, without `mirror/`. */
export async function namesIn(user: User, folder = "bucket"): Promise<string[]> {
  return await filesBelow(user.path(folder, "mirror"));
}

/** What opens what the user stored. */
export async function unlockOf(user: User): Promise<{ identities: string[] }> {
  const text = await readFile(join(user.home, "keys", "identity.txt"), "utf8");
  return { identities: text.split("\n").filter((line) => line.startsWith("AGE-SECRET-KEY")) };
}

/** The text in an object of the bucket, decrypted where it is encrypted. */
export async function textOf(user: User, name: string): Promise<string> {
  const bytes = await readFile(user.path("bucket", "mirror", name));
  const plain = name.endsWith(".age") ? await decryptBytes(bytes, await unlockOf(user)) : bytes;
  return new TextDecoder().decode(plain);
}
