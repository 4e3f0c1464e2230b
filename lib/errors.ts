/**
 * Every error coldframe raises on purpose.
 *
 * A message says what went wrong and where; `hint` says what to do next. The code is stable: programs
 * that read `--json` may match on it, so a code is never renamed and never reused for another meaning.
 */

/** Stable names of what can go wrong. Grouped by the part that raises them. */
export type ErrorCode =
  | "usage" // the command line cannot be understood
  | "config" // config.toml has a mistake
  | "home" // the home cannot be made, read or written
  | "busy" // another run holds the home
  | "source-missing" // a source folder is not there, or is not the one it was
  | "source-emptied" // a source lost most of its files at once
  | "source-changed" // a file changed while it was being read
  | "source-unreadable" // a file cannot be read
  | "catalog" // the catalog is damaged, too new, or cannot be reached
  | "key-missing" // an identity or recipient is needed and not there
  | "key-invalid" // a text is not a usable age recipient or identity
  | "key-wrong" // none of the identities opens the object
  | "passphrase" // a passphrase is needed or wrong
  | "not-age" // the bytes are not an age file
  | "damaged" // bytes are not what was stored: failed tag, truncation, wrong hash
  | "image" // an ISO image breaks its format
  | "volume-size" // files cannot be made to fit a volume
  | "store-url" // a store URL cannot be understood
  | "store-missing" // the store, bucket or folder itself is not there
  | "store-denied" // credentials are missing, wrong, or lack a permission
  | "store-full" // no space or quota left
  | "store-unreachable" // network trouble that outlasted the retries
  | "store-protocol" // an answer that no correct store gives
  | "object-missing" // no object under that key
  | "object-exists" // an object is already there, with other bytes
  | "object-archived" // the object must be thawed before it can be read
  | "upload-gone" // the store forgot an unfinished upload
  | "exists" // a local file is already there
  | "tool-missing" // a program from outside is needed and not installed
  | "cost" // the price was not agreed to, or is above what the user allows
  | "nothing-found" // a pattern matched nothing
  | "alert" // a message could not be sent
  | "interrupted"; // Ctrl-C, SIGTERM

/** What else an error may carry. */
export interface ErrorDetails {
  /** One sentence: what the user can do next. */
  hint?: string;
  /** The error underneath, kept for `--debug`. */
  cause?: unknown;
}

/** An error with a stable code, meant to be shown as `message` and `hint` without a stack trace. */
export class ColdframeError extends Error {
  override readonly name: string = "ColdframeError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.hint = details.hint;
  }
}

/** The codes a store may raise; the retry wrapper and the jobs decide by them. */
export type StoreErrorCode = Extract<
  ErrorCode,
  `store-${string}` | `object-${string}` | "upload-gone" | "damaged"
>;

/**
 * An error from a store. `transient` says that the same request may succeed later, so that a wrapper
 * may send it again; everything else is final.
 */
export class StoreError extends ColdframeError {
  override readonly name = "StoreError";
  override readonly code: StoreErrorCode;
  readonly transient: boolean;
  /** Seconds the store asked us to wait, if it did (Retry-After). */
  readonly retryAfter: number | undefined;

  constructor(
    code: StoreErrorCode,
    message: string,
    details: ErrorDetails & { transient?: boolean; retryAfter?: number } = {},
  ) {
    super(code, message, details);
    this.code = code;
    this.transient = details.transient ?? false;
    this.retryAfter = details.retryAfter;
  }
}

/** A source file is not (or no longer) what the catalog says; its volume must be planned anew. */
export class SourceChangedError extends ColdframeError {
  override readonly name = "SourceChangedError";
  /** The absolute path of the file that changed. */
  readonly path: string;
  /** The content that was expected there. */
  readonly sha256: string;

  constructor(path: string, sha256: string, what: string, details: ErrorDetails = {}) {
    super("source-changed", `${path} ${what} while it was being read`, details);
    this.path = path;
    this.sha256 = sha256;
  }
}

/** True for an error of ours with this code. */
export function hasCode(error: unknown, code: ErrorCode): error is ColdframeError {
  return error instanceof ColdframeError && error.code === code;
}

/** The code of a failed system call (`ENOENT`, `ENOSPC`, …), or undefined. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const code: unknown = Reflect.get(error, "code");
  return typeof code === "string" ? code : undefined;
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
