/** Installing, showing and removing a schedule; the programs of the system only note how they were called. */

import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { installSchedule, removeSchedule, type ScheduleChoices } from "../../lib/jobs/schedule.ts";
import { type User, withUser } from "../cli/harness.ts";

/** Notes its arguments; `crontab` keeps what it is given, as cron would. */
const FAKE = `#!/bin/sh
echo "\${0##*/} $*" >>"$HOME/calls"
[ "\${0##*/}" = crontab ] || exit 0
if [ "$1" = - ]; then cat >"$HOME/crontab"
elif [ -e "$HOME/crontab" ]; then cat "$HOME/crontab"
else echo "no crontab for me" >&2; exit 1; fi
`;

async function withFakes(body: (user: User) => Promise<void>): Promise<void> {
  await withUser(async (user) => {
    await mkdir(user.path("bin"));
    for (const name of ["systemctl", "crontab", "launchctl"]) {
      await writeFile(user.path("bin", name), FAKE, { mode: 0o755 });
    }
    user.env = { HOME: user.folder, PATH: `${user.path("bin")}:/usr/bin:/bin` };
    await user.ok("init", "--yes");
    await body(user);
  });
}

const choices = (user: User, more: Partial<ScheduleChoices> = {}): ScheduleChoices => ({
  root: user.home,
  program: ["/usr/bin/coldframe"],
  watch: false,
  system: false,
  manager: "systemd",
  env: user.env,
  ...more,
});

const calls = async (user: User) => (await readFile(user.path("calls"), "utf8")).trim().split("\n");
const units = (user: User) => readdir(user.path(".config/systemd/user"));

test("install writes the units of the user, and enables the timers", () =>
  withFakes(async (user) => {
    await installSchedule(choices(user));
    const names = (await units(user)).map((name) => name.replace(/-[0-9a-f]{8}\./, "-ID.")).sort();
    assert.deepEqual(names, [
      "coldframe-check-ID.service",
      "coldframe-check-ID.timer",
      "coldframe-sync-ID.service",
      "coldframe-sync-ID.timer",
    ]);
    const [reload, enable = "", ...more] = await calls(user);
    assert.equal(reload, "systemctl --user daemon-reload");
    assert.match(
      enable,
      /^systemctl --user enable --now coldframe-sync-\w+\.timer coldframe-check-\w+\.timer$/,
    );
    assert.deepEqual(more, []);
  }));

test("the daemon takes the place of the timers, and remove leaves nothing but what is not ours", () =>
  withFakes(async (user) => {
    await installSchedule(choices(user));
    const mine = user.path(".config/systemd/user/coldframe-mine.service");
    await writeFile(mine, "[Service]\n");
    await installSchedule(choices(user, { watch: true }));
    assert.deepEqual((await units(user)).length, 2);
    assert.ok((await calls(user)).some((call) => /disable --now .*coldframe-sync-\w+\.timer/.test(call)));
    await removeSchedule(choices(user));
    assert.deepEqual(await units(user), ["coldframe-mine.service"]);
  }));

test("the usual home has names without an id", () =>
  withFakes(async (user) => {
    await user.ok("init", "--yes", "--home", user.path(".coldframe"));
    const { files } = await installSchedule(choices(user, { root: user.path(".coldframe"), watch: true }));
    assert.deepEqual(files.map(({ name }) => name), [
      user.path(".config/systemd/user/coldframe-watch.service"),
    ]);
  }));

test("cron: install, show and remove keep the lines of others", () =>
  withFakes(async (user) => {
    await writeFile(user.path("crontab"), "0 0 * * * backup\n");
    assert.match(await user.ok("schedule", "install", "--cron"), /^Written: crontab\n/);
    const shown = await user.ok("schedule", "show", "--cron");
    assert.match(shown, /^17 \* \* \* \* .* sync --home /m);
    assert.equal((await readFile(user.path("crontab"), "utf8")).split("\n").length, 6);
    assert.match(await user.ok("schedule", "remove", "--cron"), /^Removed: crontab\n$/);
    assert.equal(await readFile(user.path("crontab"), "utf8"), "0 0 * * * backup\n");
    assert.match(await user.ok("schedule", "show", "--cron"), /^Nothing is scheduled/);
  }));

test("a user who has no crontab yet gets one", () =>
  withFakes(async (user) => {
    await user.ok("schedule", "install", "--cron", "--watch");
    assert.match(await readFile(user.path("crontab"), "utf8"), /^# coldframe[^\n]*\n@reboot /);
  }));

test("--dry-run prints what would be written, and writes nothing", () =>
  withFakes(async (user) => {
    assert.match(await user.ok("schedule", "install", "--cron", "--dry-run"), /^## crontab\n# coldframe/);
    assert.deepEqual((await readdir(user.folder)).toSorted(), ["bin", "home"]);
  }));

test("launchd: the lists are loaded, and unloaded before they go", () =>
  withFakes(async (user) => {
    const mac = choices(user, { manager: "launchd", watch: true });
    await installSchedule(mac);
    const [list = ""] = await readdir(user.path("Library/LaunchAgents"));
    assert.match(list, /^io\.github\.coldframe\.coldframe-watch-\w+\.plist$/);
    await removeSchedule(mac);
    assert.deepEqual(await readdir(user.path("Library/LaunchAgents")), []);
    const [bootstrap = "", bootout = ""] = await calls(user);
    assert.match(bootstrap, /^launchctl bootstrap gui\/\d+ .*LaunchAgents\/io\.github\.coldframe/);
    assert.match(bootout, /^launchctl bootout gui\/\d+\/io\.github\.coldframe\.coldframe-watch-\w+$/);
  }));

test("a manager that fails is named with what it said", () =>
  withFakes(async (user) => {
    await writeFile(user.path("bin/systemctl"), "#!/bin/sh\necho 'no bus' >&2\nexit 1\n", { mode: 0o755 });
    await assert.rejects(installSchedule(choices(user)), /systemctl --user daemon-reload failed: no bus/);
  }));

test("where there is no cron either, it says what to install", () =>
  withFakes(async (user) => {
    await rm(user.path("bin/crontab"));
    user.env = { ...user.env, PATH: user.path("bin") };
    const { code, err } = await user.run("schedule", "install", "--cron");
    assert.equal(code, 1);
    assert.match(err, /neither systemd nor cron on this machine\n→ Install cron/);
  }));

test("without a home there is nothing to schedule", () =>
  withFakes(async (user) => {
    const { code, err } = await user.run("schedule", "install", "--cron", "--home", user.path("none"));
    assert.equal(code, 1);
    assert.match(err, /there is no coldframe home at/);
  }));

test("no file of a schedule holds a secret of the home or the environment", () =>
  withFakes(async (user) => {
    user.env = { ...user.env, AWS_SECRET_ACCESS_KEY: "hush-1", COLDFRAME_PASSPHRASE: "hush-2" };
    for (const manager of ["systemd", "cron", "launchd"] as const) {
      const { files } = await installSchedule(choices(user, { manager }));
      for (const { text } of files) assert.doesNotMatch(text, /hush|AGE-SECRET/);
    }
  }));
