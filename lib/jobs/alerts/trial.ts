/** Trying each channel, so that it is known to work before it is needed. */

import { hostname } from "node:os";
import { ColdframeError } from "../../errors.ts";
import type { Message, NotifyContext } from "../../notify/channel.ts";
import { openChannels, openPing } from "../../notify/open.ts";
import type { AlertSettings } from "../../notify/settings.ts";
import { formatTime } from "../../text.ts";
import { signature } from "./text.ts";

/** What came of one channel. */
export interface Trial {
  readonly channel: string;
  /** Where it goes, without anything secret. */
  readonly place: string;
  /** Undefined when the message was taken. */
  readonly error: string | undefined;
  readonly hint: string | undefined;
}

/** Sends a test message through each channel, and a sign of life that says that all is well. */
export async function tryChannels(settings: AlertSettings, context: NotifyContext): Promise<Trial[]> {
  const message = testMessage(context);
  const trials = openChannels(settings, context).map(({ name, place, send }) =>
    trial(name, place, () => send(message))
  );
  const ping = openPing(settings, context);
  if (ping !== undefined) trials.push(trial("ping", "the service that listens", () => ping("success")));
  return await Promise.all(trials);
}

async function trial(channel: string, place: string, send: () => Promise<void>): Promise<Trial> {
  try {
    await send();
    return { channel, place, error: undefined, hint: undefined };
  } catch (error) {
    if (!(error instanceof ColdframeError)) throw error;
    return { channel, place, error: error.message, hint: error.hint };
  }
}

function testMessage({ now, home }: NotifyContext): Message {
  const time = now();
  const host = hostname();
  return {
    id: `test-${time}`,
    kind: "test",
    urgency: "normal",
    time,
    subject: `coldframe: a test from ${host}`,
    text: [
      `This is a test, sent on ${formatTime(time)}. Messages that matter come this way, too.`,
      "",
      ...signature({ host, home }),
    ].join("\n") + "\n",
    problems: [],
  };
}
