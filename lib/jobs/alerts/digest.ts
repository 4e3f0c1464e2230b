/** The monthly digest: what is protected, how far it is proven, what it costs, and what is wrong. */

import { openFindings } from "../../catalog/findings.ts";
import { totals } from "../../catalog/look.ts";
import { latestSnapshot } from "../../catalog/runs.ts";
import { listVolumes } from "../../catalog/volumes.ts";
import { formatMoney } from "../../cost/money.ts";
import { ColdframeError } from "../../errors.ts";
import { formatSize } from "../../size.ts";
import { amount, count, formatDay } from "../../text.ts";
import { costOf } from "../cost.ts";
import type { Session } from "../session.ts";
import { jobsOf } from "./jobs.ts";
import { provenLines } from "./proven.ts";
import { describe, type Sender, signature, type Words } from "./text.ts";

/** Gathers and writes the digest. */
export async function digestOf(session: Session, sender: Sender): Promise<Words> {
  const findings = await openFindings(session.db);
  const sums = await totals(session.db);
  const state = findings.length === 0 ? "nothing is wrong" : count(findings.length, "open problem");
  const sections: readonly (readonly [title: string, lines: readonly string[]])[] = [
    ["Protected", await protectedLines(session, sums)],
    ["Proven", await provenLines(session)],
    ["Last good runs", await runLines(session)],
    ["Cost", await costLines(session)],
    ["Open problems", findings.length === 0 ? ["None."] : findings.flatMap(describe)],
  ];
  return {
    kind: "digest",
    urgency: "low",
    subject: `coldframe: digest of ${formatDay(session.now())}: ${amount(sums.files, sums.bytes)}, ${state}`,
    text: [
      ...sections.flatMap(([title, lines]) => [title, ...lines.map((line) => `  ${line}`), ""]),
      ...signature(sender),
    ].join("\n") + "\n",
    problems: [],
  };
}

async function protectedLines(
  { db }: Session,
  { files, bytes, inVolumes, onlyStaged, unprotected }: Awaited<ReturnType<typeof totals>>,
): Promise<string[]> {
  const stored = (await listVolumes(db)).filter(({ state }) => state === "stored");
  const size = stored.reduce((sum, { objectSize }) => sum + objectSize, 0);
  const snapshot = await latestSnapshot(db);
  return [
    `Files       ${amount(files, bytes)}`,
    `In volumes  ${amount(inVolumes.contents, inVolumes.bytes)}, ${count(stored.length, "volume")} of ${
      formatSize(size)
    }`,
    `In staging  ${amount(onlyStaged.contents, onlyStaged.bytes)}`,
    `At risk     ${unprotected.contents === 0 ? "none" : amount(unprotected.contents, unprotected.bytes)}`,
    `Snapshot    ${snapshot === undefined ? "none yet" : formatDay(snapshot.time)}`,
  ];
}

async function runLines(session: Session): Promise<string[]> {
  return (await jobsOf(session)).map(({ job, last, isOverdue }) => {
    const when = last === undefined ? "never" : formatDay(last);
    return `${job.padEnd(18)} ${when}${isOverdue ? ", overdue" : ""}`;
  });
}

/** A month of storage; prices that are wrong or missing are no reason to say nothing of the rest. */
async function costLines(session: Session): Promise<string[]> {
  const { home, urls, storeContext } = session;
  try {
    const { prices, stores, total } = await costOf(session, {
      cold: urls.cold,
      volumeSize: home.config.volumeSize,
      photosPerYear: 12,
      years: 10,
      env: storeContext.env,
    });
    const show = (money: typeof total.month) => formatMoney(money, prices.currency);
    return [
      `${show(total.month)} a month, ${show(total.year)} a year, at prices of ${prices.date}`,
      ...stores.flatMap((one) => one.kind === "priced" ? [] : [`${one.store}: ${one.why}`]),
    ];
  } catch (error) {
    if (!(error instanceof ColdframeError)) throw error;
    return [`not known: ${error.message}`];
  }
}
