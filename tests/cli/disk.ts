/** Small disks that can be full or read-only. Linux gives them to root only. */

import { mkdir } from "node:fs/promises";
import process from "node:process";
import { test } from "node:test";
import { hasTool, run } from "../tools.ts";
import { type User, withUser } from "./harness.ts";

/** A disk that is mounted below the user's folder. */
export interface SmallDisk {
  readonly path: string;
  /** Mounts it again with other options, such as `ro`. */
  remount(options: string): Promise<void>;
  /** What the user sees after an unmount: the empty folder that it was mounted on. */
  hide(): Promise<void>;
}

const POSSIBLE = process.platform === "linux" && process.getuid?.() === 0 && hasTool("mount");

/**
 * A test with a disk of its own at `<user>/disk`. Left out where it cannot be mounted: not because a tool
 * is missing, but because only root may.
 *
 * @param size of the disk, as tmpfs takes it, such as `4m`
 */
export function testOnDisk(
  name: string,
  size: string,
  body: (user: User, disk: SmallDisk) => Promise<void>,
): void {
  if (!POSSIBLE) {
    test(`${name} (left out: only root on Linux can mount a small disk)`, () => {});
    return;
  }
  test(name, () =>
    withUser(async (user) => {
      const path = user.path("disk");
      await mkdir(path);
      await run("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", path]);
      try {
        const remount = async (options: string) =>
          void await run("mount", ["-o", `remount,${options}`, path]);
        await body(user, { path, remount, hide: () => unmount(path) });
      } finally {
        await unmount(path).catch(() => {}); // hidden by the test itself
      }
    }));
}

async function unmount(path: string): Promise<void> {
  await run("umount", ["--lazy", path]);
}
