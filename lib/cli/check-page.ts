/**
 * The report of the checks as one page of HTML: no scripts, nothing from elsewhere, so that it can be kept,
 * mailed, and opened in thirty years. Pure.
 */

import type { Finding } from "../catalog/findings.ts";
import type { Proven, ProvenLevel } from "../catalog/proven.ts";
import type { CheckHistory, DayOutcome, JobDays } from "../jobs/check/history.ts";
import type { Due } from "../jobs/due.ts";
import { formatSize } from "../size.ts";
import { count, formatDay, formatTime, printable } from "./format.ts";

/** Files named with a finding, at the most. */
const NAMED = 50;

/** The page. */
export function checkPage(history: CheckHistory): string {
  const title = `What is proven: ${formatDay(history.now)}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="content-security-policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escape(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escape(title)}</h1>
<p class="sub">coldframe, archive ${escape(history.archive)}, as of ${escape(formatTime(history.now))}</p>
${verdict(history)}
${findings("What is wrong now", history.open)}
<h2>How far it is proven</h2>
${history.proven.map(kind).join("\n") || "<p>Nothing is stored yet.</p>"}
${LEGEND}
<h2>When it was checked</h2>
${history.due.map(due).join("\n")}
${history.jobs.map((job) => calendar(job, history.now)).join("\n") || "<p>No check was made yet.</p>"}
${findings("What was wrong in the last year, and is not any more", history.closed)}
</main>
</body>
</html>
`;
}

