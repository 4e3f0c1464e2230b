/** `coldframe import`: what the tools stored that people come from. */

import type { Command } from "commander";
import { type CommandContext, newGroup } from "../command.ts";
import { importGpgCommand } from "./import-gpg.ts";
import { importLomobCommand } from "./import-lomob.ts";

export function importCommand(context: CommandContext): Command {
  const group = newGroup(
    "import",
    "Read what lomo-backup or savethepictures stored: list, check, restore, or go on with it.",
    "coldframe import lomob 's3://lomorage?region=us-east-1' --list",
  );
  group.addCommand(importLomobCommand(context));
  group.addCommand(importGpgCommand(context));
  group.action(() => group.help({ error: true }));
  return group;
}
