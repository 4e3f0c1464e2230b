/** Questions on a real terminal: a pseudo-terminal that `script` (util-linux) makes. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { testWith } from "../tools.ts";
import { put } from "./files.ts";
import { type User, withUser } from "./harness.ts";
import { scriptCommand } from "./process.ts";

/** A script on a terminal of its own: what the screen shows, and hands to type with. */
class Screen {
  text = "";
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown[]>;

  constructor(user: User, name: string, ...args: string[]) {
    const command = [...scriptCommand(name), ...args].map((word) => `'${word}'`).join(" ");
    this.#child = spawn("script", ["--quiet", "--return", "--command", command, "/dev/null"], {
      env: { ...process.env, NO_COLOR: "1", TERM: "xterm", COLDFRAME_HOME: user.home, ...user.env },
    });
    this.#ended = once(this.#child, "close");
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => this.text += text);
  }

  /** Waits for a question to stand on the screen, then types the answer. */
  async answer(question: string, keys: string): Promise<void> {
    for (let tries = 0; !this.text.includes(question); tries++) {
      if (tries > 2000) throw new Error(`"${question}" never came:\n${this.text}`);
      await sleep(10);
    }
    await sleep(100); // the terminal is put into raw mode just after
    this.#child.stdin?.write(keys);
  }

  /** What stands on the screen in the end: lines as they were last drawn (CSI 0 J clears what follows). */
  get lines(): string[] {
    return this.text.split(/\r+\n/).map((line) => {
      const [last = ""] = line.split("\x1b[0J").slice(-1);
      // deno-lint-ignore no-control-regex -- escape sequences begin with a control character
      return last.replace(/\x1b\[[0-9;]*[A-Za-z]/g, "");
    });
  }

  /** The exit code. */
  async code(): Promise<number> {
    const [code] = await this.#ended;
    return Number(code);
  }
}

const OPTIONS = { timeout: 180_000 };

testWith(
  ["script"],
  "init shows its questions on a terminal and takes the answers",
  () =>
    withUser(async (user) => {
      const screen = new Screen(user, "init");
      await screen.answer("Folders to protect, separated by commas: ", `${user.path("Photos")}\r`);
      await screen.answer("Where to keep volumes (store URL) [a folder in the home]: ", "\r");
      await screen.answer("Where single files wait (store URL) [a folder in the home]: ", "\r");
      await screen.answer("Volume size [5G]: ", "2G\r");
      assert.equal(await screen.code(), 0, screen.text);
      for (
        const line of [
          `Folders to protect, separated by commas: ${user.path("Photos")}`,
          "Where single files wait (store URL) [a folder in the home]: ",
          "Volume size [5G]: 2G",
        ]
      ) assert.ok(screen.lines.includes(line), `${line}\n${JSON.stringify(screen.lines, null, 1)}`);
      const config = await readFile(user.path("home/config.toml"), "utf8");
      assert.ok(config.includes(`sources = [${JSON.stringify(user.path("Photos"))}]`));
      assert.match(config, /^volume-size = "2G"$/m);
    }),
  OPTIONS,
);

testWith(["script"], "a passphrase does not show on the screen", () =>
  withUser(async (user) => {
    await user.ok("init", "--classic", "--yes");
    const screen = new Screen(user, "key", "protect", "--work-factor", "10");
    await screen.answer("New passphrase: ", "correct horse\r");
    await screen.answer("The same again: ", "correct horse\r");
    assert.equal(await screen.code(), 0, screen.text);
    assert.doesNotMatch(screen.text, /correct|horse/);
    user.env = { COLDFRAME_PASSPHRASE: "correct horse" };
    assert.match(await user.ok("key", "show", "--secret"), /^AGE-SECRET-KEY-1/m);
  }), OPTIONS);

testWith(["script"], "Ctrl-C at a question stops the command", () =>
  withUser(async (user) => {
    await user.ok("init", "--classic", "--yes");
    await put(user, "Photos/a.jpg", "a");
    await user.ok("sync", user.path("Photos"));
    user.env = { COLDFRAME_PASSPHRASE: "correct horse" };
    await user.ok("key", "protect", "--work-factor", "10");
    user.env = { COLDFRAME_PASSPHRASE: "" };
    const screen = new Screen(user, "restore", "**", "--to", user.path("out"));
    await screen.answer("Passphrase of ", "\x03");
    assert.equal(await screen.code(), 1, screen.text);
    assert.match(screen.text, /Error: stopped by SIGINT\r\n→ Run the same command again/);
  }), OPTIONS);
