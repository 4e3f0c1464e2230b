/** What deep checks of all stores have in common. */

import type { ThawTier } from "../../store/store.ts";
import type { PlaintextKeys } from "../restore/plaintext.ts";
import type { Sample } from "./sample.ts";

/** How to read objects back. */
export interface DeepOptions {
  /** Undefined for what is usual for the store. */
  readonly sample: Sample | undefined;
  /** How to decrypt; without it, objects can only be read back. */
  readonly keys: PlaintextKeys | undefined;
  /** Gives numbers from 0 to below 1. */
  random(): number;
  /** Asks archived volumes to be thawed. */
  readonly thaw: ThawOrder | undefined;
}

/** Permission to have volumes thawed. */
export interface ThawOrder {
  readonly tier: ThawTier;
  /** Shown the price before anything is asked for; false leaves it. */
  approve(offer: ThawOffer): Promise<boolean>;
}

/** What a thaw would bring and take. */
export interface ThawOffer {
  readonly volumes: number;
  /** Bytes of them. */
  readonly bytes: number;
  readonly days: number;
  /** For people; undefined where prices are not known. */
  readonly price: string | undefined;
  readonly hours: { readonly from: number; readonly to: number } | undefined;
}

/** Files read where nothing else was said. */
export const USUAL_SAMPLE: Sample = { kind: "count", count: 20 };

/** Volumes read whole, or thawed, where nothing else was said: they are large. */
export const ONE_VOLUME: Sample = { kind: "count", count: 1 };

/** Said where a deep check could not decrypt. */
export const NO_KEY = "read back only: without the secret key nothing was decrypted";
