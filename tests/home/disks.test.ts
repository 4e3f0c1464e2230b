/** Disks by UUID and label. */

import assert from "node:assert/strict";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { ColdframeError } from "../../lib/errors.ts";
import { type DiskPlaces, folderOnDisk } from "../../lib/home/disks.ts";
import { withFolder } from "../tools.ts";

/** A Linux with two sticks: one mounted, one only plugged in. */
function withSticks(body: (places: DiskPlaces, folder: string) => Promise<void>): Promise<void> {
  return withFolder(async (folder) => {
    const places = {
      platform: "linux",
      byName: join(folder, "disk"),
      mountinfo: join(folder, "mountinfo"),
      volumes: join(folder, "Volumes"),
    };
    for (const kind of ["by-uuid", "by-label"]) await mkdir(join(places.byName, kind), { recursive: true });
    for (const device of ["sdb1", "sdc1"]) await writeFile(join(folder, device), "");
    await symlink(join(folder, "sdb1"), join(places.byName, "by-uuid", "1A2B-3C4D"));
    await symlink(join(folder, "sdb1"), join(places.byName, "by-label", "Our\\x20Photos"));
    await symlink(join(folder, "sdc1"), join(places.byName, "by-uuid", "9999-0000"));
    const stick = join(folder, "backup stick");
    await mkdir(join(stick, "Pictures"), { recursive: true });
    await writeFile(
      places.mountinfo,
      "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw\n" +
        `36 22 254:17 / ${stick.replaceAll(" ", "\\040")} rw shared:2 - vfat ${join(folder, "sdb1")} rw\n`,
    );
    await body(places, folder);
  });
}

const missing = (says: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ColdframeError && error.code === "source-missing", String(error));
  assert.match(error.message, says);
  return true;
};

test("a folder of a stick is found wherever the stick is mounted", () =>
  withSticks(async (places, folder) => {
    const wanted = join(folder, "backup stick", "Pictures");
    assert.equal(await folderOnDisk("UUID=1A2B-3C4D", "Pictures", places), wanted);
    assert.equal(await folderOnDisk("UUID=1a2b-3c4d", "Pictures", places), wanted);
    assert.equal(await folderOnDisk("LABEL=Our Photos", "Pictures", places), wanted);
    assert.equal(await folderOnDisk("UUID=1A2B-3C4D", wanted, places), wanted);
  }));

test("a stick that is not plugged in is an error, not an empty folder", () =>
  withSticks(async (places) => {
    await assert.rejects(folderOnDisk("UUID=0000-0000", "Pictures", places), missing(/is not plugged in/));
  }));

test("a stick that is not mounted is an error, not an empty folder", () =>
  withSticks(async (places) => {
    await assert.rejects(
      folderOnDisk("UUID=9999-0000", "Pictures", places),
      missing(/plugged in, but not mounted/),
    );
  }));

test("an absolute folder that is on another disk is refused: the sticks were swapped, or it is not mounted", () =>
  withSticks(async (places, folder) => {
    await assert.rejects(
      folderOnDisk("UUID=1A2B-3C4D", join(folder, "elsewhere"), places),
      missing(/is not on the disk UUID=1A2B-3C4D, but on another/),
    );
  }));

test("a Mac finds disks by their names, and says that it cannot by UUID", () =>
  withSticks(async (places) => {
    const mac = { ...places, platform: "darwin" };
    await assert.rejects(folderOnDisk("UUID=1", "a", mac), /tells disks by their names/);
    await assert.rejects(folderOnDisk("LABEL=Photos", "a", mac), missing(/is not mounted/));
    await mkdir(join(places.volumes, "Photos"), { recursive: true }); // a folder, not a disk
    await assert.rejects(folderOnDisk("LABEL=Photos", "a", mac), missing(/is not mounted/));
  }));

test("a system that cannot tell disks apart says so", () =>
  withSticks(async (places) => {
    await assert.rejects(
      folderOnDisk("UUID=1", "a", { ...places, platform: "win32" }),
      /cannot be told apart/,
    );
  }));
