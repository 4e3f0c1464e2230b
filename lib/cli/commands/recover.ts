/** `coldframe recover`: a home again, from stores and a key. */

import { type Command, Option } from "commander";
import { fingerprint } from "../../age/keys.ts";
import { formatMoney } from "../../cost/money.ts";
import { ColdframeError } from "../../errors.ts";
import { homePath } from "../../home/home.ts";
import { keyFromFile, keyFromStores } from "../../jobs/recover/identity.ts";
import { isDamage } from "../../jobs/recover/problems.ts";
import { recover, type RecoverReport } from "../../jobs/recover/recover.ts";
import { type ApproveThaw, offerThaw, type ThawOffer } from "../../jobs/recover/thaw.ts";
import { formatSize } from "../../size.ts";
import { assertStoreUrl } from "../../store/open.ts";
import type { ThawTier } from "../../store/store.ts";
import {
  addStoreFlags,
  type CommandContext,
  EXIT,
  type ExitCode,
  type GlobalFlags,
  newCommand,
  type StoreFlags,
} from "../command.ts";
import { count, formatTime, printable } from "../format.ts";
import { passphraseAsker } from "../passphrase.ts";
import { progressReporter } from "../progress.ts";
import { complain, json, line, styled, type Terminal, warn } from "../terminal.ts";

