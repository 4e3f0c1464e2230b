/** `coldframe watch` as a process: with real folders, signals and a service manager's socket. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { appendFile, mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import process from "node:process";
import { test } from "node:test";
import { type User, withUser } from "../cli/harness.ts";
import { contents } from "../cli/files.ts";
import { pseudoRandom, testWith } from "../tools.ts";
import { startWatch, until } from "./tools.ts";

const PATIENT = { timeout: 120_000 };

async function photos(user: User): Promise<string> {
  const folder = user.path("Photos");
  await mkdir(folder);
  return folder;
}

async function put(user: User, name: string, bytes = 1000, seed = 1): Promise<void> {
  await writeFile(user.path("Photos", name), pseudoRandom(bytes, seed));
}

test(
  "new files, also in new and renamed folders, are stored without anybody's doing",
  PATIENT,
  () =>
    withUser(async (user) => {
      await put(user, await photos(user).then(() => "a.jpg"), 1000, 1);
      const watch = startWatch(user, user.path("Photos"));
      await watch.says(/^sync: staged 1 file/m);
      await mkdir(user.path("Photos", "new", "deep"), { recursive: true });
      await put(user, "new/deep/b.jpg", 1000, 2);
      await watch.says(/(^sync: staged 1 file[^]*){2}/m);
      await rename(user.path("Photos", "new"), user.path("Photos", "other"));
      await put(user, "other/deep/c.jpg", 1000, 3);
      await watch.says(/(^sync: staged 1 file[^]*){3}/m);
      assert.equal((await watch.stop()).code, 0);
      assert.match(await user.ok("ls", "files"), /a\.jpg\n.*other\/deep\/b\.jpg\n.*other\/deep\/c\.jpg\n$/);
    }),
);

test(
  "a file that is being written is stored once, when it is whole",
  PATIENT,
  () =>
    withUser(async (user) => {
      await photos(user);
      const watch = startWatch(user, user.path("Photos"));
      await watch.says(/^sync: /m);
      for (let i = 0; i < 15; i++) {
        await appendFile(user.path("Photos", "film.mov"), pseudoRandom(10_000, i));
        if (i === 5) await put(user, "beside.jpg");
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
      await until(async () => /film/.test(await user.ok("ls", "files")));
      await watch.stop();
      const versions = (await user.ok("find", "film.mov", "--json")).match(/"size":\d+/g);
      assert.deepEqual(versions, ['"size":150000']);
    }),
);

test(
  "while it rests, the home is free for others, and what holds it then is waited for",
  PATIENT,
  () =>
    withUser(async (user) => {
      await put(user, await photos(user).then(() => "a.jpg"));
      const watch = startWatch(user, user.path("Photos"));
      await watch.says(/^sync: staged/m);
      await user.ok("sync");
      await user.ok("restore", "**", "--to", user.path("restored"));
      assert.equal((await watch.stop()).code, 0);
    }),
);

/** The key of the volume of which some parts have been sent, but not all. */
async function halfSent(user: User): Promise<string | undefined> {
  return /"key":"(volumes[^"]*)","of":"volume","size":\d+,"sent":[1-9]/.exec(
    await user.ok("ls", "uploads", "--json"),
  )?.[1];
}

test(
  "SIGTERM in the middle of an upload ends it cleanly, and the next watch goes on with that upload",
  PATIENT,
  () =>
    withUser(async (user) => {
      await photos(user);
      await user.ok("init", user.path("Photos"), "--yes", "--volume-size", "30M");
      const config = user.path("home", "config.toml");
      await appendFile(config, '\nlimit-rate = "4M"\n');
      for (let i = 0; i < 32; i++) await put(user, `${i}.jpg`, 1_000_000, i);
      const first = startWatch(user);
      await until(async () => await halfSent(user) !== undefined);
      const stopped = Date.now();
      const { code, out } = await first.stop();
      assert.deepEqual([code, out.endsWith("Watching has ended.\n")], [0, true]);
      assert.ok(Date.now() - stopped < 10_000);
      const volume = await halfSent(user) ?? "none";
      await writeFile(config, (await readFile(config, "utf8")).replace("4M", "400M"));
      const second = startWatch(user);
      await second.says(/^sync: .*sealed 1 volume/m);
      await second.stop();
      assert.ok((await readdir(user.path("home", "store"), { recursive: true })).includes(volume));
      await user.ok("restore", "**", "--to", user.path("restored"));
      assert.deepEqual(await contents(user.path("restored", "Photos")), await contents(user.path("Photos")));
    }),
);

