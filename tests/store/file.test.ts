/** The `file:` store against the suite of every store, on disks with hard links and without. */

import process from "node:process";
import { link, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FileStoreOptions, openFile } from "../../lib/store/file.ts";
import { type ConformanceOptions, ODD_KEYS, storeConformance } from "./conformance.ts";
import { testContext, withoutLinks } from "./context.ts";

/** A folder on the disk to test, such as a mounted USB stick; the system's temporary one by default. */
const PLACE = process.env["COLDFRAME_TEST_FOLDER"] ?? tmpdir();

/** Keys that no name can hold on Windows, or on FAT anywhere. */
const REFUSED = process.platform === "win32"
  ? ODD_KEYS.filter((key) => /["*:<>?\\|]|[ .](?:\/|$)/.test(key))
  : process.env["COLDFRAME_TEST_FOLDER_FAT"] === "1"
  ? ODD_KEYS.filter((key) => /["*:<>?\\|]/.test(key))
  : [];

function conformance(name: string, options: FileStoreOptions): void {
  const suite: ConformanceOptions = {
    openMissing: () => openFile(`file:${join(PLACE, "coldframe-test-none")}`, testContext()),
    refusedKeys: REFUSED,
  };
  storeConformance(name, async () => {
    const folder = await mkdtemp(join(PLACE, "coldframe-test-"));
    const url = `file:${join(folder, "store")}`;
    return {
      store: await openFile(url, testContext(), { ...options, create: true }),
      reopen: () => openFile(url, testContext(), options),
      close: () => rm(folder, { recursive: true, force: true }),
    };
  }, suite);
}

conformance("file", { partSize: 64 * 1024, link });
conformance("file without hard links", { partSize: 64 * 1024, link: withoutLinks });
