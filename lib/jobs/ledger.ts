/** How far an upload is, as one run leaves it to another. */

import {
  confirmedParts,
  madeParts,
  noteBegun,
  noteMade,
  notePart,
  type PendingUpload,
} from "../catalog/uploads.ts";
import type { PartReceipt } from "../store/store.ts";
import type { Session } from "./session.ts";

/** Where the progress of an upload is written down, so that another run can go on. */
export interface Ledger {
  /** What an earlier run wrote down; undefined when it sent nothing. */
  readonly begun: { readonly token: string; readonly partSize: number } | undefined;
  known(): Promise<readonly PartReceipt[]>;
  /** The SHA-256, in hex, of every part that was ever sent, by its index; confirmed or not. */
  made(): Promise<ReadonlyMap<number, string>>;
  noteBegun(token: string, partSize: number): Promise<void>;
  /** Writes down what a part is, before it is sent for the first time. */
  noteMade(part: Omit<PartReceipt, "tag">): Promise<void>;
  notePart(receipt: PartReceipt): Promise<void>;
}

/** An upload's progress, kept in the catalog. */
export function ledgerOf(session: Session, upload: PendingUpload): Ledger {
  return {
    begun: upload.begun,
    known: () => confirmedParts(session.db, upload.id),
    made: () => madeParts(session.db, upload.id),
    noteBegun: (token, partSize) => noteBegun(session.db, upload.id, token, partSize),
    noteMade: (part) => noteMade(session.db, upload.id, part),
    notePart: (receipt) => notePart(session.db, upload.id, receipt),
  };
}

/** A ledger for an object that is made in one go and simply made again when it fails. */
export const NO_LEDGER: Ledger = {
  begun: undefined,
  known: () => Promise.resolve([]),
  made: () => Promise.resolve(new Map()),
  noteBegun: () => Promise.resolve(),
  noteMade: () => Promise.resolve(),
  notePart: () => Promise.resolve(),
};
