/** `coldframe key rewrap`: after a public key was added, renew for it what is not in volumes. */

import type { Command } from "commander";
import { fingerprint } from "../../age/keys.ts";
import { planRewrap, rewrap, type RewrapPlan, type RewrapReport } from "../../jobs/rewrap.ts";
import { unlockWith } from "../../jobs/unlock.ts";
import {
  addStoreFlags,
  type CommandContext,
  EXIT,
  type GlobalFlags,
  newCommand,
  type StoreFlags,
  withSession,
} from "../command.ts";
import { count } from "../format.ts";
import { addIdentityFlag } from "../image.ts";
import { passphraseAsker } from "../passphrase.ts";
import { json, line, type Terminal, warn } from "../terminal.ts";

interface Flags extends GlobalFlags, StoreFlags {
  readonly identity?: string;
  readonly dryRun?: boolean;
}

export function keyRewrapCommand(context: CommandContext): Command {
  const command = newCommand(
    "rewrap",
    "Encrypt manifests, staged files and the catalog's snapshot anew, for the public keys of today. Volumes stay as they are: what is in them opens with the keys of the day they were sealed.",
    "coldframe key rewrap",
  );
  return addStoreFlags(addIdentityFlag(command))
    .option("--dry-run", "only say what would be encrypted anew")
    .action((flags: Flags) => run(context, flags));
}

async function run(context: CommandContext, flags: Flags): Promise<void> {
  const { terminal } = context;
  const lock = flags.dryRun === true ? {} : { lockFor: "key rewrap" };
  await withSession(context, flags, lock, async (session) => {
    const plan = await planRewrap(session);
    const recipients = session.home.recipients.map(fingerprint);
    if (flags.dryRun === true) {
      context.finish(EXIT.done);
      return showPlan(terminal, flags, plan, recipients);
    }
    const unlock = unlockWith(flags.identity ?? session.home.paths.identity, passphraseAsker(terminal));
    const report = await rewrap(session, plan, await unlock());
    context.finish(report.failed.length > 0 ? EXIT.partly : EXIT.done);
    if (flags.json === true) return json(terminal, { dryRun: false, recipients, ...report });
    print(terminal, report, recipients);
  });
}

function showPlan(terminal: Terminal, flags: Flags, plan: RewrapPlan, recipients: readonly string[]): void {
  const [manifests, staged] = [plan.manifests.length, plan.staged.length];
  if (flags.json === true) return json(terminal, { dryRun: true, recipients, manifests, staged });
  line(terminal, `Would encrypt anew for ${recipients.join(", ")}:`);
  line(terminal, `  ${count(manifests, "manifest")}, ${count(staged, "staged file")}, and a snapshot`);
}

function print(terminal: Terminal, report: RewrapReport, recipients: readonly string[]): void {
  for (const { key, reason } of report.failed) warn(terminal, `${key} stays as it was: ${reason}`);
  line(terminal, `Encrypted anew for ${recipients.join(", ")}:`);
  line(
    terminal,
    `  ${count(report.manifests, "manifest")}, ${count(report.staged, "staged file")}, ${
      count(report.snapshots.length, "snapshot")
    }`,
  );
  line(
    terminal,
    "Volumes that were sealed before still open with the keys of their day only: keep those keys.",
  );
}
