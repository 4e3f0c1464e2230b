/**
 * What Drive's refusals mean.
 * https://developers.google.com/workspace/drive/api/guides/handle-errors
 */

import { StoreError } from "../../errors.ts";
import { objectAt, objectsAt, parseObject, textAt } from "../google/json.ts";

/** An answer of Drive that is no success; kept as the cause of the StoreError. */
export class DriveRefusal extends Error {
  constructor(readonly status: number, readonly reason: string, message: string) {
    super(message);
  }
}

/** Who asked, for hints that differ by it. */
export interface Asker {
  readonly kind: "user" | "service-account";
  readonly sharedDrive: boolean;
}

/** The refusal under an error, when it is one of Drive's. */
export function refusalUnder(error: unknown): DriveRefusal | undefined {
  return error instanceof StoreError && error.cause instanceof DriveRefusal ? error.cause : undefined;
}

/** Whether an error says that Drive answered with this status. */
export function isStatus(error: unknown, ...statuses: readonly number[]): boolean {
  const refusal = refusalUnder(error);
  return refusal !== undefined && statuses.includes(refusal.status);
}

/** What an answer that is no success says. */
export function readRefusal(status: number, body: string): DriveRefusal {
  const error = objectAt(parseObject(body), "error");
  const reason = textAt(objectsAt(error, "errors")[0], "reason") ?? textAt(error, "status") ?? "";
  return new DriveRefusal(status, reason, textAt(error, "message") ?? `HTTP ${status}`);
}

const TOO_FAST = new Set(["rateLimitExceeded", "userRateLimitExceeded", "sharingRateLimitExceeded"]);
const FULL = new Set([
  "storageQuotaExceeded",
  "quotaExceeded",
  "teamDriveFileLimitExceeded",
  "numChildrenInNonRootLimitExceeded",
  "activeItemCreationLimitExceeded",
]);

/**
 * The error to raise for a refusal.
 *
 * @param what what was asked for, to begin the message with
 * @param retryAfter seconds, as the answer's Retry-After says
 */
export function explain(
  refusal: DriveRefusal,
  what: string,
  asker: Asker,
  retryAfter: number | undefined,
): StoreError {
  const { status, reason } = refusal;
  const message = `${what}: ${refusal.message}${reason === "" ? "" : ` (${reason})`}`;
  const passing = status >= 500 || status === 408 || status === 429 ||
    (status === 403 && TOO_FAST.has(reason));
  if (passing) {
    return new StoreError("store-unreachable", message, {
      cause: refusal,
      transient: true,
      ...(retryAfter === undefined ? {} : { retryAfter }),
    });
  }
  if (FULL.has(reason)) {
    return new StoreError("store-full", message, { cause: refusal, hint: fullHint(reason, asker) });
  }
  if (status === 401 || status === 403) {
    return new StoreError("store-denied", message, { cause: refusal, hint: deniedHint(reason) });
  }
  if (status === 404) return new StoreError("object-missing", message, { cause: refusal });
  return new StoreError("store-protocol", message, { cause: refusal });
}

function fullHint(reason: string, asker: Asker): string {
  if (!reason.toLowerCase().includes("quota")) {
    return "A folder or drive has reached the number of files Drive allows: seal what is staged, or use another folder.";
  }
  if (asker.kind === "service-account" && !asker.sharedDrive) {
    return "A service account has no space of its own: use a folder of a shared drive (gdrive://DRIVE_ID/Folder), act " +
      "for a user (COLDFRAME_GOOGLE_SUBJECT), or sign in as yourself (coldframe auth google).";
  }
  return "Seal what is staged (coldframe sync --seal), empty Drive's bin, or get more space.";
}

function deniedHint(reason: string): string {
  switch (reason) {
    case "accessNotConfigured":
    case "SERVICE_DISABLED":
      return "Enable the Google Drive API for the project in the Google console.";
    case "insufficientPermissions":
    case "ACCESS_TOKEN_SCOPE_INSUFFICIENT":
      return "Sign in again and allow the access to Drive: coldframe auth google";
    case "insufficientFilePermissions":
    case "insufficientParentPermissions":
      return "On a shared drive coldframe needs the role Manager, since only that may delete what was staged.";
    case "dailyLimitExceeded":
      return "The Google project used up its requests for today: wait until tomorrow, or raise the quota in the console.";
    default:
      return "See `coldframe auth google --state`, or sign in again: coldframe auth google";
  }
}

/** The error for a store's folder (or its shared drive) that is not there, or in the bin. */
export function folderMissing(what = "the store's folder on Drive is gone"): StoreError {
  return new StoreError("store-missing", what, {
    hint:
      "If it was put into Drive's bin, restore it there. Folders that other programs made are never used, and " +
      "a shared drive must be shared with this account.",
  });
}
