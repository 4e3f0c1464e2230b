/** `coldframe auth`: signing in where a store needs a person. Tokens stay in the home and out of every output. */

import { type Command, Option } from "commander";
import { ColdframeError } from "../../errors.ts";
import { homePath } from "../../home/home.ts";
import {
  DRIVE_FILE_SCOPE,
  DRIVE_READ_SCOPE,
  type GoogleContext,
  keepOAuthClient,
  readOAuthClient,
  renewSignIn,
  signIn,
  type SignInState,
  signInState,
  signOut,
} from "../../store/google/google.ts";
import { openBrowser } from "../browser.ts";
import { type CommandContext, EXIT, type GlobalFlags, newCommand, newGroup } from "../command.ts";
import { formatTime, printable } from "../format.ts";
import { json, line, styled, type Terminal, warn } from "../terminal.ts";

export function authCommand(context: CommandContext): Command {
  const auth = newGroup("auth", "Sign in to Google Drive.", "coldframe auth google");
  auth.addCommand(googleCommand(context));
  auth.action(() => auth.help({ error: true }));
  return auth;
}

interface Flags extends GlobalFlags {
  readonly credentials?: string;
  readonly readAll?: boolean;
  /** False with `--no-browser`. */
  readonly browser: boolean;
  readonly redirectPort?: number;
  readonly redirectPath?: string;
  readonly state?: boolean;
  readonly refresh?: boolean;
  readonly signOut?: boolean;
}

/** How to sign in makes no sense beside something else than signing in. */
const SIGNING_IN = ["credentials", "readAll", "browser", "redirectPort", "redirectPath"];

function googleCommand(context: CommandContext): Command {
  return newCommand(
    "google",
    "Sign in to Google Drive, so that coldframe may keep files of its own there. It sees no others, unless you add --read-all.",
    "coldframe auth google --credentials ~/Downloads/client_secret.json",
  )
    .option("--credentials <file>", "the JSON of your OAuth client; it is copied into the home")
    .option("--read-all", "let it also read what other programs put there, for `coldframe import`")
    .option("--no-browser", "sign in with a browser on another machine, and paste the address it ends at")
    .addOption(
      new Option("--redirect-port <port>", "the port that your OAuth client registered").argParser(parsePort),
    )
    .addOption(
      new Option("--redirect-path <path>", "the path that your OAuth client registered").argParser(parsePath),
    )
    .addOption(
      new Option("--state", "show who is signed in").conflicts([...SIGNING_IN, "refresh", "signOut"]),
    )
    .addOption(new Option("--refresh", "renew the access now, to see that it still works")
      .conflicts([...SIGNING_IN, "signOut"]))
    .addOption(new Option("--sign-out", "end the sign-in, at Google and here").conflicts(SIGNING_IN))
    .action((flags: Flags) => run(context, flags));
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw new ColdframeError("usage", `--redirect-port: "${text}" is not a port`, {
    hint: "Write a number from 1 to 65535: the one in your OAuth client's redirect address.",
  });
}

function parsePath(text: string): string {
  const path = text.startsWith("/") ? text : `/${text}`;
  if (URL.canParse(path, "http://127.0.0.1") && new URL(path, "http://127.0.0.1").pathname === path) {
    return path;
  }
  throw new ColdframeError("usage", `--redirect-path: "${text}" is not the path of an address`, {
    hint: "Write it as in your OAuth client's redirect address, such as /oauth/callback.",
  });
}

async function run(context: CommandContext, flags: Flags): Promise<void> {
  const google = googleContext(context.terminal, flags);
  if (flags.state === true) await showState(context, google, flags);
  else if (flags.refresh === true) await refresh(context, google, flags);
  else if (flags.signOut === true) await leave(context, google, flags);
  else await enter(context, google, flags);
}

function googleContext(terminal: Terminal, flags: Flags): GoogleContext {
  return {
    env: terminal.env,
    fetch,
    signal: terminal.signal,
    now: () => terminal.now(),
    home: homePath(flags.home, terminal.env),
    warn: (message) => warn(terminal, message),
  };
}

