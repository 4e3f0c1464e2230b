/** `coldframe auth google`: what a user types and sees, and that no token is ever part of it. */

import assert from "node:assert/strict";
import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { browse } from "../google/browser.ts";
import { serviceAccountKey } from "../servers/drive/keys.ts";
import { type DriveServer, withDrive } from "../servers/drive/server.ts";
import { googleEnv, keepClient } from "../store/drive_world.ts";
import { type Result, type User, withUser } from "./harness.ts";

const DAY = 86_400_000;

interface Setting {
  readonly user: User;
  readonly server: DriveServer;
  /** credentials.json in the downloads folder. */
  readonly download: string;
}

/** A user without a home, with a Google account at hand, and the JSON of an OAuth client downloaded. */
async function withGoogle(body: (setting: Setting) => Promise<void>): Promise<void> {
  await withDrive((server) =>
    withUser(async (user) => {
      server.world.addUser("ada@example.com");
      server.oauth.browserUser = "ada@example.com";
      const client = server.world.addClient("cold.apps.googleusercontent.com");
      await keepClient(user.path("Downloads"), client);
      user.env = googleEnv(server);
      user.clock = server.world.now;
      await body({ user, server, download: user.path("Downloads/google/credentials.json") });
    })
  );
}

/** What the browser's address bar shows in the end, on a machine where nothing listens. */
async function addressBar(shown: string): Promise<string> {
  const address = /https?:\/\/\S+\/auth\?\S+/.exec(shown)?.[0] ?? "";
  const response = await fetch(address, { redirect: "manual" });
  await response.body?.cancel();
  return response.headers.get("location") ?? "";
}

/** Signs in with an address pasted back. */
async function signIn({ user, download }: Setting, ...args: string[]): Promise<Result> {
  user.answers = [addressBar];
  return await user.run("auth", "google", "--no-browser", "--credentials", download, ...args);
}

/** Fails when anything that was printed holds a secret of this sign-in. */
async function assertNoSecret({ user, server }: Setting, ...results: Result[]): Promise<void> {
  const kept = await readFile(join(user.home, "google/token.json"), "utf8").catch(() => "{}");
  const { access_token, refresh_token } = JSON.parse(kept);
  const clients = [...server.world.clients.values()].map((client) => client.clientSecret);
  const secrets = [
    access_token,
    refresh_token,
    ...clients,
    ...server.world.access.keys(),
    ...server.world.grants.keys(),
  ];
  for (const { out, err } of results) {
    for (const secret of secrets) if (secret !== undefined) assert.ok(!(out + err).includes(secret));
  }
}

test("signing in without a browser: the address is shown, the one it ends at pasted", () =>
  withGoogle(async (setting) => {
    const result = await signIn(setting);
    assert.equal(result.code, 0, result.err);
    assert.match(result.out, /^Signed in as ada@example\.com\nSince: .*\nAllowed: drive\.file\n/);
    assert.match(result.err, /says that it cannot be\nreached\. That is right\./);
    await assertNoSecret(setting, result);
  }));

test("credentials are copied into the home, for their owner alone, before there is any home", () =>
  withGoogle(async (setting) => {
    await chmod(setting.download, 0o644);
    await signIn(setting);
    const copy = join(setting.user.home, "google/credentials.json");
    assert.deepEqual(await readFile(copy), await readFile(setting.download));
    if (process.platform === "win32") return;
    assert.equal((await stat(copy)).mode & 0o777, 0o600);
    assert.equal((await stat(join(setting.user.home, "google"))).mode & 0o777, 0o700);
  }));

test("a later sync makes its home where a sign-in is already", () =>
  withGoogle(async (setting) => {
    const { user } = setting;
    await signIn(setting);
    await mkdir(user.path("Photos"));
    await writeFile(user.path("Photos/a.jpg"), "a");
    await user.ok("sync", user.path("Photos"), "--staging", "gdrive:Coldframe");
    assert.ok((await readdir(user.home)).includes("catalog.db"));
  }));

