/** Surroundings for stores under test. */

import process from "node:process";
import type { StoreContext } from "../../lib/store/context.ts";

/** The real world, but for a warning: that is a failure unless a test asks for it. */
export function testContext(changes: Partial<StoreContext> = {}): StoreContext {
  return {
    env: process.env,
    fetch,
    now: () => Date.now(),
    warn: (message) => {
      throw new Error(`unexpected warning: ${message}`);
    },
    ...changes,
  };
}

/** An error as the system raises it. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: a fault of the test`), { code });
}

/** `link` as FAT has it. */
export function withoutLinks(): Promise<never> {
  return Promise.reject(systemError("EPERM"));
}