interface Flags extends GlobalFlags, StoreFlags {
  readonly identity?: string;
  readonly passphrase?: boolean;
  readonly keepIdentity: boolean;
  readonly box?: string;
  readonly partial?: boolean;
  readonly thaw?: ThawTier;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

export function recoverCommand(context: CommandContext): Command {
  const command = newCommand(
    "recover",
    "Make a home again on an empty machine, from what the stores hold and your key. The stores are only read.",
    "coldframe recover file:/mnt/usb/store --identity key.txt",
  );
  return addStoreFlags(command)
    .argument("<store...>", "every store of the archive, such as file:/mnt/usb/store")
    .addOption(new Option("--identity <file>", "the secret key").conflicts("passphrase"))
    .option("--passphrase", "take the protected key that the store keeps, and ask for its passphrase")
    .option("--no-keep-identity", "do not keep the secret key in the new home, only its public key")
    .addOption(boxOption())
    .option("--partial", "go on without stores that the archive also used: what is only there is lost")
    .addOption(thawOption())
    .option("--yes", "agree to what thawing costs")
    .option("--dry-run", "say what would come back, and make nothing; also as a drill where a home is")
    .action((stores: string[], flags: Flags) => run(context, stores, flags));
}

function thawOption(): Option {
  return new Option(
    "--thaw <tier>",
    "thaw volumes that nothing else names: bulk (cheapest), standard or expedited",
  ).argParser((text) => {
    const tier = TIERS.get(text.toLowerCase());
    if (tier !== undefined) return tier;
    throw new ColdframeError("usage", `--thaw: there is no tier "${text}"`, {
      hint: `Known are ${[...TIERS.keys()].join(", ")}.`,
    });
  });
}

const TIERS: ReadonlyMap<string, ThawTier> = new Map([
  ["bulk", "Bulk"],
  ["standard", "Standard"],
  ["expedited", "Expedited"],
]);

/** Days that thawed volumes can be read: time to recover, and to restore from them over a home's line. */
const THAWED_DAYS = 7;

/** Shows what thawing costs, and asks for it. */
function thawApproval(terminal: Terminal, flags: Flags): ApproveThaw {
  return async (volumes) => {
    const asked = count(volumes.length, "archived volume");
    if (flags.thaw === undefined) {
      warn(terminal, `${asked} left out, as nothing else says what they hold; --thaw bulk asks for them`);
      return undefined;
    }
    const options = { tier: flags.thaw, days: THAWED_DAYS };
    const offer = offerThaw(volumes, options, terminal.env);
    terminal.err(`${describeOffer(offer)}\n`);
    if (flags.dryRun === true) return undefined;
    if (flags.yes === true) return options;
    if (!terminal.interactive) {
      throw new ColdframeError("usage", `thawing ${asked} costs money, and nobody is here to be asked`, {
        hint: "Add --yes to agree.",
      });
    }
    const answer = await terminal.ask("Thaw them? [y/N] ");
    if (/^y(es)?$/i.test(answer?.trim() ?? "")) return options;
    throw new ColdframeError("interrupted", "nothing was thawed, and nothing recovered");
  };
}

function describeOffer({ volumes, bytes, hours, price }: ThawOffer): string {
  const what = `${count(volumes, "volume")}, ${formatSize(bytes)}, to be thawed for ${THAWED_DAYS} days`;
  const when = hours === undefined ? "" : `, ready within ${hours} hours`;
  const cost = price === undefined
    ? "what it costs is not known here"
    : `about ${formatMoney(price.total, price.currency)} by the prices of ${price.date}`;
  return `${what}${when}: ${cost}.`;
}

function boxOption(): Option {
  return new Option("--box <id>", "go on as that machine, with its folders (default: as a new one)")
    .argParser((text) => {
      if (/^[0-9a-f]{16}$/.test(text)) return text;
      throw new ColdframeError("usage", `--box: "${text}" is not the id of a machine: 16 hex digits`, {
        hint: "A recovery without --box lists the ids with their folders.",
      });
    });
}

async function run(
  { terminal, finish }: CommandContext,
  stores: readonly string[],
  flags: Flags,
): Promise<void> {
  for (const url of [...stores, flags.staging, flags.cold]) if (url !== undefined) assertStoreUrl(url);
  const { identity, json: quiet = false } = flags;
  if (identity === undefined && flags.passphrase !== true) {
    throw new ColdframeError("usage", "what is stored can only be read with your secret key", {
      hint: "Add --identity FILE, or --passphrase if the store keeps the protected key.",
    });
  }
  const ask = passphraseAsker(terminal);
  const root = homePath(flags.home, terminal.env);
  const reporter = progressReporter(terminal, quiet);
  const report = await recover({
    root,
    dryRun: flags.dryRun === true,
    stores,
    key: (open) => identity === undefined ? keyFromStores(open, ask) : keyFromFile(identity, ask),
    keepIdentity: flags.keepIdentity,
    box: flags.box,
    partial: flags.partial === true,
    approveThaw: thawApproval(terminal, flags),
    staging: flags.staging,
    cold: flags.cold,
    context: {
      env: terminal.env,
      fetch,
      signal: terminal.signal,
      now: () => terminal.now(),
      home: root,
      warn: (text) => reporter.warn(text),
    },
    report: reporter,
  });
  if (quiet) json(terminal, report);
  else print(terminal, report);
  finish(exitCode(report));
}

/** Loss and damage come before what could only not be read now. */
function exitCode(report: RecoverReport): ExitCode {
  const { lost, missing, problems, unnamed, foreign } = report;
  if (lost.length + missing.length > 0 || problems.some(isDamage)) return EXIT.damage;
  return problems.length + unnamed + foreign.length > 0 ? EXIT.partly : EXIT.done;
}

function print(terminal: Terminal, report: RecoverReport): void {
  const made = report.dryRun ? "Would recover: " : "Recovered home:";
  line(terminal, styled(terminal, "bold", `${made} ${printable(report.home)}`));
  line(terminal, `Catalog:         ${originOf(report)}`);
  line(
    terminal,
    `Archive:         ${count(report.files, "file")}, ${count(report.volumes, "volume")}, ${
      count(report.staged, "staged object")
    }`,
  );
  for (const { name, path, box, files } of report.sources) {
    line(
      terminal,
      `  ${printable(name)}: ${count(files, "file")}, from ${printable(path)} on machine ${box}`,
    );
  }
  for (const { from, to, objects } of report.moved) {
    line(
      terminal,
      `Moved:           ${count(objects, "object")} from ${printable(from)} to ${printable(to)}`,
    );
  }
  printKeys(terminal, report);
  line(terminal, `Staging:         ${printable(report.staging)}`);
  line(terminal, `Cold:            ${printable(report.cold)}`);
  printTrouble(terminal, report);
  line(terminal, report.dryRun ? "Nothing was made." : "Next: coldframe restore '**' --to DIR");
}

function originOf({ snapshot, fromManifests, fromVolumes }: RecoverReport): string {
  const parts = [
    ...(snapshot === undefined ? [] : [`the snapshot of ${formatTime(snapshot.time)}`]),
    ...(fromManifests === 0 ? [] : [count(fromManifests, "manifest")]),
    ...(fromVolumes === 0 ? [] : [`the listings inside ${count(fromVolumes, "volume")}`]),
  ];
  return `from ${parts.join(" and ")}`;
}

function printKeys(terminal: Terminal, { identity, recipients, dryRun }: RecoverReport): void {
  if (identity !== undefined) {
    line(terminal, `Your secret key: ${dryRun ? "would be " : ""}kept at ${printable(identity)}`);
    line(terminal, "  This machine needs it only to restore; syncing goes on when it is moved away.");
  } else line(terminal, "Your secret key: not kept here. Restoring needs --identity FILE.");
  for (const recipient of recipients) line(terminal, `Encrypting to:   ${fingerprint(recipient)}`);
  line(terminal, "  Other keys that could open this archive must be added again: coldframe key add.");
}

/** Names that are listed on a screen; --json has all. */
const LISTED = 20;

function printTrouble(terminal: Terminal, report: RecoverReport): void {
  const { snapshot, missing, problems, foreign, unnamed, lost } = report;
  if (snapshot === undefined) {
    warn(
      terminal,
      "No snapshot of the catalog could be used: where folders were, and what was deleted or moved, is not known.",
    );
  }
  for (const { store, key, found } of missing) {
    const what = found === "nothing" ? "is not there" : "has another size than was stored";
    warn(terminal, `${key} ${what} (recorded in ${store}); it does not count any more`);
  }
  const refused = problems.filter(({ code }) => code === "key-wrong").length;
  if (refused > 0) warn(terminal, `${count(refused, "object")} that this key does not open left out`);
  if (foreign.length > 0) warn(terminal, `${count(foreign.length, "volume")} of another archive left out`);
  if (unnamed > 0) {
    warn(
      terminal,
      `${
        count(unnamed, "staged object")
      } that no catalog names: newer than what was found of it, or left over`,
    );
  }
  if (lost.length === 0) return;
  for (const path of lost.slice(0, LISTED)) warn(terminal, `stored nowhere: ${path}`);
  if (lost.length > LISTED) warn(terminal, `… and ${lost.length - LISTED} more; --json names all`);
  complain(
    terminal,
    `${count(lost.length, "file")} cannot be restored`,
    "Keep every other copy of them, and name every store of the archive when you recover.",
  );
}
