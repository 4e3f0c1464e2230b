/** versitygw: an S3 gateway in front of a folder, written in Go. The folder's file system must have user xattrs. */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { answers, type Daemons, freePort } from "./daemon.ts";

export const VERSITY_TOOLS = ["versitygw"];

/** Starts it and gives its URL. */
export async function startVersity(
  daemons: Daemons,
  keys: { accessKey: string; secretKey: string; region: string },
): Promise<string> {
  const port = await freePort();
  const data = join(daemons.folder, "data");
  await mkdir(data);
  daemons.start("versitygw", [
    "--quiet",
    "--region",
    keys.region,
    "--port",
    `127.0.0.1:${port}`,
    "posix",
    data,
  ], {
    ROOT_ACCESS_KEY: keys.accessKey,
    ROOT_SECRET_KEY: keys.secretKey,
  });
  const url = `http://127.0.0.1:${port}`;
  await daemons.until("versitygw", 30, () => answers(url));
  return url;
}
