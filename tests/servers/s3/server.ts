/**
 * A strict S3 server for tests: it runs inside the test's process, on a free port of 127.0.0.1, and keeps all it is
 * given in memory. It verifies every signature, hash and checksum, and refuses what AWS would refuse.
 */

import { createServer, type Server } from "node:http";
import type { Faults } from "./faults.ts";
import { type Bucket, objectBytes, type ObjectVersion } from "./model.ts";
import type { Operation } from "./routes.ts";
import { type DenyRule, type LoggedRequest, type S3Options, Service } from "./service.ts";

export type { Fault, FaultRule } from "./faults.ts";
export type { Bucket, ObjectVersion, Quirks, Upload } from "./model.ts";
export type { Operation } from "./routes.ts";
export type { DenyRule, LoggedRequest, S3Options } from "./service.ts";

/** A running server. */
export interface S3Server {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  readonly port: number;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly buckets: Map<string, Bucket>;
  readonly faults: Faults;
  /** Add and remove rules as you like. */
  readonly deny: DenyRule[];
  readonly log: LoggedRequest[];
  /** Errors of this server itself; a test that uses it expects none. */
  readonly crashes: unknown[];
  /** Makes a bucket without a request. */
  addBucket(name: string): Bucket;
  /** Puts an object without a request, as a plain PUT without a checksum would. */
  addObject(bucket: string, key: string, bytes: Uint8Array, storageClass?: string): ObjectVersion;
  /** The object a GET would find, or undefined. */
  object(bucket: string, key: string): ObjectVersion | undefined;
  /** All bytes of an object; throws when there is none. */
  bytes(bucket: string, key: string): Uint8Array;
  /** How many requests of an operation came, whatever became of them. */
  count(operation: Operation): number;
  /** The server's clock, ms since 1970. */
  now(): number;
  /** Moves the server's clock, in ms. */
  advance(ms: number): void;
  /** Closes the port and every connection. */
  stop(): Promise<void>;
}

/** Runs `body` with a fresh server that is gone afterwards. */
export async function withS3<T>(options: S3Options, body: (server: S3Server) => Promise<T>): Promise<T> {
  const server = await startS3(options);
  try {
    return await body(server);
  } finally {
    await server.stop();
  }
}

/** Starts a server. */
export async function startS3(options: S3Options = {}): Promise<S3Server> {
  const service = new Service(options);
  const http = createServer((req, res) => void service.handle(req, res));
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const address = http.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return describe(service, http, address.port);
}

function describe(service: Service, http: Server, port: number): S3Server {
  const { state, faults, deny, log, crashes } = service;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    region: state.region,
    accessKey: service.credentials.accessKey,
    secretKey: service.credentials.secretKey,
    buckets: state.buckets,
    faults,
    deny,
    log,
    crashes,
    addBucket: (name) => service.addBucket(name),
    addObject: (bucket, key, bytes, storageClass) => service.addObject(bucket, key, bytes, storageClass),
    object: (bucket, key) => service.object(bucket, key),
    bytes: (bucket, key) => {
      const found = service.object(bucket, key);
      if (found === undefined) throw new Error(`no object ${bucket}/${key}`);
      return objectBytes(found);
    },
    count: (operation) => log.filter((request) => request.operation === operation).length,
    now: () => state.now(),
    advance: (ms) => service.advance(ms),
    stop: () => stopHttp(http),
  };
}

async function stopHttp(http: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => http.close(() => resolve()));
  http.closeAllConnections();
  await closed;
}
