/** From settings to channels. A new kind of channel is one line here. */

import type { Channel, NotifyContext } from "./channel.ts";
import { openMail } from "./mail.ts";
import { openNtfy } from "./ntfy.ts";
import { ping, type Sign } from "./ping.ts";
import type { AlertSettings } from "./settings.ts";
import { openWebhook } from "./webhook.ts";

const NO_NTFY = { url: undefined, urlFile: undefined, tokenFile: undefined };
const NO_WEBHOOK = { url: undefined, urlFile: undefined, header: "authorization", secretFile: undefined };

/** The channels that are set, in config.toml or by an address in the environment. */
export function openChannels(settings: AlertSettings, context: NotifyContext): Channel[] {
  const { mail, ntfy = given(context, "COLDFRAME_NTFY_URL", NO_NTFY) } = settings;
  const { webhook = given(context, "COLDFRAME_WEBHOOK_URL", NO_WEBHOOK) } = settings;
  return [
    ...(mail === undefined ? [] : [openMail(mail, context)]),
    ...(ntfy === undefined ? [] : [openNtfy(ntfy, context)]),
    ...(webhook === undefined ? [] : [openWebhook(webhook, context)]),
  ];
}

/** Sends signs of life; undefined where no ping is set. */
export function openPing(
  settings: AlertSettings,
  context: NotifyContext,
): ((sign: Sign) => Promise<void>) | undefined {
  const { ping: set = given(context, "COLDFRAME_PING_URL", { urlFile: undefined }) } = settings;
  return set && ((sign) => ping(set, context, sign));
}

function given<T>({ env }: NotifyContext, variable: string, settings: T): T | undefined {
  return (env[variable] ?? "") === "" ? undefined : settings;
}
