/** How a bucket is set up, as far as its key may see: an unattended box's need not. */

import { StoreError } from "../../errors.ts";
import type { StoreContext } from "../context.ts";
import type { Operation } from "./errors.ts";
import { S3Error } from "./errors.ts";
import { connectS3 } from "./s3.ts";
import { textOf } from "./xml.ts";

/** `unknown` where the key may not ask, or the server does not know the question. */
export type Switch = "on" | "off" | "unknown";

/** The settings that matter to what is stored. */
export interface BucketState {
  readonly versioning: Switch;
  readonly objectLock: Switch;
  readonly lifecycle: Switch;
}

/**
 * Asks for them.
 *
 * Source: S3 API Reference, GetBucketVersioning, GetObjectLockConfiguration, GetBucketLifecycleConfiguration.
 *
 * @throws StoreError `store-unreachable` when the server does not answer
 */
export async function bucketState(url: string, context: StoreContext): Promise<BucketState> {
  const { client } = await connectS3(url, context);
  const ask = async (operation: Operation, query: string, root: string, name: string) => {
    try {
      const answer = await client.callXml({ operation, method: "GET", query: { [query]: "" } }, root);
      return textOf(answer, name);
    } catch (error) {
      return refusal(error);
    }
  };
  const [versioning, lock, lifecycle] = await Promise.all([
    ask("GetBucketVersioning", "versioning", "VersioningConfiguration", "Status"),
    ask("GetObjectLockConfiguration", "object-lock", "ObjectLockConfiguration", "ObjectLockEnabled"),
    ask("GetLifecycleConfiguration", "lifecycle", "LifecycleConfiguration", "Rule"),
  ]);
  return {
    versioning: stateOf(versioning, versioning === "Enabled"),
    objectLock: stateOf(lock, lock === "Enabled"),
    lifecycle: stateOf(lifecycle, lifecycle !== undefined && lifecycle !== NONE),
  };
}

const UNKNOWN = Symbol("unknown");
const NONE = Symbol("none");

function stateOf(answer: string | symbol | undefined, isOn: boolean): Switch {
  if (answer === UNKNOWN) return "unknown";
  return isOn ? "on" : "off";
}

/** "There is no such setting" is an answer; every other final refusal is none. */
function refusal(error: unknown): symbol {
  if (!(error instanceof StoreError) || error.transient) throw error;
  const reason = error instanceof S3Error ? error.refusal.reason : "";
  return /^(NoSuchLifecycleConfiguration|ObjectLockConfigurationNotFoundError)$/.test(reason)
    ? NONE
    : UNKNOWN;
}
