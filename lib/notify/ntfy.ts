/** Push messages through ntfy (docs.ntfy.sh/publish, "Publish as JSON"). */

import { type Channel, type Message, type NotifyContext, oneLine } from "./channel.ts";
import { addressOf, call, hostOf, secretFor } from "./http.ts";
import type { NtfySettings } from "./settings.ts";
import { ColdframeError } from "../errors.ts";

/** ntfy makes an attachment of what is longer, in bytes of UTF-8 ("Limitations"). */
const LONGEST = 4096;

/** ntfy's priorities: 5 rings through silence, 2 makes no sound. */
const PRIORITY = { high: 4, normal: 3, low: 2 } as const;

/** Opens the channel. Nothing is read or asked before something is sent. */
export function openNtfy(settings: NtfySettings, context: NotifyContext): Channel {
  return {
    name: "ntfy",
    place: hostOf(settings.url) ?? "ntfy",
    send: (message) => send(settings, context, message),
  };
}

async function send(settings: NtfySettings, context: NotifyContext, message: Message): Promise<void> {
  const place = {
    what: "the address of the ntfy topic",
    variable: "COLDFRAME_NTFY_URL",
    file: settings.urlFile,
  };
  const { server, topic } = topicOf(await addressOf(context, place, settings.url));
  const token = await secretFor(server, context, {
    what: "the ntfy token",
    variable: "COLDFRAME_NTFY_TOKEN",
    file: settings.tokenFile,
  });
  await call(context, `ntfy at ${server.host}`, {
    method: "POST",
    url: server,
    headers: {
      "content-type": "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({
      topic,
      title: oneLine(message.subject),
      message: shortened(message.text, LONGEST),
      priority: PRIORITY[message.urgency],
    }),
  });
}

/** JSON goes to the server's root, which is all of the address but its last part. */
function topicOf(address: URL): { server: URL; topic: string } {
  const [, folder = "/", topic = ""] = /^(.*\/)([^/]+)\/?$/.exec(address.pathname) ?? [];
  if (topic === "") {
    throw new ColdframeError("config", "the address of the ntfy topic ends without a topic", {
      hint: "It looks like https://ntfy.sh/my-topic",
    });
  }
  return { server: new URL(folder, address.origin), topic: decodeURIComponent(topic) };
}

/** The beginning of a text, whole characters only, that takes at most so many bytes of UTF-8. */
export function shortened(text: string, bytes: number): string {
  const all = new TextEncoder().encode(text);
  if (all.length <= bytes) return text;
  const end = "\n…";
  let cut = bytes - new TextEncoder().encode(end).length;
  while (((all[cut] ?? 0) & 0xc0) === 0x80) cut -= 1; // never inside a character
  return new TextDecoder().decode(all.subarray(0, cut)) + end;
}
