/**
 * Disks by what they are rather than by where they happen to be: a stick in the place of another has another
 * UUID, and one that is not there has no mount point.
 */

import { readFile, realpath, stat } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import process from "node:process";
import { ColdframeError, systemCode } from "../errors.ts";

/** Where the system says which disks there are; tests have places of their own. */
export interface DiskPlaces {
  readonly platform: string;
  /** Linux: the folder of `by-uuid` and `by-label`, which udev keeps. */
  readonly byName: string;
  /** Linux: what is mounted where; proc_pid_mountinfo(5). */
  readonly mountinfo: string;
  /** macOS: the folder of mounted disks by their names. */
  readonly volumes: string;
}

const HERE: DiskPlaces = {
  platform: process.platform,
  byName: "/dev/disk",
  mountinfo: "/proc/self/mountinfo",
  volumes: "/Volumes",
};

/**
 * The absolute path of a folder on a disk.
 *
 * @param disk `UUID=…` or `LABEL=…`
 * @param folder on that disk: relative to where it is mounted, or absolute
 * @throws ColdframeError `source-missing` when the disk is not there, not mounted, or another one stands at an
 *   absolute path; `config` where this system cannot tell
 */
export async function folderOnDisk(disk: string, folder: string, places: DiskPlaces = HERE): Promise<string> {
  if (places.platform === "darwin") return await onVolume(disk, folder, places);
  if (places.platform !== "linux") {
    throw new ColdframeError("config", `disks cannot be told apart by ${disk} on this system`, {
      hint: "Name the folder alone, without a disk.",
    });
  }
  const device = await deviceOf(disk, places);
  const mounts = await readMounts(places.mountinfo);
  const own = mounts.filter((mount) => mount.source === device.path || mount.numbers === device.numbers);
  const [first] = own;
  if (first === undefined) {
    throw new ColdframeError("source-missing", `the disk ${disk} is plugged in, but not mounted`, {
      hint: `Mount it: sudo mount ${device.path} FOLDER`,
    });
  }
  if (!isAbsolute(folder)) return join(first.at, folder);
  const path = await realpath(folder).catch(() => folder);
  const standing = mounts.filter(({ at }) => isBelow(path, at)).reduce((deepest, mount) =>
    mount.at.length >= deepest.at.length ? mount : deepest
  );
  if (own.includes(standing)) return folder;
  throw anotherDisk(disk, folder, own.map(({ at }) => at));
}

/** A disk as the kernel knows it. */
interface Device {
  readonly path: string;
  /** `major:minor`. */
  readonly numbers: string;
}

async function deviceOf(disk: string, { byName }: DiskPlaces): Promise<Device> {
  const [kind = "", ...rest] = disk.split("=");
  const name = rest.join("=");
  const folder = join(byName, kind === "UUID" ? "by-uuid" : "by-label");
  // FAT's UUIDs are written in upper case, those of others in lower case; udev escapes what no file name holds.
  const names = kind === "UUID" ? [name, name.toLowerCase(), name.toUpperCase()] : [escaped(name)];
  for (const candidate of names) {
    const path = await realpath(join(folder, candidate)).catch(() => undefined);
    if (path === undefined) continue;
    const { rdev } = await stat(path);
    // makedev(3) of glibc, as far as 32 bits go.
    return { path, numbers: `${(rdev >>> 8) & 0xfff}:${(rdev & 0xff) | ((rdev >>> 12) & 0xfff00)}` };
  }
  throw new ColdframeError("source-missing", `the disk ${disk} is not plugged in`, {
    hint: "Plug it in and mount it; `lsblk -f` shows the disks that are there.",
  });
}

/** As udev writes names into `by-label`. */
function escaped(name: string): string {
  return name.replace(
    /[^\p{L}\p{N}#+\-.:=@_]/gu,
    (character) =>
      [...new TextEncoder().encode(character)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join(
        "",
      ),
  );
}

interface Mount {
  readonly at: string;
  readonly numbers: string;
  /** The device, or what stands for one. */
  readonly source: string;
}

async function readMounts(path: string): Promise<Mount[]> {
  const lines = (await readFile(path, "utf8")).split("\n").filter((line) => line !== "");
  return lines.map((line) => {
    const fields = line.split(" ");
    const end = fields.indexOf("-");
    const at = unescaped(fields[4] ?? "");
    return { at, numbers: fields[2] ?? "", source: unescaped(fields[end + 2] ?? "") };
  });
}

function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}

function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
}

async function onVolume(disk: string, folder: string, { volumes }: DiskPlaces): Promise<string> {
  const label = /^LABEL=(.+)$/.exec(disk)?.[1];
  if (label === undefined) {
    throw new ColdframeError("config", `a Mac tells disks by their names here, not by ${disk}`, {
      hint: "Write LABEL= and the name that Finder shows.",
    });
  }
  const at = join(volumes, label);
  try {
    const [disks, own] = await Promise.all([stat(volumes), stat(at)]);
    if (disks.dev === own.dev) throw notMounted(disk);
  } catch (error) {
    throw systemCode(error) === "ENOENT" ? notMounted(disk) : error;
  }
  if (!isAbsolute(folder)) return join(at, folder);
  if (isBelow(folder, at)) return folder;
  throw anotherDisk(disk, folder, [at]);
}

function notMounted(disk: string): ColdframeError {
  return new ColdframeError("source-missing", `the disk ${disk} is not mounted`, { hint: "Plug it in." });
}

function anotherDisk(disk: string, folder: string, mounts: readonly string[]): ColdframeError {
  return new ColdframeError("source-missing", `${folder} is not on the disk ${disk}, but on another`, {
    hint: `Mount the right disk there. The one named is at ${mounts.join(", ")}.`,
  });
}