test("SIGHUP makes it watch what the settings name now", PATIENT, () =>
  withUser(async (user) => {
    await photos(user);
    await user.ok("init", user.path("Photos"), "--yes");
    const watch = startWatch(user);
    await watch.says(/^sync: /m);
    await mkdir(user.path("Films"));
    const config = user.path("home", "config.toml");
    await writeFile(config, `sources = ${JSON.stringify([user.path("Photos"), user.path("Films")])}\n`);
    watch.signal("SIGHUP");
    await watch.says(/^Watching .*Photos, .*Films\.$/m);
    await watch.says(/(^sync: [^]*){2}/m);
    await writeFile(user.path("Films", "b.mov"), "film");
    await watch.says(/^sync: staged 1 file/m);
    await watch.stop();
  }));

/** Takes the datagrams that systemd would, and prints them. */
const SYSTEMD = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("LISTENING", flush=True)
while True: print(s.recv(4096).decode().replace("\\n", " "), flush=True)
`;

testWith(
  ["systemd-notify", "python3"],
  "systemd is told when it is ready, that it lives, and that it stops",
  () =>
    withUser(async (user) => {
      const socket = user.path("notify");
      const server = spawn("python3", ["-c", SYSTEMD, socket], { stdio: ["ignore", "pipe", "inherit"] });
      let heard = "";
      server.stdout.setEncoding("utf8").on("data", (text: string) => heard += text);
      try {
        await until(() => heard.includes("LISTENING"));
        await photos(user);
        user.env = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: "1000000" };
        const watch = startWatch(user, user.path("Photos"));
        await watch.says(/^sync: /m);
        await until(() => heard.split("WATCHDOG=1").length > 3);
        await watch.stop();
        await until(() => heard.includes("STOPPING=1"));
        assert.match(heard, /READY=1/);
        assert.match(heard, /STATUS=Watching 1 folder/);
        assert.ok(heard.indexOf("READY=1") < heard.indexOf("STATUS=Running sync"));
      } finally {
        server.kill("SIGKILL");
      }
    }),
  PATIENT,
);

/** A user namespace has limits of its own: user_namespaces(7), /proc/sys/user. */
const FEW = (command: string) => `echo 3 > /proc/sys/user/max_inotify_watches && exec ${command}`;

testWith(
  ["unshare"],
  "where there are too few watches it says how to get more, and scans from time to time",
  () =>
    withUser(async (user) => {
      await photos(user);
      for (let i = 0; i < 10; i++) await mkdir(user.path("Photos", `${i}`));
      await put(user, "a.jpg");
      const watch = startWatch(user, user.path("Photos"), {
        through: ["unshare", "-Ur", "sh", "-c", FEW('"$0" "$@"')],
      });
      await watch.says(/more folders than this system lets us watch/);
      await watch.says(/fs\.inotify\.max_user_watches=524288/);
      await watch.says(/^sync: staged 1 file/m);
      await watch.stop();
    }),
  PATIENT,
);

test("Ctrl-C on a terminal, which reaches all of its programs, ends a run once and cleanly", {
  ...PATIENT,
  skip: process.platform === "win32",
}, () =>
  withUser(async (user) => {
    await put(user, await photos(user).then(() => "a.jpg"));
    const watch = startWatch(user, user.path("Photos"));
    await watch.says(/^Watching/m);
    watch.signal("SIGINT");
    const { code, err } = await watch.ended;
    assert.equal(code, 0);
    assert.doesNotMatch(err, /rror: (?!stopped by)/);
  }));
