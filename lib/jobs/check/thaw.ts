/** Having archived volumes thawed for a deep check, once the price is known and approved. */

import { provenObjects } from "../../catalog/proofs.ts";
import { formatMoney } from "../../cost/money.ts";
import { restoreCosts } from "../../cost/restore.ts";
import { THAWED_DAYS } from "../cost.ts";
import { pricesOf, tariffOf } from "../cost-tariff.ts";
import type { Session } from "../session.ts";
import { type DeepOptions, ONE_VOLUME, type ThawOffer, type ThawOrder } from "./deep.ts";
import type { CountingStore } from "./requests.ts";
import { inTurn, takeSample } from "./sample.ts";
import type { ExpectedVolume } from "./volumes.ts";

/** What an order came to, a remark for people. */
export async function thawVolumes(
  session: Session,
  store: CountingStore,
  archived: readonly ExpectedVolume[],
  order: ThawOrder,
  options: DeepOptions,
): Promise<string> {
  const last = await provenObjects(session.db, store.url, "read back");
  const ordered = inTurn(archived, ({ key }) => last.get(key), () => options.random());
  const chosen = takeSample(ordered, options.sample ?? ONE_VOLUME, ({ volume }) => volume.objectSize);
  if (!await order.approve(await offerOf(session, store.url, chosen, order))) return "nothing was thawed";
  for (const { key } of chosen) {
    session.signal.throwIfAborted();
    await store.thaw(key, { tier: order.tier, days: THAWED_DAYS });
  }
  return `asked for ${chosen.length} to be thawed: run the same check again when they are, in the ` +
    `${THAWED_DAYS} days after`;
}

async function offerOf(
  session: Session,
  url: string,
  chosen: readonly ExpectedVolume[],
  { tier }: ThawOrder,
): Promise<ThawOffer> {
  const bytes = chosen.reduce((sum, { volume }) => sum + volume.objectSize, 0);
  const offer = { volumes: chosen.length, bytes, days: THAWED_DAYS };
  const source = await pricesOf(session.home);
  const tariff = tariffOf(url, source, session.storeContext.env);
  if (tariff.kind !== "priced") return { ...offer, price: undefined, hours: undefined };
  const { prices } = source;
  const job = {
    volumes: chosen.length,
    thawBytes: bytes,
    readBytes: bytes,
    gets: chosen.length,
    days: THAWED_DAYS,
  };
  // As if nothing were free: the price is not to be more than was said.
  const costs = restoreCosts(prices, tariff.volumes, { ...job, freeBytes: 0 });
  const cost = costs.find((one) => one.tier?.toLowerCase() === tier.toLowerCase());
  if (cost === undefined) return { ...offer, price: undefined, hours: undefined };
  const { from, to } = cost.minutes;
  return {
    ...offer,
    price: `${formatMoney(cost.total, prices.currency)} at the most, by the prices of ${prices.date}`,
    hours: { from: from / 60, to: to / 60 },
  };
}
