/**
 * What a server can do, found out once by asking and remembered for as long as the store is open.
 *
 * Providers differ: some know no `x-amz-checksum-*`, some no `If-None-Match`. Of those, some refuse the
 * header and some pass over it in silence, which for `If-None-Match` would mean overwriting.
 */

import type { ChecksumKind } from "./check.ts";
import { S3Error } from "./errors.ts";

/** What a request makes use of. */
export interface Use {
  readonly checksum: ChecksumKind;
  /** Whether `If-None-Match: *` is sent. */
  readonly conditional: boolean;
}

/** What is known of a server. */
export class Abilities {
  checksum: ChecksumKind;
  /**
   * Whether the server refuses to overwrite when asked to: `no` when it does not know the header or
   * passes over it, `unproven` until it has refused once.
   */
  conditional: "yes" | "no" | "unproven";
  readonly #warn: (message: string) => void;
  readonly #warned = new Set<string>();

  constructor(checksum: ChecksumKind, trusted: boolean, warn: (message: string) => void) {
    this.checksum = checksum;
    this.conditional = trusted ? "yes" : "unproven";
    this.#warn = warn;
  }

  /** What a request may use now. */
  get use(): Use {
    return { checksum: this.checksum, conditional: this.conditional !== "no" };
  }

  /** The server passed over a checksum it was sent. */
  lacksChecksum(): void {
    if (this.checksum === "crc64nvme") this.#once("the store keeps no CRC-64/NVME; using MD5 instead");
    this.checksum = "md5";
  }

  /** The server does not protect an object from being overwritten. */
  lacksConditional(): void {
    this.#once(
      "the store has no conditional writes (If-None-Match); looking before each write instead, " +
        "so let only one box write to it",
    );
    this.conditional = "no";
  }

  #once(message: string): void {
    if (this.#warned.has(message)) return;
    this.#warned.add(message);
    this.#warn(message);
  }

  /**
   * Makes a request, and makes it again with less when the server refuses what it does not know. What
   * worked is remembered.
   */
  async negotiate<T>(attempt: (use: Use) => Promise<T>): Promise<T> {
    // As it is now: another request may learn something while this one is under way.
    const before = this.use;
    let first: unknown;
    for (const use of lesser(before)) {
      if (first !== undefined && !mayHelp(first, before, use)) continue;
      try {
        const result = await attempt(use);
        this.#learn(use);
        return result;
      } catch (error) {
        if (!unknownHeader(error)) {
          // "There is already an object" is the answer of a server that understood every header.
          if (error instanceof S3Error && error.refusal.status === 412) this.#learn(use);
          throw error;
        }
        first ??= error;
      }
    }
    throw first;
  }

  #learn(use: Use): void {
    if (use.checksum !== this.checksum) this.lacksChecksum();
    if (!use.conditional && this.conditional !== "no") this.lacksConditional();
  }
}

/** The same with less and less, the checksum given up first: what protects from overwriting goes last. */
function lesser(use: Use): readonly Use[] {
  const all: Use[] = [
    use,
    { ...use, checksum: "md5" },
    { ...use, conditional: false },
    { checksum: "md5", conditional: false },
  ];
  return all.filter((one, at) =>
    at === all.findIndex((two) => two.checksum === one.checksum && two.conditional === one.conditional)
  );
}

/** True for the answer of a server that does not know a header (S3: 501 NotImplemented; others: 400). */
export function unknownHeader(error: unknown): boolean {
  if (!(error instanceof S3Error)) return false;
  const { status, reason, message } = error.refusal;
  if (status === 501 || reason === "NotImplemented") return true;
  const vague = ["InvalidArgument", "InvalidRequest", "UnsupportedHeader", "BadRequest"].includes(reason);
  return status === 400 && vague && /header|checksum|none-match|not (supported|implemented)/i.test(message);
}

/** Whether the refusal could be about what this try leaves out, as far as the server names it. */
function mayHelp(refusal: unknown, before: Use, now: Use): boolean {
  if (!(refusal instanceof S3Error)) return false;
  const named = `${refusal.refusal.header ?? ""} ${refusal.refusal.message}`;
  const aboutChecksum = /checksum/i.test(named);
  const aboutConditional = /none-match|condition/i.test(named);
  if (aboutChecksum && !aboutConditional) return before.checksum !== now.checksum;
  if (aboutConditional && !aboutChecksum) return before.conditional !== now.conditional;
  return true;
}
