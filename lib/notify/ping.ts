/**
 * Signs of life for a service that notices when they stop (healthchecks.io/docs/http_api: success, `/start`,
 * `/fail`). The address is a key: who has it can forge them. So it comes from the environment or a file of
 * mode 0600 and not from config.toml, which people show each other; and no message names more than its host.
 */

import type { NotifyContext } from "./channel.ts";
import { addressOf, call } from "./http.ts";
import type { PingSettings } from "./settings.ts";

/** What is told. */
export type Sign = "start" | "success" | "fail";

/** Sends one sign; nothing but that it was sent goes with it. */
export async function ping(settings: PingSettings, context: NotifyContext, sign: Sign): Promise<void> {
  const url = await addressOf(context, {
    what: "the address of the ping",
    variable: "COLDFRAME_PING_URL",
    file: settings.urlFile,
  }, undefined);
  if (sign !== "success") url.pathname = `${url.pathname.replace(/\/$/, "")}/${sign}`;
  await call(context, `the ping at ${url.host}`, { method: "GET", url, headers: {} });
}
