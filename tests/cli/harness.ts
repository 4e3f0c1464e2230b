/** Runs commands in this process, in a world of their own: a temporary home, no real terminal, a clock. */

import { join } from "node:path";
import { runCommand } from "../../lib/cli/main.ts";
import type { Terminal } from "../../lib/cli/terminal.ts";
import { withFolder } from "../tools.ts";

/** What a command left behind. */
export interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** What a user types; where that depends on what the screen shows, a function of standard error so far. */
export type Answer = string | ((shown: string) => Promise<string>);

/** A user with a folder, a home below it, and hands on a keyboard. */
export class User {
  readonly folder: string;
  readonly home: string;
  /** Answers to the questions that come; none means that there is no terminal. */
  answers: Answer[] | undefined;
  /** What is piped into standard input. */
  input = "";
  env: Record<string, string> = {};
  /** ms since 1970; undefined for the real time. */
  clock: number | undefined;
  /** Characters in a line of the screen. */
  columns: number | undefined;
  signal: AbortSignal = new AbortController().signal;

  constructor(folder: string) {
    this.folder = folder;
    this.home = join(folder, "home");
  }

  /** A path below the user's folder. */
  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  /** Runs `coldframe …args`. */
  async run(...args: string[]): Promise<Result> {
    const out: string[] = [];
    const err: string[] = [];
    const terminal: Terminal = {
      out: (text) => void out.push(text),
      err: (text) => void err.push(text),
      live: false,
      interactive: this.answers !== undefined,
      colour: false,
      columns: this.columns,
      env: { COLDFRAME_HOME: this.home, ...this.env },
      ask: async (question, { secret = false } = {}) => {
        const next = this.answers?.shift();
        const answer = typeof next === "function" ? await next(err.join("")) : next;
        err.push(`${question}${secret ? "" : answer ?? ""}\n`); // as the screen shows it
        return answer;
      },
      input: () => Promise.resolve(this.input),
      now: () => this.clock ?? Date.now(),
      onHangup: () => () => {},
      signal: this.signal,
    };
    const code = await runCommand(args, terminal);
    return { code, out: out.join(""), err: err.join("") };
  }

  /** Runs a command that must succeed; its standard output. */
  async ok(...args: string[]): Promise<string> {
    const result = await this.run(...args);
    if (result.code !== 0) {
      throw new Error(`coldframe ${args.join(" ")} ended with ${result.code}:\n${result.err}`);
    }
    return result.out;
  }

  /** The one JSON object that a command prints. */
  async json(...args: string[]): Promise<Record<string, unknown>> {
    const { out } = await this.run(...args, "--json");
    const value: unknown = JSON.parse(out);
    if (typeof value !== "object" || value === null) throw new Error(`not an object: ${out}`);
    return { ...value };
  }
}

/** Runs `body` with a new user, whose folder is gone afterwards. */
export function withUser<T>(body: (user: User) => Promise<T>, parent?: string): Promise<T> {
  return withFolder((folder) => body(new User(folder)), parent);
}
