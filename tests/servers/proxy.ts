/** A TCP proxy that spoils connections: slow, cut, reset, stalled, refused, on demand or by a seeded schedule. */

import { createConnection, createServer, type Server, type Socket } from "node:net";

/** "up" is from the client to the server. */
export type Direction = "up" | "down";

/** What happens to one connection. `bytes` counts what came through in that direction before. */
export type ProxyFault =
  /** Accepted, and closed before a byte was read. */
  | { readonly kind: "refuse" }
  /** Every piece waits `ms` in each direction. */
  | { readonly kind: "latency"; readonly ms: number }
  /** Both sides get an orderly end (FIN) after `bytes`. */
  | { readonly kind: "cut"; readonly direction: Direction; readonly bytes: number }
  /** Both sides get a reset (RST) after `bytes`. */
  | { readonly kind: "reset"; readonly direction: Direction; readonly bytes: number }
  /** Nothing moves any more after `bytes`, but the connection stays. */
  | { readonly kind: "stall"; readonly direction: Direction; readonly bytes: number };

/** Says what happens to the connection of this number, from 0. */
export type ProxySchedule = (connection: number) => ProxyFault | undefined;

/** A running proxy. */
export interface FaultProxy {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  readonly port: number;
  /** Connections accepted so far. */
  readonly accepted: number;
  /** Connections open now. */
  readonly open: number;
  /** May be replaced at any time; new connections ask it. */
  schedule: ProxySchedule;
  /** Closes the port and every connection: the next attempts are refused by the system. */
  down(): Promise<void>;
  /** Opens the same port again. */
  up(): Promise<void>;
  /** Ends everything. */
  stop(): Promise<void>;
}

/**
 * Starts a proxy on a free port of 127.0.0.1.
 *
 * @param target the server's URL, of which host and port count
 */
export async function startProxy(
  target: string,
  schedule: ProxySchedule = () => undefined,
): Promise<FaultProxy> {
  const proxy = new Proxy(new URL(target), schedule);
  await proxy.up();
  return proxy;
}

/** Runs `body` with a proxy that is gone afterwards. */
export async function withProxy<T>(
  target: string,
  schedule: ProxySchedule,
  body: (proxy: FaultProxy) => Promise<T>,
): Promise<T> {
  const proxy = await startProxy(target, schedule);
  try {
    return await body(proxy);
  } finally {
    await proxy.stop();
  }
}

/** What a random schedule may do. */
export interface ScheduleOptions {
  /** Of all connections, how many are spoiled; 0 to 1. */
  readonly rate: number;
  /** The largest count of bytes before a fault strikes. */
  readonly maxBytes: number;
  /** The longest latency in ms. */
  readonly maxLatency: number;
  readonly kinds: readonly ProxyFault["kind"][];
}

/** A schedule that looks random and is the same for the same seed, whatever the order of the questions. */
export function seededSchedule(seed: number, options: ScheduleOptions): ProxySchedule {
  return (connection) => {
    const draw = (n: number) => fraction(seed, connection, n);
    if (draw(0) >= options.rate) return undefined;
    const kind = options.kinds[Math.floor(draw(1) * options.kinds.length)];
    const direction: Direction = draw(2) < 0.5 ? "up" : "down";
    const bytes = Math.floor(draw(3) * (options.maxBytes + 1));
    if (kind === undefined || kind === "refuse") return kind && { kind };
    if (kind === "latency") return { kind, ms: Math.floor(draw(4) * options.maxLatency) };
    return { kind, direction, bytes };
  };
}

/** 0 to 1, from a mix of three integers (the finaliser of MurmurHash3). */
function fraction(seed: number, connection: number, n: number): number {
  let h = Math.imul(seed, 0x9e3779b1) ^ Math.imul(connection + 1, 0x85ebca6b) ^ Math.imul(n + 1, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32;
}

class Proxy implements FaultProxy {
  schedule: ProxySchedule;
  accepted = 0;
  port = 0;
  readonly #target: URL;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  constructor(target: URL, schedule: ProxySchedule) {
    this.#target = target;
    this.schedule = schedule;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get open(): number {
    return Math.ceil(this.#sockets.size / 2);
  }

  async up(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.port, "127.0.0.1", resolve);
    });
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("the proxy has no port");
    this.port = address.port;
    this.#server = server;
  }

  async down(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async stop(): Promise<void> {
    await this.down();
  }

  #accept(client: Socket): void {
    const fault = this.schedule(this.accepted++);
    if (fault?.kind === "refuse") {
      client.on("error", () => {});
      client.destroy();
      return;
    }
    const server = createConnection({
      host: this.#target.hostname,
      port: Number(this.#target.port),
      allowHalfOpen: true,
    });
    for (const socket of [client, server]) this.#track(socket);
    const pair = { client, server };
    void pump(client, server, "up", fault, pair);
    void pump(server, client, "down", fault, pair);
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    // Errors end in "close", which is all that matters here.
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
  }
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

/** Moves bytes one way until the end, or until the fault strikes. */
async function pump(
  from: Socket,
  to: Socket,
  direction: Direction,
  fault: ProxyFault | undefined,
  pair: Pair,
): Promise<void> {
  let passed = 0;
  const limit = strikesAt(fault, direction);
  try {
    if (limit === 0) return await strike(fault, pair);
    for await (const piece of pieces(from)) {
      if (fault?.kind === "latency") await pause(fault.ms);
      const part = piece.subarray(0, limit - passed);
      await write(to, part);
      passed += part.length;
      if (passed >= limit) return await strike(fault, pair);
    }
    to.end();
  } catch {
    // One side is gone, so the other has nobody to talk to.
    pair.client.destroy();
    pair.server.destroy();
  }
}

function strikesAt(fault: ProxyFault | undefined, direction: Direction): number {
  if (fault === undefined || fault.kind === "refuse" || fault.kind === "latency") return Infinity;
  return fault.direction === direction ? fault.bytes : Infinity;
}

async function strike(fault: ProxyFault | undefined, pair: Pair): Promise<void> {
  if (fault?.kind === "stall") {
    pair.client.pause();
    pair.server.pause();
    return;
  }
  // What was let through must leave before the end does.
  await pause(5);
  for (const socket of [pair.client, pair.server]) {
    if (fault?.kind === "reset") socket.resetAndDestroy();
    else socket.destroySoon();
  }
}

/** The socket's data; breaking off leaves the socket open, which its own iterator would not. */
async function* pieces(socket: Socket): AsyncGenerator<Uint8Array> {
  for await (const piece of socket.iterator({ destroyOnReturn: false })) {
    if (piece instanceof Uint8Array) yield piece;
  }
}

function write(socket: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(bytes, (error) => error ? reject(error) : resolve());
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
