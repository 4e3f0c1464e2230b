/** An archive of many small volumes in an archive class of the strict server, and a clock that tests move. */

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { builtinText } from "../../lib/cost/builtin.ts";
import { put } from "../cli/files.ts";
import { withUser } from "../cli/harness.ts";
import { S3Archive } from "../jobs/s3-archive.ts";
import { type LoggedRequest, type Operation, withS3 } from "../servers/s3/server.ts";
import { pseudoRandom } from "../tools.ts";

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
export const START = Date.parse("2026-03-01T12:00:00Z");

/** What of an archive to make. */
export interface ColdOptions {
  readonly storageClass?: string;
  readonly volumes?: number;
  /** Whether prices lie in the home: else those of the test's server are not known. */
  readonly priced?: boolean;
}

/** Photos in each volume; they stand so far apart that each is a range of its own. */
const PER_VOLUME = 3;
const PHOTO = 10_000;
const FILLER = 400_000;

/** A user whose photos are in cold volumes. */
export class ColdArchive extends S3Archive {
  /** Moves the clock of everybody, in ms. */
  pass(ms: number): void {
    this.user.clock = (this.user.clock ?? START) + ms;
  }

  /** Requests of an operation that were logged after the first `from`. */
  asked(operation: Operation, from = 0): LoggedRequest[] {
    return this.server.log.slice(from).filter((request) => request.operation === operation);
  }

  /** Ranges of files that were read after that; opening an object reads its header and its end. */
  ranges(from = 0): number {
    const gets = this.asked("GetObject", from).filter(({ key }) => key.includes("/volumes/"));
    const opened = gets.filter(({ headers }) => headers.get("range")?.startsWith("bytes=0-") === true);
    return gets.length - 2 * opened.length;
  }

  /** How often the server was asked to thaw each volume, and did it. */
  thaws(): Map<string, number> {
    const asked = this.asked("RestoreObject").filter(({ status, fault }) =>
      status !== 0 || fault !== undefined
    );
    return new Map(
      [...Map.groupBy(asked, ({ key }) => key)].map(([key, requests]) => [key, requests.length]),
    );
  }
}

/**
 * Runs `body` with volumes of three photos each: `w….jpg`, and in every other volume one `x….jpg` instead; 30 of
 * the first sort in 12 volumes.
 */
export function withCold<T>(
  body: (archive: ColdArchive) => Promise<T>,
  { storageClass = "DEEP_ARCHIVE", volumes = 12, priced = true }: ColdOptions = {},
): Promise<T> {
  return withUser((user) => {
    user.clock = START;
    const now = () => user.clock ?? Date.now();
    return withS3({ buckets: ["bucket"], now, region: "us-east-1" }, async (server) => {
      const archive = new ColdArchive(user, server, `&class=${storageClass}`);
      await fill(archive, volumes);
      if (priced) await writeFile(user.path("home/prices.json"), builtinText());
      assert.equal(archive.keys("volumes/").length, volumes);
      server.log.length = 0;
      const result = await body(archive);
      assert.deepEqual(server.crashes, []);
      return result;
    });
  });
}

async function fill(archive: ColdArchive, volumes: number): Promise<void> {
  const { user } = archive;
  for (let i = 0; i < volumes * PER_VOLUME; i++) {
    const day = new Date(Date.parse("2024-01-01T00:00:00Z") + i * DAY).toISOString();
    const number = String(i).padStart(2, "0");
    await put(user, `Photos/${i % 6 === 5 ? "x" : "w"}${number}.jpg`, pseudoRandom(PHOTO, i + 1), day);
    await put(user, `Photos/y${number}.mov`, pseudoRandom(FILLER, 1000 + i), day);
  }
  const size = String(PER_VOLUME * (PHOTO + FILLER) + 1_200_000);
  await user.ok("sync", user.path("Photos"), ...archive.stores, "--seal", "--volume-size", size);
}
