import assert from "node:assert/strict";
import { once } from "node:events";
import { createConnection, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { concat } from "../../lib/bytes.ts";
import { pseudoRandom } from "../tools.ts";
import { type FaultProxy, type ProxyFault, type ProxySchedule, seededSchedule, withProxy } from "./proxy.ts";

/** What a client saw of one connection. */
interface Seen {
  readonly received: Uint8Array;
  readonly ending: "end" | "reset" | "still open";
}

/** Runs `body` with a proxy in front of a server that sends back what it gets. */
async function withEcho(schedule: ProxySchedule, body: (proxy: FaultProxy) => Promise<void>): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  try {
    await withProxy(`http://127.0.0.1:${address.port}`, schedule, body);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Sends bytes, half-closes unless told not to, and reads until the end or for `patience` ms. */
async function talk(port: number, bytes: Uint8Array, patience = 3000): Promise<Seen> {
  const socket = createConnection({ host: "127.0.0.1", port, allowHalfOpen: true });
  const received: Uint8Array[] = [];
  let ending: Seen["ending"] = "still open";
  socket.on("data", (piece: Uint8Array) => received.push(piece));
  socket.on("end", () => ending = "end");
  socket.on("error", () => ending = "reset");
  socket.end(bytes);
  const ended = Promise.race([once(socket, "end"), once(socket, "close")]).catch(() => {});
  await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, patience))]);
  socket.destroy();
  return { received: concat(...received), ending };
}

const always = (fault: ProxyFault) => () => fault;

test("without a fault all bytes pass both ways, in order", async () => {
  await withEcho(() => undefined, async (proxy) => {
    const bytes = pseudoRandom(1_000_000);
    const seen = await talk(proxy.port, bytes);
    assert.deepEqual(seen.received, bytes);
    assert.equal(seen.ending, "end");
  });
});

for (const bytes of [0, 1, 1000, 70_000]) {
  test(`a cut after ${bytes} bytes down lets exactly those through`, async () => {
    await withEcho(always({ kind: "cut", direction: "down", bytes }), async (proxy) => {
      const sent = pseudoRandom(200_000);
      const seen = await talk(proxy.port, sent);
      assert.deepEqual(seen.received, sent.subarray(0, bytes));
      assert.notEqual(seen.ending, "still open");
    });
  });
}

test("a cut on the way up lets the server see only what came before", async () => {
  await withEcho(always({ kind: "cut", direction: "up", bytes: 500 }), async (proxy) => {
    const seen = await talk(proxy.port, pseudoRandom(200_000));
    assert.ok(seen.received.length <= 500, `${seen.received.length} bytes came back`);
    assert.notEqual(seen.ending, "still open");
  });
});

test("a reset is seen as an error, not as an end", async () => {
  await withEcho(always({ kind: "reset", direction: "down", bytes: 100 }), async (proxy) => {
    assert.equal((await talk(proxy.port, pseudoRandom(200_000))).ending, "reset");
  });
});

test("a stalled connection stays open and silent", async () => {
  await withEcho(always({ kind: "stall", direction: "down", bytes: 100 }), async (proxy) => {
    const sent = pseudoRandom(200_000);
    const seen = await talk(proxy.port, sent, 500);
    assert.equal(seen.ending, "still open");
    assert.deepEqual(seen.received, sent.subarray(0, 100));
  });
});

test("latency delays every piece", async () => {
  await withEcho(always({ kind: "latency", ms: 100 }), async (proxy) => {
    const start = performance.now();
    const seen = await talk(proxy.port, pseudoRandom(10));
    assert.equal(seen.received.length, 10);
    assert.ok(performance.now() - start >= 195, "two directions of 100 ms each");
  });
});

test("a refused connection brings no byte", async () => {
  await withEcho(always({ kind: "refuse" }), async (proxy) => {
    const seen = await talk(proxy.port, pseudoRandom(10));
    assert.equal(seen.received.length, 0);
    assert.notEqual(seen.ending, "still open");
  });
});

test("a proxy that is down refuses, and serves again on the same port once it is up", async () => {
  await withEcho(() => undefined, async (proxy) => {
    await proxy.down();
    const refused = await talk(proxy.port, pseudoRandom(10));
    assert.deepEqual([refused.received.length, refused.ending], [0, "reset"]);
    await proxy.up();
    assert.equal((await talk(proxy.port, pseudoRandom(10))).received.length, 10);
  });
});

test("the schedule is asked for each connection by number", async () => {
  const asked: number[] = [];
  await withEcho((connection) => void asked.push(connection), async (proxy) => {
    for (let i = 0; i < 3; i++) await talk(proxy.port, pseudoRandom(10));
    assert.equal(proxy.accepted, 3);
  });
  assert.deepEqual(asked, [0, 1, 2]);
});

const options = {
  rate: 0.5,
  maxBytes: 1000,
  maxLatency: 50,
  kinds: ["cut", "reset", "stall", "latency", "refuse"],
} as const;

test("a seeded schedule is the same every time and another for another seed", () => {
  const list = (seed: number) => Array.from({ length: 100 }, (_, i) => seededSchedule(seed, options)(i));
  assert.deepEqual(list(7), list(7));
  assert.notDeepEqual(list(7), list(8));
});

test("a seeded schedule spoils about as many connections as asked, of every kind", () => {
  const faults = Array.from({ length: 2000 }, (_, i) => seededSchedule(3, options)(i)).filter((one) =>
    one !== undefined
  );
  assert.ok(Math.abs(faults.length - 1000) < 100, `${faults.length} of 2000`);
  assert.deepEqual([...new Set(faults.map((one) => one.kind))].sort(), [...options.kinds].sort());
});
