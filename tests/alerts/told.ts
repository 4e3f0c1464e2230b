/** A user whose alerts go to servers of this process, and what these were told. */

import { writeFile } from "node:fs/promises";
import type { MessageKind, Problem } from "../../lib/notify/channel.ts";
import { type User, withUser } from "../cli/harness.ts";
import { put } from "../cli/files.ts";
import { type Recorder, withRecorder } from "../servers/recorder.ts";

/** A message as a webhook gets it. */
export interface Told {
  readonly id: string;
  readonly kind: MessageKind;
  readonly urgency: string;
  readonly subject: string;
  readonly text: string;
  readonly problems: readonly Problem[];
}

/** The user and the two servers: one for messages, one for signs of life. */
export interface Watched {
  readonly user: User;
  readonly hook: Recorder;
  readonly signs: Recorder;
  /** What was told since the last call. */
  told(): Told[];
  /** The signs of life since the last call, such as `start`. */
  heard(): string[];
  /** Lets days pass. */
  pass(days: number): void;
}

const DAY = 86_400_000;

/** Runs `body` with a user who has one photo, stored, and alerts by webhook and ping. */
export function withWatched(body: (watched: Watched) => Promise<void>): Promise<void> {
  return withRecorder((hook) =>
    withRecorder((signs) =>
      withUser(async (user) => {
        user.clock = Date.parse("2026-03-03T03:00:00Z");
        user.env = { COLDFRAME_WEBHOOK_URL: `${hook.url}/hook`, COLDFRAME_PING_URL: `${signs.url}/id` };
        await user.ok("init", "--yes", "--classic");
        // What the other parts of the program prove, and when, is not what these tests are about.
        await writeFile(
          user.path("home/config.toml"),
          'volume-size = "10M"\n[checks]\nstaging = "never"\nvolumes = "never"\nsources = "never"\n',
        );
        await put(user, "Photos/a.jpg", "a");
        await user.ok("sync", user.path("Photos"));
        const taken = <T>(list: T[]) => list.splice(0);
        const told = () => taken(hook.requests).map(({ body }): Told => JSON.parse(body));
        const heard = () =>
          taken(signs.requests).map(({ path }) => path.replace(/^\/id\/?/, "") || "success");
        told();
        heard();
        const pass = (days: number) => void (user.clock = (user.clock ?? 0) + days * DAY);
        await body({ user, hook, signs, told, heard, pass });
      })
    )
  );
}