async function enter(context: CommandContext, google: GoogleContext, flags: Flags): Promise<void> {
  const { terminal } = context;
  if ((await signInState(google)).kind === "service-account") throw noSignIn();
  if (flags.credentials !== undefined) await keepOAuthClient(google, flags.credentials);
  const { redirectPort, redirectPath } = flags;
  await signIn(google, {
    show: (address) => flags.browser ? showAndOpen(terminal, address) : showOnly(terminal, address),
    ...(flags.browser ? {} : { paste: () => askForAddress(terminal) }),
    ...(flags.readAll === true ? { scopes: [DRIVE_FILE_SCOPE, DRIVE_READ_SCOPE] } : {}),
    ...(redirectPort === undefined ? {} : { redirectPort }),
    ...(redirectPath === undefined ? {} : { redirectPath }),
  });
  context.finish(EXIT.done);
  const state = await signInState(google);
  if (flags.json === true) return json(terminal, { signedIn: true, ...state });
  printState(terminal, state);
  line(terminal, "Next: coldframe sync --staging gdrive:Coldframe, or the same in config.toml.");
}

async function showAndOpen(terminal: Terminal, address: string): Promise<void> {
  const opened = await openBrowser(address, terminal.env);
  const what = opened
    ? "Your browser should show Google's sign-in now. If it does not, open this address on this machine:"
    : "Open this address in a browser on this machine (on another one, use --no-browser):";
  terminal.err(`${what}\n\n  ${address}\n\n`);
}

function showOnly(terminal: Terminal, address: string): void {
  terminal.err(
    [
      "Open this address in any browser and allow the access:",
      "",
      `  ${address}`,
      "",
      "The browser then goes to an address that begins with http://127.0.0.1 and says that it cannot be",
      "reached. That is right. Copy that whole address from the browser.",
      "",
    ].join("\n"),
  );
}

async function askForAddress(terminal: Terminal): Promise<string> {
  const answer = await terminal.ask("Paste it here: ");
  if (answer !== undefined) return answer;
  throw new ColdframeError("usage", "no address was pasted", {
    hint: "Run this on a terminal, or give the address as one line of standard input.",
  });
}

async function showState(context: CommandContext, google: GoogleContext, flags: Flags): Promise<void> {
  const state = await signInState(google);
  context.finish(isGood(state, google.now()) ? EXIT.done : EXIT.failed);
  if (flags.json === true) json(context.terminal, state);
  else printState(context.terminal, state);
}

function isGood(state: SignInState, now: number): boolean {
  if (state.kind !== "user") return state.kind === "service-account";
  return state.grantExpires === undefined || state.grantExpires > now;
}

async function refresh(context: CommandContext, google: GoogleContext, flags: Flags): Promise<void> {
  if ((await signInState(google)).kind === "service-account") throw noSignIn();
  await renewSignIn(google, await readOAuthClient(google));
  await showState(context, google, flags);
}

function noSignIn(): ColdframeError {
  return new ColdframeError("usage", "a service account is in use, which needs no sign-in", {
    hint: "To sign in as a person instead, unset GOOGLE_APPLICATION_CREDENTIALS.",
  });
}

async function leave(context: CommandContext, google: GoogleContext, flags: Flags): Promise<void> {
  const was = await signOut(google);
  context.finish(EXIT.done);
  if (flags.json === true) return json(context.terminal, { signedOut: was });
  line(context.terminal, was ? "Signed out, at Google and here." : "Nobody was signed in.");
  if (was) line(context.terminal, "What is on Drive stays there, encrypted; sign in again to use it.");
}

function printState(terminal: Terminal, state: SignInState): void {
  switch (state.kind) {
    case "none":
      return line(terminal, "Nobody is signed in to Google. Sign in with: coldframe auth google");
    case "service-account":
      line(terminal, `Service account: ${printable(state.account)}`);
      if (state.subject !== undefined) line(terminal, `Acting for:      ${printable(state.subject)}`);
      return;
    case "user":
      line(
        terminal,
        styled(terminal, "bold", `Signed in as ${printable(state.account ?? "an unknown user")}`),
      );
      line(terminal, `Since:   ${formatTime(state.granted)}`);
      line(
        terminal,
        `Allowed: ${state.scopes.map((scope) => printable(scope.replace(/^.*\/auth\//, ""))).join(", ")}`,
      );
      if (state.warning !== undefined) warn(terminal, state.warning);
  }
}
