/** `coldframe cost`: what the archive costs, and what it would cost to bring it back. */

import { type Command, Option } from "commander";
import { builtinText } from "../../cost/builtin.ts";
import type { LayoutCost } from "../../cost/compare.ts";
import { formatMoney, type Money } from "../../cost/money.ts";
import type { RestoreCost } from "../../cost/restore.ts";
import { ColdframeError } from "../../errors.ts";
import {
  costOf,
  type CostReport,
  type PricedStore,
  type SealCost,
  THAWED_DAYS,
  type UnpricedStore,
} from "../../jobs/cost.ts";
import { formatSize } from "../../size.ts";
import {
  type CommandContext,
  EXIT,
  type GlobalFlags,
  newCommand,
  volumeSizeOption,
  withSession,
} from "../command.ts";
import { amount, type Column, count, formatDay, printable, table } from "../format.ts";
import { json, line, type Terminal } from "../terminal.ts";

interface Flags extends GlobalFlags {
  readonly cold?: string;
  readonly volumeSize?: number;
  readonly photosPerYear: number;
  readonly years: number;
  readonly printPrices?: boolean;
}

export function costCommand(context: CommandContext): Command {
  return newCommand(
    "cost",
    "What the archive costs, what a restore would cost, and how large volumes should be.",
    "coldframe cost --photos-per-year 20",
  )
    .option("--cold <url>", "price new volumes for this store, such as\ns3://bucket?class=DEEP_ARCHIVE")
    .addOption(volumeSizeOption())
    .addOption(wholeOption("--photos-per-year <n>", "photos you bring back in a year", 12))
    .addOption(wholeOption("--years <n>", "how long the archive is kept", 10))
    .option("--print-prices", "print the price file that coldframe brings along")
    .action((flags: Flags) => flags.printPrices === true ? printPrices(context) : run(context, flags));
}

function wholeOption(flags: string, description: string, usual: number): Option {
  return new Option(flags, description).default(usual).argParser((text) => {
    if (/^\d{1,5}$/.test(text)) return Number(text);
    throw new ColdframeError("usage", `${flags.split(" ")[0]}: "${text}" is not a whole number`, {
      hint: `Write a number such as ${usual}.`,
    });
  });
}

function printPrices(context: CommandContext): void {
  context.terminal.out(builtinText());
  context.finish(EXIT.done);
}

async function run(context: CommandContext, flags: Flags): Promise<void> {
  const { terminal } = context;
  const report = await withSession(context, flags, {}, (session) =>
    costOf(session, {
      cold: flags.cold ?? session.home.config.cold ?? `file:${session.home.paths.store}`,
      volumeSize: flags.volumeSize ?? session.home.config.volumeSize,
      photosPerYear: flags.photosPerYear,
      years: flags.years,
      env: terminal.env,
    }));
  if (flags.json === true) json(terminal, report);
  else print(terminal, report);
  context.finish(EXIT.done);
}

/** An amount in the currency of the report. */
type Show = (money: Money) => string;

function print(terminal: Terminal, report: CostReport): void {
  const { date, provider, region, currency, from } = report.prices;
  const show: Show = (money) => formatMoney(money, currency);
  line(terminal, `Prices of ${date}: ${printable(provider)}, ${printable(region)} (${printable(from)})`);
  for (const store of report.stores) printStore(terminal, store, show);
  const { month, year, requests } = report.total;
  heading(terminal, `Altogether, at prices of ${date}`);
  line(
    terminal,
    `  ${show(month)} a month, ${show(year)} a year, and ${show(requests)} for requests of the last 30 days`,
  );
  if (report.seal !== undefined) printSeal(terminal, report.seal, show);
  if (report.comparison !== undefined) printComparison(terminal, report.comparison, show);
  if (report.advice !== undefined) printAdvice(terminal, report.advice, show);
}

function heading(terminal: Terminal, text: string): void {
  line(terminal);
  line(terminal, text);
}

function printStore(terminal: Terminal, store: PricedStore | UnpricedStore, show: Show): void {
  if (store.kind !== "priced") {
    heading(terminal, printable(store.store));
    return line(terminal, `  ${store.kind === "free" ? "Free" : "Not known"}: ${printable(store.why)}`);
  }
  const { storage, requests, earlyDelete, volumes } = store;
  heading(terminal, `${printable(store.store)} (${store.storageClass}), at prices of ${store.pricesOf}`);
  for (const remark of store.remarks) line(terminal, `  Mind: ${printable(remark)}`);
  const rows = [
    [count(volumes.objects, "volume"), formatSize(volumes.bytes), show(storage.volumes)],
    ["Added by the provider", "", show(storage.overhead)],
    ["Staged files and snapshots", "", show(storage.standard)],
    ["Unfinished uploads", "", show(storage.unfinished)],
    ["A month", "", show(storage.month)],
    ["A year", "", show(storage.year)],
    ["Requests of the last 30 days", "", show(requests.total)],
  ];
  indented(terminal, [{ title: "Storage, a month" }, { title: "", align: "right" }, {
    title: "",
    align: "right",
  }], rows);
  if (earlyDelete.until !== undefined) {
    line(
      terminal,
      `  Removing the ${
        count(earlyDelete.volumes, "volume")
      } younger than ${earlyDelete.minimumDays} days would cost ` +
        `${show(earlyDelete.cost)}; nothing from ${formatDay(earlyDelete.until)} on.`,
    );
  }
  if (store.restore !== undefined) printRestore(terminal, store.restore, store.pricesOf, show);
}

