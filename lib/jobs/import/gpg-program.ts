/**
 * Decrypting OpenPGP messages by the `gpg` program.
 *
 * Why the program and not a library: who comes from savethepictures has it, since it made the files; it
 * streams a video of any size in a few megabytes of memory, knows every cipher and compression that its own
 * versions ever wrote, and tells clearly when a message is not whole. OpenPGP.js holds a message in memory
 * until its MDC is proven (`allowUnauthenticatedStream` gives that up), which a 4 GB video on a Pi does not
 * allow.
 */

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Readable, Writable } from "node:stream";
import { ColdframeError, messageOf, systemCode } from "../../errors.ts";
import { type GpgStatus, parseGpgStatus } from "../../import/gpg.ts";

/** A gpg with a key ring of its own, which is empty. */
export class GpgProgram {
  readonly #home: string;
  readonly #program: string;

  private constructor(home: string, program: string) {
    this.#home = home;
    this.#program = program;
  }

  /**
   * Finds the program.
   *
   * @param program its name or path
   * @throws ColdframeError `tool-missing` when it is not installed
   */
  static async open(program = "gpg"): Promise<GpgProgram> {
    // mkdtemp gives mode 0700. Neither the user's key ring nor settings of theirs play a part.
    const home = await mkdtemp(join(tmpdir(), "coldframe-gpg-"));
    const gpg = new GpgProgram(home, program);
    try {
      await gpg.#run(["--version"], (input) => Promise.resolve(void input.end()), () => Promise.resolve());
      return gpg;
    } catch (error) {
      await gpg.close();
      throw error;
    }
  }

  /** Removes the key ring. */
  async close(): Promise<void> {
    await rm(this.#home, { recursive: true, force: true });
  }

  /**
   * Decrypts one message. What `each` got counts only when this returns.
   *
   * The passphrase goes first through the same pipe as the message: gpg reads it byte by byte up to the line's
   * end, so it is in no argument, no file and no environment of another process.
   *
   * @param message as it comes
   * @param each gets the plaintext, piece by piece
   * @returns when it was encrypted, if the message says so
   * @throws ColdframeError `passphrase` for a wrong one; `damaged` for what is not whole
   */
  async decrypt(
    message: AsyncIterable<Uint8Array>,
    passphrase: string,
    each: (piece: Uint8Array) => Promise<void>,
  ): Promise<GpgStatus> {
    if (/[\n\r\0]/.test(passphrase)) {
      throw new ColdframeError("passphrase", "a passphrase of gpg's is one line of text");
    }
    const { text, code } = await this.#run(DECRYPT, async (input) => {
      await write(input, `${passphrase}\n`);
      for await (const piece of message) if (!await write(input, piece)) return; // gpg has seen enough
      input.end();
    }, each);
    const status = parseGpgStatus(text);
    if (code === 0 && status.proven) return status;
    throw status.wrongPassphrase ? wrongPassphrase() : notWhole(status);
  }

  async #run(
    args: readonly string[],
    feed: (input: Writable) => Promise<void>,
    each: (piece: Uint8Array) => Promise<void>,
  ): Promise<{ readonly text: string; readonly code: number | null }> {
    // Nothing else of the environment: it may hold the passphrase, and LANG changes what gpg says.
    const child = spawn(this.#program, [...args], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { PATH: process.env["PATH"] ?? "", GNUPGHOME: this.#home, LC_ALL: "C" },
    });
    const ended = new Promise<number | null>((resolve, reject) => {
      child.on("error", (error) => reject(cannotStart(error)));
      child.on("close", resolve);
    });
    child.stdin.on("error", () => {}); // it may end before it has read all: its status says why
    try {
      const [, , text, code] = await Promise.all([
        feed(child.stdin),
        drain(child.stdout, each),
        textOf(child.stderr),
        ended,
      ]);
      return { text, code };
    } catch (error) {
      child.kill();
      child.stdin.destroy();
      await ended.catch(() => {});
      throw error;
    }
  }
}

/** `--status-fd 2`: with its messages, where order tells what belongs to what. */
const DECRYPT = [
  "--batch",
  "--no-options",
  "--no-autostart",
  "--no-tty",
  "--quiet",
  "--pinentry-mode",
  "loopback",
  "--passphrase-fd",
  "0",
  "--status-fd",
  "2",
  "--decrypt",
] as const;

/** @returns false once nobody reads any more */
async function write(input: Writable, piece: Uint8Array | string): Promise<boolean> {
  if (input.destroyed || input.writableEnded) return false;
  return await new Promise((resolve) =>
    input.write(piece, (error) => resolve(error === null || error === undefined))
  );
}

async function drain(output: Readable, each: (piece: Uint8Array) => Promise<void>): Promise<void> {
  for await (const piece of output) {
    if (piece instanceof Uint8Array) await each(piece);
  }
}

/** Of a message gpg says a few lines; what a hostile one makes it say beyond that is not kept. */
const MOST_SAID = 64 * 1024;

async function textOf(output: Readable): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const piece of output) {
    if (piece instanceof Uint8Array && text.length < MOST_SAID) {
      text += decoder.decode(piece, { stream: true });
    }
  }
  return text;
}

function cannotStart(error: Error): ColdframeError {
  const missing = systemCode(error) === "ENOENT";
  return new ColdframeError(
    "tool-missing",
    missing ? "the program gpg is not installed" : `gpg does not start: ${messageOf(error)}`,
    {
      hint: "Install it: sudo apt install gnupg (Debian, Raspberry Pi OS), brew install gnupg (macOS).",
      cause: error,
    },
  );
}

function wrongPassphrase(): ColdframeError {
  return new ColdframeError("passphrase", "the passphrase is another one", {
    hint: "Give the one that stood in savethepictures' crontab.",
  });
}

/** What gpg says of a broken message is for who knows gpg: it is kept for `--debug`. */
function notWhole({ said }: GpgStatus): ColdframeError {
  return new ColdframeError("damaged", "it does not decrypt to a whole file: it was cut or changed", {
    hint: "Look for the file elsewhere, such as on an old stick.",
    cause: new Error(said),
  });
}
