/** What a schedule writes, judged by the programs that read it. */

import assert from "node:assert/strict";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { cronLines, linesOf, replaceLines } from "../../lib/schedule/cron.ts";
import { launchdPlists } from "../../lib/schedule/launchd.ts";
import { commandsFor, type SchedulePlan } from "../../lib/schedule/plan.ts";
import { systemdUnits, unitToEnable } from "../../lib/schedule/systemd.ts";
import { run, testWith, withFolder } from "../tools.ts";

/** All that has a meaning of its own in a unit, a shell, a crontab or XML. */
const NASTY = `it's "50 %h" <&> $HOME \\n 100%`;

function planOf(options: Partial<SchedulePlan> & { watch?: boolean } = {}): SchedulePlan {
  const home = options.home ?? "/home/me/.coldframe";
  return {
    program: ["/usr/local/bin/coldframe"],
    home,
    suffix: "",
    user: undefined,
    writes: [home],
    commands: commandsFor(home, options.watch === true),
    ...options,
  };
}

/** A program that prints the arguments it got, one a line. */
async function printer(folder: string): Promise<string> {
  const path = join(folder, NASTY, "coldframe");
  await mkdir(join(folder, NASTY));
  await writeFile(path, "#!/bin/sh\nprintf '%s\\n' \"$@\"\n");
  await chmod(path, 0o755);
  return path;
}

test("timers: one that syncs every hour, one that checks every day, both made up for after a pause", () => {
  const units = new Map(systemdUnits(planOf()).map(({ name, text }) => [name, text]));
  assert.deepEqual([...units.keys()], [
    "coldframe-sync.service",
    "coldframe-sync.timer",
    "coldframe-check.service",
    "coldframe-check.timer",
  ]);
  assert.match(
    units.get("coldframe-sync.timer") ?? "",
    /^OnCalendar=hourly\nPersistent=true\nRandomizedDelay/m,
  );
  assert.match(units.get("coldframe-check.timer") ?? "", /^OnCalendar=daily$/m);
  const [sync] = planOf().commands;
  assert.equal(sync && unitToEnable(planOf(), sync), "coldframe-sync.timer");
});

test("the daemon: one service that systemd watches over, and no timer", () => {
  const [service, ...more] = systemdUnits(planOf({ watch: true }));
  assert.deepEqual([service?.name, more], ["coldframe-watch.service", []]);
  for (const line of ["Type=notify", "NotifyAccess=all", "WatchdogSec=300", "WantedBy=default.target"]) {
    assert.ok(service?.text.includes(`\n${line}\n`), line);
  }
});

test("a home that another run holds is no failure for systemd", () => {
  for (const { name, text } of systemdUnits(planOf())) {
    if (name.endsWith(".service")) assert.match(text, /^SuccessExitStatus=75$/m);
  }
});

test("units of the system run as the owner of the home, and write only to home and stores", () => {
  const plan = planOf({ user: 1000, writes: ["/home/me/.coldframe", "/mnt/usb stick/store"] });
  const [service] = systemdUnits(plan);
  for (
    const line of [
      "User=1000",
      "ProtectSystem=strict",
      "ReadWritePaths=-/home/me/.coldframe",
      'ReadWritePaths="-/mnt/usb stick/store"',
      "PrivateTmp=true",
      "NoNewPrivileges=true",
    ]
  ) assert.ok(service?.text.includes(`\n${line}\n`), line);
});

for (const [what, change] of Object.entries({ user: {}, system: { user: 0 }, watch: { watch: true } })) {
  testWith(
    ["systemd-analyze"],
    `systemd finds nothing wrong in units of kind ${what}`,
    () =>
      withFolder(async (folder) => {
        const home = join(folder, NASTY, "home");
        const plan = planOf({ ...change, home, program: [await printer(folder)], writes: [home] });
        const files: string[] = [];
        for (const { name, text } of systemdUnits(plan)) {
          files.push(join(folder, name));
          await writeFile(join(folder, name), text);
        }
        const { stdout, stderr } = await run("systemd-analyze", ["verify", "--man=no", ...files]);
        const about = (stdout + stderr).split("\n").filter((line) => line.includes("coldframe"));
        assert.deepEqual(about, []);
      }),
  );
}

testWith(
  ["systemd-analyze"],
  "systemd does find what is wrong, so its silence means something",
  () =>
    withFolder(async (folder) => {
      const file = join(folder, "coldframe-sync.service");
      const [service] = systemdUnits(planOf({ program: [await printer(folder)] }));
      await writeFile(file, (service?.text ?? "").replace("Type=oneshot", "Type=oneshto"));
      const { stderr } = await run("systemd-analyze", ["verify", "--man=no", file]).catch((error) => error);
      assert.match(stderr, /oneshto/);
    }),
);