function printRestore(
  terminal: Terminal,
  { full, photo }: NonNullable<PricedStore["restore"]>,
  date: string,
  show: Show,
): void {
  const thawed = full.costs.some(({ tier }) => tier !== undefined);
  const kept = thawed ? `, thawed copies kept ${THAWED_DAYS} days` : "";
  line(terminal, `  Restoring all (${formatSize(full.bytes)}), at prices of ${date}${kept}:`);
  restoreTable(terminal, full.costs, show);
  line(
    terminal,
    `  Restoring one photo (${formatSize(photo.bytes)} of a volume of ${
      formatSize(photo.thawBytes)
    }), at prices of ${date}:`,
  );
  restoreTable(terminal, photo.costs, show);
}

function restoreTable(terminal: Terminal, costs: readonly RestoreCost[], show: Show): void {
  const columns: Column[] = [
    { title: "Tier" },
    { title: "Time" },
    ...["Retrieval", "Requests", "Copies", "Egress", "Total"].map((title) => ({
      title,
      align: "right" as const,
    })),
  ];
  const rows = costs.map((cost) => [
    cost.tier ?? "at once",
    waiting(cost.minutes),
    ...[cost.retrieval, cost.requests, cost.copies, cost.egress, cost.total].map(show),
  ]);
  indented(terminal, columns, rows);
}

function waiting({ from, to }: RestoreCost["minutes"]): string {
  if (to === 0) return "no wait";
  const [divisor, unit] = to < 120 ? [1, "min"] : [60, "h"];
  return from === 0 ? `within ${to / divisor} ${unit}` : `${from / divisor}–${to / divisor} ${unit}`;
}

function printSeal(terminal: Terminal, seal: SealCost, show: Show): void {
  heading(terminal, `Sealing now, at prices of ${seal.pricesOf}`);
  if (seal.volumes === 0) return line(terminal, "  Nothing waits.");
  line(
    terminal,
    `  ${amount(seal.files, seal.bytes)} in ${count(seal.volumes, "volume")}: ${
      show(seal.requests.total)
    } once, then ${show(seal.month)} a month`,
  );
  if (seal.minimumDays > 0) {
    line(terminal, `  ${show(seal.minimum)} is owed at least, for ${seal.minimumDays} days`);
  }
}

function printComparison(terminal: Terminal, of: NonNullable<CostReport["comparison"]>, show: Show): void {
  heading(
    terminal,
    `One object per file, or volumes of ${formatSize(of.volumeSize)}, at prices of ${of.pricesOf}`,
  );
  const row = (title: string, layout: LayoutCost) => [
    title,
    layout.objects.toLocaleString("en-US"),
    ...[layout.upload.plus(layout.parts), layout.check, layout.storage, layout.overhead].map(show),
  ];
  const columns: Column[] = [
    { title: amount(of.files, of.bytes) },
    ...["Objects", "Upload", "A check", "Storage", "Overhead a month"].map((title) => ({
      title,
      align: "right" as const,
    })),
  ];
  indented(terminal, columns, [row("One per file", of.perFile), row("Volumes", of.volumes)]);
}

function printAdvice(terminal: Terminal, advice: NonNullable<CostReport["advice"]>, show: Show): void {
  const { photosPerYear, years, pricesOf } = advice;
  heading(
    terminal,
    `Volume size in ${advice.storageClass}, ${count(years, "year")}, ${
      count(photosPerYear, "photo")
    } back a year, at prices of ${pricesOf}`,
  );
  const titles = ["Size", "Volumes", "Upload", "Overhead", "One photo", "In all"];
  const rows = advice.sizes.map((size) => [
    formatSize(size.size),
    size.volumes.toLocaleString("en-US"),
    ...[size.upload, size.overhead, size.photo, size.total].map(show),
  ]);
  indented(terminal, titles.map((title) => ({ title, align: "right" as const })), rows);
  line(terminal, `→ Cheapest in the end: --volume-size ${advice.cheapest / 1e9}G`);
}

function indented(
  terminal: Terminal,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): void {
  for (const text of table(columns, rows)) line(terminal, `  ${text}`);
}
