/** The `gdrive:` store against the suite of every store. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDrive } from "../../lib/store/drive/drive.ts";
import { startDrive } from "../servers/drive/server.ts";
import { storeConformance } from "./conformance.ts";
import { prepare, type Setting } from "./drive_world.ts";

const QUANTUM = 256 * 1024;

async function start(): Promise<Setting & { close(): Promise<void> }> {
  const { server, close } = await startDrive();
  const home = await mkdtemp(join(tmpdir(), "coldframe-test-"));
  const stop = async () => {
    await close();
    await rm(home, { recursive: true });
  };
  return { ...await prepare(server, home), close: stop };
}

async function openMissing() {
  const { context, close } = await start();
  try {
    return await openDrive("gdrive:None", context);
  } finally {
    await close();
  }
}

/** Quotes and backslashes in the name of a folder are Drive's own trap. */
const URL = "gdrive:Photos/Grandma's \\ box";

storeConformance("gdrive", async () => {
  const setting = await start();
  try {
    return {
      store: await setting.open(URL, { partSize: QUANTUM }),
      reopen: () => openDrive(URL, setting.context, { partSize: QUANTUM }),
      close: setting.close,
    };
  } catch (error) {
    await setting.close();
    throw error;
  }
}, { openMissing });