/** What cron hands to the shell of a line: "%" ends it, "\\%" stands for it (crontab(5)). */
function commandOf(line: string): string {
  const command = line.replace(/^(@reboot|(\S+ ){5})/, "");
  assert.doesNotMatch(command, /(^|[^\\])%/);
  return command.replaceAll("\\%", "%");
}

test("cron's shell gets every argument as it is, and prints what a failed run said", () =>
  withFolder(async (folder) => {
    const home = join(folder, NASTY);
    const program = await printer(folder);
    const [, sync = ""] = cronLines(planOf({ home, program: [program] })).split("\n");
    const { stdout: silent } = await run("sh", ["-c", commandOf(sync)]);
    assert.equal(silent, "", "nothing to mail when all went well");
    await writeFile(program, "#!/bin/sh\nprintf '%s\\n' \"$@\"\nexit 1\n");
    const { stdout } = await run("sh", ["-c", commandOf(sync)]);
    assert.equal(stdout, ["sync", "--home", home, "--rest", "60", ""].join("\n"));
    await writeFile(program, "#!/bin/sh\necho busy >&2\nexit 75\n");
    const { stdout: busy } = await run("sh", ["-c", commandOf(sync)]);
    assert.equal(busy, "", "nothing to mail when another run held the home");
  }));

test("cron's watch writes its log into the home", () =>
  withFolder(async (folder) => {
    const home = join(folder, NASTY);
    const program = await printer(folder);
    const [, watch = ""] = cronLines(planOf({ home, program: [program], watch: true })).split("\n");
    await run("sh", ["-c", commandOf(watch)]);
    const { stdout } = await run("cat", [join(home, "watch.log")]);
    assert.equal(stdout, ["watch", "--home", home, ""].join("\n"));
  }));

const OTHERS = "MAILTO=me\n0 0 * * * backup\n";

test("our lines of a crontab are replaced and removed, and those of others stay", () => {
  const timers = planOf();
  const daemon = planOf({ watch: true });
  const once = replaceLines(OTHERS, timers, cronLines(timers));
  assert.equal(once, OTHERS + cronLines(timers));
  const twice = replaceLines(`${once}# mine\n`, daemon, cronLines(daemon));
  assert.equal(twice, `${OTHERS}# mine\n${cronLines(daemon)}`);
  assert.equal(linesOf(twice, timers), cronLines(daemon));
  assert.equal(replaceLines(twice, timers, ""), `${OTHERS}# mine\n`);
  assert.equal(linesOf(OTHERS, timers), undefined);
});

test("the lines of another home stay", () => {
  const [one, other] = [planOf(), planOf({ suffix: "-12345678", home: "/other" })];
  const both = replaceLines(cronLines(one), other, cronLines(other));
  assert.equal(replaceLines(both, one, ""), cronLines(other));
  assert.equal(replaceLines(both, other, ""), cronLines(one));
});

test("a crontab that does not end with a line break gets one", () => {
  assert.match(replaceLines("0 0 * * * backup", planOf(), cronLines(planOf())), /backup\n# coldframe/);
});

for (const watch of [false, true]) {
  testWith(
    ["plistutil"],
    `launchd's lists are property lists with the arguments as they are: watch ${watch}`,
    () =>
      withFolder(async (folder) => {
        const home = join(folder, NASTY);
        for (const { name, text } of launchdPlists(planOf({ home, watch, program: ["/a b/coldframe"] }))) {
          const [file, binary, back] = ["in", "bin", "out"].map((end) => join(folder, `${name}.${end}`)) as [
            string,
            string,
            string,
          ];
          await writeFile(file, text);
          await run("plistutil", ["-i", file, "-o", binary]);
          await run("plistutil", ["-i", binary, "-o", back]);
          const { stdout } = await run("python3", ["-c", READ_PLIST, back]);
          const { Label, ProgramArguments } = JSON.parse(stdout);
          assert.match(Label, /^io\.github\.coldframe\.coldframe-(sync|check|watch)$/);
          assert.deepEqual(ProgramArguments.slice(0, 1), ["/a b/coldframe"]);
          assert.deepEqual(ProgramArguments.slice(2, 4), ["--home", home]);
        }
      }),
  );
}

const READ_PLIST = `
import json, plistlib, sys
print(json.dumps(plistlib.load(open(sys.argv[1], "rb"))))
`;
