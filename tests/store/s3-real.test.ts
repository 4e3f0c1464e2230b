/**
 * The `s3:` store against the servers of others, by the suite of every store. Runs only with
 * COLDFRAME_REAL_SERVERS=1; a missing program is then a failure.
 */

import assert from "node:assert/strict";
import process from "node:process";
import { after, test } from "node:test";
import { collect, equal, utf8 } from "../../lib/bytes.ts";
import { openS3 } from "../../lib/store/s3/s3.ts";
import type { Store } from "../../lib/store/store.ts";
import {
  CEPH_TOOLS,
  type RealServer,
  VERSITY_TOOLS,
  withCeph,
  withMoto,
  withVersity,
} from "../servers/real.ts";
import { hasTool } from "../tools.ts";
import { rejectsWith, storeConformance } from "./conformance.ts";
import { testContext } from "./context.ts";
import { PART } from "./s3-open.ts";

const REAL = process.env["COLDFRAME_REAL_SERVERS"] === "1";

type With = (body: (server: RealServer) => Promise<void>) => Promise<void>;

/** Starts a server at the first test and ends it after the last. */
function shared(start: With): () => Promise<RealServer> {
  let release: (() => void) | undefined;
  let over: Promise<void> | undefined;
  let running: Promise<RealServer> | undefined;
  after(async () => {
    release?.();
    await over;
  });
  const begin = () =>
    new Promise<RealServer>((resolve, reject) => {
      over = start((server) => {
        resolve(server);
        return new Promise((end) => release = end);
      });
      over.catch(reject);
    });
  return () => running ??= begin();
}

function openReal(server: RealServer, prefix: string, query = ""): Promise<Store> {
  const { endpoint, region, bucket, accessKey, secretKey } = server;
  const url = `s3://${bucket}/${prefix}?region=${region}&endpoint=${endpoint}${query}`;
  const env = { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey, HOME: "/nowhere" };
  return openS3(url, testContext({ env }), { partSize: PART });
}

function realConformance(
  name: string,
  tools: readonly string[],
  start: With,
): void {
  if (!REAL) {
    test(`s3 on ${name} (left out: COLDFRAME_REAL_SERVERS is not 1)`, () => {});
    return;
  }
  test(`the programs of ${name} are there`, () => {
    assert.deepEqual(tools.filter((tool) => !hasTool(tool)), []);
  });
  const server = shared(start);
  let stores = 0;
  storeConformance(`s3 on ${name}`, async () => {
    const running = await server();
    const prefix = `store${stores++}`;
    const open = () => openReal(running, prefix);
    return { store: await open(), reopen: open, close: () => Promise.resolve() };
  });
}

realConformance("Ceph", CEPH_TOOLS, (body) => withCeph(body));
realConformance("versitygw", VERSITY_TOOLS, (body) => withVersity(body));

if (REAL) {
  test(
    "s3 on moto: an archived volume is thawed and read, a warm manifest needs none",
    { timeout: 120_000 },
    () =>
      withMoto(async (server) => {
        const store = await openReal(server, "cold", "&class=DEEP_ARCHIVE");
        const body = utf8("cold");
        await store.put("manifests/m", body, { kind: "manifest" });
        const upload = await store.beginUpload("volumes/v", body.length, { kind: "volume" });
        await upload.complete([await upload.send(0, body)]);
        assert.deepEqual((await store.head("volumes/v"))?.availability, { state: "archived" });
        await rejectsWith("object-archived", collect(store.read("volumes/v")));
        const listed = new Map(
          (await Array.fromAsync(store.list(""))).map(({ key, availability }) => [key, availability.state]),
        );
        assert.deepEqual(listed, new Map([["manifests/m", "ready"], ["volumes/v", "archived"]]));
        await store.thaw("volumes/v", { tier: "Bulk", days: 1 });
        const then = await store.head("volumes/v");
        assert.ok(then?.availability.state === "ready" && (then.availability.until ?? 0) > Date.now());
        assert.ok(equal(await collect(store.read("volumes/v")), body));
        assert.deepEqual(await store.thaw("manifests/m", { tier: "Bulk", days: 1 }), { state: "ready" });
      }),
  );
}
