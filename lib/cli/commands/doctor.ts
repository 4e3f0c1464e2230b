/** `coldframe doctor`: what will bite, before it does. */

import type { Command } from "commander";
import { homePath, openHome } from "../../home/home.ts";
import { examine } from "../../jobs/doctor/examine.ts";
import { type Finding, findingOf } from "../../jobs/doctor/finding.ts";
import { mend } from "../../jobs/doctor/permissions.ts";
import { storePolicies, type StorePolicy } from "../../jobs/policy.ts";
import { withLock } from "../../store/s3/url.ts";
import {
  addStoreFlags,
  type CommandContext,
  EXIT,
  type GlobalFlags,
  lockOption,
  newCommand,
  type StoreFlags,
  withSession,
} from "../command.ts";
import { printable } from "../format.ts";
import { json, line, styled, type Terminal } from "../terminal.ts";

interface Flags extends GlobalFlags, StoreFlags {
  readonly policy?: boolean;
  readonly fix?: boolean;
}

export function doctorCommand(context: CommandContext): Command {
  return addStoreFlags(
    newCommand(
      "doctor",
      "Look for what will bite before it does: rights, catalog, key, stores, clock, uploads left over. Exit code 4 when something is broken.",
      "coldframe doctor --policy --cold 's3://photos/home?region=eu-west-1'",
    ),
  )
    .option("--policy", "print the smallest permissions for S3 stores, and the settings of their buckets")
    .option("--fix", "first do what is safe: take rights from others, remove files that were never finished")
    .addOption(lockOption())
    .action((flags: Flags) => flags.policy === true ? policy(context, flags) : check(context, flags));
}

async function check(context: CommandContext, flags: Flags): Promise<void> {
  const { terminal } = context;
  const fixed: string[] = [];
  const findings = await withSession(context, flags, {}, async (session) => {
    if (flags.fix === true) fixed.push(...await mend(session));
    return await examine(session);
  }).catch((error) => {
    const found = findingOf(error);
    if (found === undefined) throw error;
    return [found];
  });
  const broken = findings.some(({ severity }) => severity === "broken");
  context.finish(broken ? EXIT.damage : EXIT.done);
  if (flags.json === true) return json(terminal, { broken, fixed, findings });
  fixed.forEach((text) => line(terminal, printable(text)));
  findings.forEach((finding) => print(terminal, finding));
}

const LABELS = {
  good: ["green", "good   "],
  warning: ["yellow", "warning"],
  broken: ["red", "BROKEN "],
} as const;

function print(terminal: Terminal, { about, severity, message, hint }: Finding): void {
  const [colour, label] = LABELS[severity];
  line(terminal, `${styled(terminal, colour, label)}  ${printable(about)}: ${printable(message)}`);
  if (hint !== undefined) line(terminal, `         → ${printable(hint)}`);
}

/** Needs no home where the stores are named: it is what one reads before there is a home. */
async function policy(context: CommandContext, flags: Flags): Promise<void> {
  const { terminal } = context;
  const policies = storePolicies(await storeUrls(terminal, flags));
  context.finish(EXIT.done);
  if (flags.json === true) return json(terminal, { stores: policies });
  policies.forEach((one) => printPolicy(terminal, one));
}

async function storeUrls(terminal: Terminal, flags: Flags): Promise<string[]> {
  const named = flags.cold !== undefined || flags.staging !== undefined;
  const home = named ? undefined : await openHome(homePath(flags.home, terminal.env));
  const cold = flags.cold ?? home?.config.cold;
  const staging = flags.staging ?? home?.config.staging;
  const locked = cold === undefined ? [] : [withLock(cold, flags.objectLock)];
  return [...locked, ...(staging === undefined ? [] : [staging])];
}

/** As something that may be pasted into a shell: what is for people is a comment. */
function printPolicy(terminal: Terminal, { url, bucket, policy, settings }: StorePolicy): void {
  line(terminal, `# The smallest permissions for the key of an unattended box, for ${printable(url)}.`);
  line(terminal, "# It can add, read and thaw, and remove only staged files and snapshots.");
  line(terminal, "cat > coldframe-policy.json <<'END'");
  line(terminal, JSON.stringify(policy, null, 2));
  line(terminal, "END");
  line(
    terminal,
    "aws iam put-user-policy --user-name coldframe --policy-name coldframe --policy-document file://coldframe-policy.json",
  );
  line(terminal);
  line(terminal, `# Settings of the bucket ${printable(bucket)}, with an administrator's key.`);
  for (const { name, why, command } of settings) {
    line(terminal, `# ${name}: ${why}`);
    line(terminal, command);
  }
}
