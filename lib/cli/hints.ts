/** What to do next, for errors whose maker had nothing more precise to say. */

import { ColdframeError, type ErrorCode } from "../errors.ts";

const OTHER_COPY =
  "This copy cannot be used. Run `coldframe check volumes --deep` to see what else is affected, and keep the original.";

const HINTS: Readonly<Partial<Record<ErrorCode, string>>> = {
  "source-changed": "Run again when nothing writes to that file.",
  "source-unreadable": "Give the user who runs coldframe the right to read it.",
  "catalog": "Run again with --debug for details.",
  "key-missing": "Bring the identity file back, or name it with --identity FILE.",
  "key-invalid": "Compare the key with its original.",
  "key-wrong": "Name the right identity with --identity FILE.",
  "passphrase": "Try again; capitals and spaces count.",
  "not-age": OTHER_COPY,
  "damaged": OTHER_COPY,
  "image": OTHER_COPY,
  "object-missing": OTHER_COPY,
  "object-exists": "Nothing was replaced. Move that object away if it shall be written anew.",
  "volume-size": "Choose a larger --volume-size.",
  "store-url": "Write file:/path for a folder.",
  "store-missing": "If the store is on a disk of its own, plug that in and mount it.",
  "store-denied": "Check the credentials and the rights of the store.",
  "store-full": "Free some space, or choose another store; the next run goes on from here.",
  "store-unreachable": "Check the network; the next run goes on from here.",
  "store-protocol": "Run again with --debug for details.",
  "cost": "Nothing was asked for and nothing was paid. Look at the plan with --plan.",
  "upload-gone": "Run again: the upload starts anew.",
  "interrupted": "Run the same command again: it goes on where it stopped.",
};

/** What the user can do about an error. */
export function hintFor(error: unknown): string {
  if (!(error instanceof ColdframeError)) {
    return "This should not happen. Run again with --debug, and report what it says.";
  }
  return error.hint === undefined ? defaultHint(error.code) : capital(error.hint);
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** What the user can do about an error of this code. */
export function defaultHint(code: ErrorCode | "unexpected"): string {
  return (code === "unexpected" ? undefined : HINTS[code]) ?? "Run again with --debug for details.";
}