/** Text for HTML, in an element or in an attribute with quotes. */
export function escape(text: string): string {
  return printable(text)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

function verdict({ open }: CheckHistory): string {
  const damage = open.filter(({ severity }) => severity === "damage").length;
  if (damage > 0) {
    return `<p class="verdict damage">${count(damage, "problem")} found that someone must see to.</p>`;
  }
  const warnings = open.length;
  if (warnings > 0) {
    return `<p class="verdict warning">No damage is known; ${count(warnings, "warning")}.</p>`;
  }
  return `<p class="verdict good">No damage is known.</p>`;
}

function findings(title: string, all: readonly Finding[]): string {
  if (all.length === 0) return "";
  return `<h2>${escape(title)}</h2>\n<ul class="findings">\n${all.map(finding).join("\n")}\n</ul>`;
}

function finding({ severity, message, hint, files, opened, closed }: Finding): string {
  const until = closed === undefined ? "" : ` to ${escape(formatDay(closed))}`;
  const names = files.slice(0, NAMED).map((path) => `<li>${escape(path)}</li>`).join("");
  const more = files.length > NAMED ? `<li>and ${count(files.length - NAMED, "file")} more</li>` : "";
  const list = files.length === 0
    ? ""
    : `<details><summary>${count(files.length, "file")}</summary><ul>${names}${more}</ul></details>`;
  const next = hint === undefined || closed !== undefined ? "" : `<p class="hint">→ ${escape(hint)}</p>`;
  return `<li class="${severity}"><p>${escape(message)}</p><p class="sub">from ${
    escape(formatDay(opened))
  }${until}</p>${next}${list}</li>`;
}

function kind({ what, objects, bytes, levels }: Proven): string {
  return `<section>
<h3>${escape(what)}: ${objects.toLocaleString("en-US")} (${escape(formatSize(bytes))})</h3>
${levels.map((level) => bar(level, objects)).join("\n")}
</section>`;
}

function bar({ level, objects, oldest, newest }: ProvenLevel, all: number): string {
  // Not all is never shown as all.
  const percent = objects === all ? 100 : Math.min(99, Math.floor((100 * objects) / all));
  const when = oldest === undefined || newest === undefined
    ? "never"
    : span(formatDay(oldest), formatDay(newest));
  const label = `${level}: ${objects.toLocaleString("en-US")} of ${all.toLocaleString("en-US")}, ${when}`;
  return `<div class="level"><span>${escape(level)}</span><div class="bar" role="img" aria-label="${
    escape(label)
  }"><i style="width:${percent}%"></i></div><span>${percent} %</span><small>${escape(when)}</small></div>`;
}

function span(from: string, to: string): string {
  return from === to ? from : `${from} to ${to}`;
}

const LEGEND =
  `<p class="sub"><b>listed</b>: it is there, with the size that was stored. <b>checksummed</b>: the store
reports the checksum that it computed at upload, and it is ours. <b>read back</b>: its bytes were read and hash to what
was stored. <b>restored</b>: decrypted, unpacked, and every file has its SHA-256. The days say between when and when the
last such proofs of these objects were made.</p>`;

function due({ job, last, due, isDue, isOverdue }: Due): string {
  const when = last === undefined ? "never made" : `last made ${formatTime(last)}`;
  const next = isOverdue ? "overdue" : isDue ? "due now" : `next on ${formatDay(due)}`;
  return `<p class="${isOverdue ? "late" : "due"}"><b>${escape(job)}</b>: ${escape(when)}, ${
    escape(next)
  }</p>`;
}

/** The last twelve months, a row each: as wide as a phone. */
function calendar({ job, days }: JobDays, now: number): string {
  return `<section>
<h3>${escape(job)}</h3>
<table class="calendar"><tbody>
${lastMonths(now).map((month) => monthRow(month, days)).join("\n")}
</tbody></table>
</section>`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

interface Month {
  readonly year: number;
  /** From 0. */
  readonly month: number;
}

function lastMonths(now: number): Month[] {
  const today = new Date(now);
  return Array.from({ length: 12 }, (_, i) => {
    const first = new Date(today.getFullYear(), today.getMonth() - 11 + i, 1);
    return { year: first.getFullYear(), month: first.getMonth() };
  });
}

const OUTCOMES: Readonly<Record<DayOutcome, string>> = {
  good: "checked",
  damage: "damage found",
  failed: "could not be made",
};

function monthRow({ year, month }: Month, days: ReadonlyMap<string, DayOutcome>): string {
  const length = new Date(year, month + 1, 0).getDate();
  const cells = Array.from({ length }, (_, i) => {
    const day = formatDay(new Date(year, month, i + 1).getTime());
    const outcome = days.get(day);
    return outcome === undefined
      ? "<td></td>"
      : `<td class="${outcome}" title="${day}: ${OUTCOMES[outcome]}"></td>`;
  });
  return `<tr><th scope="row">${MONTHS[month] ?? ""}&nbsp;${String(year).slice(2)}</th>${
    cells.join("")
  }</tr>`;
}

const STYLE = `
:root { color-scheme: light dark; --good: #2e7d32; --damage: #c62828; --warning: #b26a00; --none: #8884; }
body { font: 16px/1.45 system-ui, sans-serif; margin: 0; }
main { max-width: 44rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.15rem; margin-top: 2rem; } h3 { font-size: 1rem; margin: 1rem 0 .3rem; }
.sub, small { opacity: .75; font-size: .85rem; }
.verdict { padding: .7rem 1rem; border-radius: .4rem; color: #fff; font-weight: 600; }
.verdict.good { background: var(--good); } .verdict.damage { background: var(--damage); }
.verdict.warning { background: var(--warning); }
.findings { list-style: none; padding: 0; }
.findings > li { border-left: .3rem solid var(--warning); padding: .1rem .8rem; margin: .6rem 0; overflow-wrap: anywhere; }
.findings > li.damage { border-color: var(--damage); }
.findings p { margin: .2rem 0; } .hint { font-family: ui-monospace, monospace; font-size: .9rem; }
.level { display: grid; grid-template-columns: 7.2rem 1fr 3.2rem; gap: .1rem .5rem; align-items: center; margin: .25rem 0; }
.level small { grid-column: 2 / -1; }
.bar { background: var(--none); border-radius: .2rem; height: .8rem; overflow: hidden; }
.bar i { display: block; height: 100%; background: var(--good); }
.calendar { border-collapse: separate; border-spacing: 1px; width: 100%; table-layout: fixed; }
.calendar th { width: 3.2rem; font-weight: 400; font-size: .75rem; text-align: left; white-space: nowrap; }
.calendar td { height: .7rem; padding: 0; background: var(--none); }
.calendar td.good { background: var(--good); } .calendar td.damage { background: var(--damage); }
.calendar td.failed { background: var(--warning); }
.due, .late { margin: .2rem 0; } .late { color: var(--damage); }
`;