test("the system's browser is sent to the address, and brings the sign-in back", () =>
  withGoogle(async (setting) => {
    if (process.platform === "win32") return;
    const { user, download } = setting;
    const opener = user.path("bin", process.platform === "darwin" ? "open" : "xdg-open");
    await mkdir(user.path("bin"));
    await writeFile(
      opener,
      `#!/bin/sh\nprintf %s "$1" > '${user.path("seen.part")}' && mv '${user.path("seen.part")}' '${
        user.path("seen")
      }'\n`,
    );
    await chmod(opener, 0o755);
    user.env = {
      ...user.env,
      DISPLAY: ":7",
      PATH: `${user.path("bin")}${delimiter}${process.env["PATH"] ?? ""}`,
    };
    const running = user.run("auth", "google", "--credentials", download);
    let address: string | undefined;
    for (let i = 0; i < 400 && address === undefined; i++) {
      await wait(25);
      address = await readFile(user.path("seen"), "utf8").catch(() => undefined);
    }
    await browse(address ?? "");
    const result = await running;
    assert.equal(result.code, 0, result.err);
    assert.match(result.err, /Your browser should show Google's sign-in now\./);
    assert.ok(result.err.includes(address ?? "nothing"), "the address is printed, too");
    await assertNoSecret(setting, result);
  }));

test("where no program opens addresses, the sign-in goes on with the printed one", () =>
  withGoogle(async ({ user, download }) => {
    if (process.platform === "win32") return;
    for (const env of [{ DISPLAY: ":7", PATH: user.path("nothing") }, { PATH: user.path("nothing") }]) {
      user.env = { ...user.env, ...env };
      const stop = new AbortController();
      user.signal = stop.signal;
      const running = user.run("auth", "google", "--credentials", download);
      await wait(300);
      stop.abort(new Error("Ctrl-C"));
      const { code, err } = await running;
      assert.equal(code, 1);
      assert.match(err, /Open this address in a browser on this machine .*\n\n {2}http:\/\/127/);
    }
  }));

test("a port and a path that the client registered are used", () =>
  withGoogle(async (setting) => {
    const { code, err } = await signIn(setting, "--redirect-port", "8123", "--redirect-path", "/oauth/back");
    assert.equal(code, 0, err);
    assert.ok(err.includes(encodeURIComponent("http://127.0.0.1:8123/oauth/back")));
  }));

test("what is no port and what is no path are wrong usage", () =>
  withGoogle(async ({ user }) => {
    for (const port of ["0", "65536", "-1", "80a", ""]) {
      assert.equal((await user.run("auth", "google", `--redirect-port=${port}`)).code, 2, port);
    }
    for (const path of ["/a?b", "/a#b", "//evil", "/a b", "/../a"]) {
      assert.equal((await user.run("auth", "google", `--redirect-path=${path}`)).code, 2, path);
    }
  }));

test("what contradicts itself is wrong usage", () =>
  withGoogle(async ({ user }) => {
    for (
      const args of [
        ["--state", "--refresh"],
        ["--state", "--sign-out"],
        ["--refresh", "--sign-out"],
        [
          "--state",
          "--no-browser",
        ],
        ["--sign-out", "--redirect-port", "80"],
        ["--refresh", "--credentials", "f"],
      ]
    ) assert.equal((await user.run("auth", "google", ...args)).code, 2, args.join(" "));
  }));

test("without credentials the way to get them is told", () =>
  withGoogle(async ({ user }) => {
    const { code, err } = await user.run("auth", "google");
    assert.equal(code, 1);
    assert.match(err, /no Google OAuth client at .*\n→ .*“Desktop app”.*--credentials FILE/);
  }));

test("what is no OAuth client is refused, and not copied", () =>
  withGoogle(async ({ user }) => {
    await writeFile(user.path("wrong.json"), "{}");
    const { file } = await serviceAccountKey("box@example.iam.gserviceaccount.com");
    await writeFile(user.path("key.json"), JSON.stringify(file));
    const wrong = await user.run("auth", "google", "--credentials", user.path("wrong.json"));
    assert.match(wrong.err, /wrong\.json is not the JSON of an OAuth client/);
    const key = await user.run("auth", "google", "--credentials", user.path("key.json"));
    assert.match(key.err, /key of a service account, which needs no sign-in/);
    const none = await user.run("auth", "google", "--credentials", user.path("none.json"));
    assert.match(none.err, /there is no file .*none\.json/);
    await assert.rejects(stat(join(user.home, "google")));
  }));

test("an address that is not pasted, and one of another sign-in, end it with a hint", () =>
  withGoogle(async ({ user, download }) => {
    user.answers = [];
    const args = ["auth", "google", "--no-browser", "--credentials", download];
    assert.match((await user.run(...args)).err, /no address was pasted\n→ /);
    user.answers = ["http://127.0.0.1:8085/?state=other&code=4/0xyz"];
    assert.match((await user.run(...args)).err, /not the address this sign-in was sent to\n→ /);
    assert.deepEqual(await readdir(join(user.home, "google")), ["credentials.json"]);
  }));

test("the state tells who, since when and what for; without a sign-in it fails", () =>
  withGoogle(async (setting) => {
    const { user } = setting;
    const none = await user.run("auth", "google", "--state");
    assert.equal(none.code, 1);
    assert.match(none.out, /Nobody is signed in/);
    await signIn(setting);
    const state = await user.run("auth", "google", "--state");
    assert.equal(state.code, 0);
    assert.match(state.out, /Signed in as ada@example\.com/);
    const json = await user.run("auth", "google", "--state", "--json");
    assert.equal(JSON.parse(json.out).account, "ada@example.com");
    await assertNoSecret(setting, none, state, json);
  }));

test("a sign-in that ends soon is said to, with the way out; one that ended fails", () =>
  withGoogle(async (setting) => {
    const { user, server } = setting;
    for (const client of server.world.clients.values()) client.testing = true;
    await signIn(setting);
    const before = await user.run("auth", "google", "--state");
    assert.equal(before.code, 0);
    assert.match(before.err, /Warning: the sign-in ends on .*“In production”/);
    user.clock = server.world.now = server.world.now + 8 * DAY;
    const after = await user.run("auth", "google", "--state");
    assert.equal(after.code, 1);
    assert.match(after.err, /the sign-in ended on /);
    const refresh = await user.run("auth", "google", "--refresh");
    assert.equal(refresh.code, 1);
    assert.match(
      refresh.err,
      /Google ended the sign-in of 8 days ago[^]*Testing lose every sign-in after seven days/,
    );
    await assertNoSecret(setting, before, after, refresh);
  }));

test("a refresh renews the access", () =>
  withGoogle(async (setting) => {
    const { user, server } = setting;
    await signIn(setting);
    const before = JSON.parse(await readFile(join(user.home, "google/token.json"), "utf8"));
    user.clock = server.world.now = server.world.now + DAY;
    const result = await user.run("auth", "google", "--refresh");
    assert.equal(result.code, 0, result.err);
    const after = JSON.parse(await readFile(join(user.home, "google/token.json"), "utf8"));
    assert.notEqual(after.access_token, before.access_token);
    assert.ok(after.access_expires > user.clock);
    await assertNoSecret(setting, result);
  }));

test("signing out ends the grant at Google and removes it here, and is harmless twice", () =>
  withGoogle(async (setting) => {
    const { user, server } = setting;
    await signIn(setting);
    assert.match(await user.ok("auth", "google", "--sign-out"), /^Signed out, at Google and here\./);
    assert.ok([...server.world.grants.values()].every((grant) => grant.revoked));
    assert.deepEqual(await readdir(join(user.home, "google")), ["credentials.json"]);
    assert.deepEqual(await user.json("auth", "google", "--sign-out"), { signedOut: false });
  }));

test("a service account needs no sign-in, and the state says whom it acts for", () =>
  withGoogle(async (setting) => {
    const { user } = setting;
    const { file } = await serviceAccountKey("box@example.iam.gserviceaccount.com");
    await writeFile(user.path("key.json"), JSON.stringify(file), { mode: 0o600 });
    user.env = {
      ...user.env,
      GOOGLE_APPLICATION_CREDENTIALS: user.path("key.json"),
      COLDFRAME_GOOGLE_SUBJECT: "ada@example.com",
    };
    assert.equal(
      await user.ok("auth", "google", "--state"),
      "Service account: box@example.iam.gserviceaccount.com\nActing for:      ada@example.com\n",
    );
    assert.equal((await user.run("auth", "google", "--refresh")).code, 2);
    const signedIn = await signIn(setting);
    assert.equal(signedIn.code, 2);
    assert.match(signedIn.err, /GOOGLE_APPLICATION_CREDENTIALS/);
  }));
