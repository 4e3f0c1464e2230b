/** The public API of coldframe; see docs/ARCHITECTURE.md. */

export { ColdframeError, type ErrorCode, StoreError } from "./lib/errors.ts";
