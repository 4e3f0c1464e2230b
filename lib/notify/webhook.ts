/** Messages as JSON, for a program of the user's. docs/ALERTS.md describes the keys. */

import type { Channel, Message, NotifyContext } from "./channel.ts";
import { addressOf, call, hostOf, secretFor } from "./http.ts";
import type { WebhookSettings } from "./settings.ts";

/** Opens the channel. Nothing is read or asked before something is sent. */
export function openWebhook(settings: WebhookSettings, context: NotifyContext): Channel {
  return {
    name: "webhook",
    place: hostOf(settings.url) ?? "webhook",
    send: (message) => send(settings, context, message),
  };
}

async function send(settings: WebhookSettings, context: NotifyContext, message: Message): Promise<void> {
  const place = {
    what: "the address of the webhook",
    variable: "COLDFRAME_WEBHOOK_URL",
    file: settings.urlFile,
  };
  const url = await addressOf(context, place, settings.url);
  const secret = await secretFor(url, context, {
    what: "the secret of the webhook",
    variable: "COLDFRAME_WEBHOOK_SECRET",
    file: settings.secretFile,
  });
  await call(context, `the webhook at ${url.host}`, {
    method: "POST",
    url,
    headers: {
      "content-type": "application/json",
      "idempotency-key": message.id,
      ...(secret === undefined ? {} : { [settings.header]: secret }),
    },
    body: webhookBody(message),
  });
}

/** The JSON of a message: stable keys, null for what is not known. */
export function webhookBody(message: Message): string {
  const { id, kind, urgency, time, subject, text, problems } = message;
  const value = { format: "coldframe-alert/1", id, kind, urgency, time, subject, text, problems };
  return JSON.stringify(value, (_, part: unknown) => part === undefined ? null : part);
}
