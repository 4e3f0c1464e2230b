/** moto, the mock of AWS in Python: knows the storage classes and RestoreObject, checks no signatures. */

import { answers, type Daemons, freePort } from "./daemon.ts";

export const MOTO_TOOLS = ["moto_server"];

/** Starts it and gives its URL. */
export async function startMoto(daemons: Daemons): Promise<string> {
  const port = await freePort();
  daemons.start("moto_server", ["-H", "127.0.0.1", "-p", String(port)]);
  const url = `http://127.0.0.1:${port}`;
  await daemons.until("moto_server", 60, () => answers(`${url}/moto-api/`));
  return url;
}
