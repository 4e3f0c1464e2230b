/** Writing messages down, and sending what waits. */

import {
  dropWaiting,
  latestDigest,
  markFailed,
  markSent,
  noteTold,
  type Notice,
} from "../../catalog/notices.ts";
import { queueNotice, tellableFindings, tidyNotices, waitingNotices } from "../../catalog/notices.ts";
import { firstRun } from "../../catalog/runs.ts";
import { ColdframeError, hasCode } from "../../errors.ts";
import { type Channel, type Message, NotifyError } from "../../notify/channel.ts";
import type { Session } from "../session.ts";
import { parseProblems, renderProblems } from "./problems.ts";
import { decide, type Decision, monthOf } from "./decide.ts";
import { digestOf } from "./digest.ts";
import { aboutFindings, type Sender, type Words } from "./text.ts";

const MINUTE = 60_000;
const DAY = 86_400_000;

/** A channel that failed is tried again after a minute, then twice as long each time, up to this, in ms. */
const LONGEST_WAIT = 6 * 60 * MINUTE;
/** What could not be sent for so long is given up: reminders and digests say anew what still holds. */
const GIVE_UP = 30 * DAY;
/** How long `alert list` shows what was sent. */
const KEEP = 90 * DAY;
/** The most that wait for one channel. */
const MOST = 100;

/** Writes down what is to be told now, for each channel, with what it tells of in one transaction. */
export async function queueNews(
  session: Session,
  channels: readonly Channel[],
  sender: Sender,
): Promise<void> {
  const { db, home, now } = session;
  const at = now();
  const known = {
    findings: await tellableFindings(db),
    lastDigest: await latestDigest(db) ?? await firstRun(db, home.box),
    digest: home.config.alerts.digest,
  };
  for (const decision of decide(known, at)) await queue(session, channels, decision, sender, at);
}

async function queue(
  session: Session,
  channels: readonly Channel[],
  decision: Decision,
  sender: Sender,
  at: number,
): Promise<void> {
  const { db, home } = session;
  const words = decision.kind === "digest"
    ? await digestOf(session, sender)
    : aboutFindings(decision.kind, decision.findings, sender);
  const message = nameOf(session, decision, at);
  const told = decision.kind === "digest" ? [] : decision.findings.map((finding) => noteTold(finding, at));
  const repeats = decision.kind === "reminder" || decision.kind === "digest";
  await db.write([
    ...(repeats ? [dropWaiting(home.box, decision.kind, at)] : []),
    ...told,
    ...channels.map(({ name }) => queueNotice(noticeOf(words, message, name, home.box, at))),
  ]);
}

/** Of a digest the same for every box: their shared catalog takes it once. */
function nameOf({ archive }: Session, decision: Decision, at: number): string {
  const end = archive.archive.slice(0, 8);
  if (decision.kind === "digest") return `digest-${monthOf(at)}-${end}`;
  const newest = Math.max(...decision.findings.map(({ id }) => id));
  return `${decision.kind}-${newest}-${at}-${end}`;
}

function noticeOf(words: Words, message: string, channel: string, box: string, made: number) {
  const { kind, urgency, subject, text, problems } = words;
  return {
    message,
    channel,
    box,
    kind,
    urgency,
    made,
    subject,
    body: text,
    problems: renderProblems(problems),
  };
}

/**
 * Sends what waits, channel by channel: one that is dead does not hold up the others.
 *
 * @returns one line for each channel that failed
 */
export async function deliver(session: Session, channels: readonly Channel[]): Promise<string[]> {
  const { db, now } = session;
  await tidyNotices(db, { now: now(), waiting: now() - GIVE_UP, settled: now() - KEEP, most: MOST });
  const failures = await Promise.all(channels.map((channel) => empty(session, channel)));
  return failures.flatMap((failure) => failure ?? []);
}

/**
 * Sends in order. A message that is refused does not hold up the others; a channel that fails does, so that
 * a run does not wait for a dead server once for each.
 */
async function empty(
  { db, home, now, signal }: Session,
  channel: Channel,
): Promise<string | undefined> {
  let failure: string | undefined;
  const waiting = (await waitingNotices(db, home.box, channel.name)).filter((one) => isTime(one, now()));
  for (const [i, notice] of waiting.entries()) {
    signal.throwIfAborted();
    try {
      await channel.send(messageOf(notice));
      await markSent(db, notice.id, now());
    } catch (error) {
      if (!hasCode(error, "alert") && !hasCode(error, "config")) throw error;
      failure = describe(error);
      const isRefused = error instanceof NotifyError && error.reason === "refused";
      const all = isRefused ? [notice] : waiting.slice(i);
      await markFailed(db, all.map(({ id }) => id), now(), failure);
      if (!isRefused) break;
    }
  }
  return failure;
}

function describe({ message, hint }: ColdframeError): string {
  return hint === undefined ? message : `${message}. ${hint}`;
}

/** A last attempt that is still to come was noted by a clock that was wrong. */
function isTime({ tried, attempts }: Notice, now: number): boolean {
  if (tried === undefined || tried > now) return true;
  return now - tried >= Math.min(LONGEST_WAIT, MINUTE * 2 ** (attempts - 1));
}

function messageOf(notice: Notice): Message {
  const { message, kind, urgency, made, subject, body, problems } = notice;
  return {
    id: message,
    kind: KINDS.find((one) => one === kind) ?? "opened",
    urgency: URGENCIES.find((one) => one === urgency) ?? "normal",
    time: made,
    subject,
    text: body,
    problems: parseProblems(problems),
  };
}

const KINDS = ["opened", "reminder", "closed", "digest", "test"] as const;
const URGENCIES = ["high", "normal", "low"] as const;
