/**
 * One run at a time per home. The lock is an exclusive transaction on a small SQLite file, which the
 * operating system lets go when its holder dies, however it dies: so nothing has to be guessed about a
 * lock that was left behind, and none can be stolen from a living run.
 */

import { type Client, createClient, LibsqlError, type Transaction } from "@libsql/client";
import { readFile, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { ColdframeError, messageOf } from "../errors.ts";
import { databaseUrl, makePrivateFile } from "../files.ts";

/** Holds a home until `release`. */
export interface HomeLock {
  release(): Promise<void>;
}

/** Who holds a lock; only for the message to whoever comes second. */
interface Holder {
  readonly host: string;
  readonly pid: number;
  readonly started: string;
  readonly job: string;
}

/**
 * Takes the lock of a home.
 *
 * @param job what is about to run, for the message to others
 * @throws ColdframeError `busy` naming the holder; `home` when the lock file cannot be written
 */
export async function lockHome(home: string, job: string, now: number): Promise<HomeLock> {
  const holderFile = join(home, "lock.json");
  let client: Client | undefined;
  let held: Transaction | undefined;
  try {
    const lockFile = join(home, "lock.db");
    await makePrivateFile(lockFile);
    client = createClient({ url: databaseUrl(lockFile), timeout: 0 });
    held = await client.transaction("write");
  } catch (error) {
    client?.close();
    throw await refusal(error, home, holderFile);
  }
  const [transaction, connection] = [held, client];
  const release = async () => {
    await rm(holderFile, { force: true }).catch(() => {}); // it only serves a message
    await transaction.rollback();
    connection.close();
  };
  try {
    await writeFile(holderFile, JSON.stringify(describe(job, now)) + "\n", { mode: 0o600 });
  } catch (error) {
    await release();
    throw await refusal(error, home, holderFile);
  }
  return { release };
}

function describe(job: string, now: number): Holder {
  return { host: hostname(), pid: process.pid, started: new Date(now).toISOString(), job };
}

async function refusal(error: unknown, home: string, holderFile: string): Promise<ColdframeError> {
  if (error instanceof LibsqlError && /^SQLITE_(BUSY|LOCKED)/.test(error.code)) {
    return new ColdframeError("busy", `another run holds ${home}${await holderText(holderFile)}`, {
      hint: "Wait for it to end, or stop it; then run again.",
    });
  }
  return new ColdframeError("home", `cannot lock ${home}: ${messageOf(error)}`, {
    hint: "Check that the folder is on a local disk, is yours and is writable.",
    cause: error,
  });
}

async function holderText(holderFile: string): Promise<string> {
  try {
    const holder: unknown = JSON.parse(await readFile(holderFile, "utf8"));
    if (typeof holder !== "object" || holder === null) return "";
    const { job, pid, host, started } = { job: "", pid: "", host: "", started: "", ...holder };
    return `: ${job}, process ${pid} on ${host}, since ${started}`;
  } catch {
    return ""; // it was just released, or just taken
  }
}
