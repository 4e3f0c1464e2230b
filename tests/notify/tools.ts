/** What the tests of the channels share: a message, and a world to send it in. */

import type { Message, NotifyContext } from "../../lib/notify/channel.ts";

/** A message that tries hard to break out of the place it is put in. */
export const MESSAGE: Message = {
  id: "0f3a-12",
  kind: "opened",
  urgency: "high",
  time: Date.parse("2026-03-01T12:00:00Z"),
  subject: "damage: Pictures/a\r\nBcc: eve@example.org\n.jpg – “schön”",
  text: "One copy is gone:\n\n  Pictures/Übung.jpg\n.\nQUIT\n",
  problems: [{
    scope: "volumes",
    name: "volumes/x.iso.age",
    kind: "object-missing",
    severity: "damage",
    message: "volumes/x.iso.age is gone",
    hint: undefined,
    files: ["Pictures/a\n.jpg"],
    opened: 1,
    closed: undefined,
  }],
};

/** A world with these variables, for a home. */
export function contextIn(home: string, env: Record<string, string> = {}): NotifyContext {
  return {
    env,
    home,
    fetch,
    signal: new AbortController().signal,
    now: () => Date.parse("2026-03-02T08:00:00Z"),
  };
}
