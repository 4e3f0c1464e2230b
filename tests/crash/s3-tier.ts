/** A bucket of the strict S3 server. */

import type { Operation } from "../servers/s3/routes.ts";
import type { Bucket, S3Server } from "../servers/s3/server.ts";
import {
  type Standing,
  type Step,
  stepOfWrite,
  type Stop,
  type StoreEvent,
  type Tier,
  Trap,
  Watch,
} from "./tier.ts";

const PREFIX = "family/";

/** One bucket of its own on a server that many rounds share. */
export class S3Tier implements Tier {
  readonly kind = "s3";
  readonly url: string;
  readonly env: Readonly<Record<string, string>>;
  readonly #server: S3Server;
  readonly #name: string;
  readonly #bucket: Bucket;
  readonly #trap = new Trap();
  readonly #watch = new Watch();
  #onRequest = () => this.look();

  constructor(server: S3Server, name: string) {
    this.#server = server;
    this.#name = name;
    this.#bucket = server.addBucket(name);
    this.url = `s3://${name}/family?region=${server.region}&endpoint=${server.url}`;
    this.env = { AWS_ACCESS_KEY_ID: server.accessKey, AWS_SECRET_ACCESS_KEY: server.secretKey };
    server.log.length = 0;
    server.faults.schedule(({ operation, bucket, key }) => {
      if (bucket !== name) return undefined;
      this.#onRequest();
      return this.#faultOf(this.#trap.meets(stepOf(operation, key.slice(PREFIX.length))));
    });
  }

  /** The answer never comes; with "after", the client dies once the request was carried out. */
  #faultOf(stop: Stop | undefined): { kind: "stall"; when: Stop["when"] } | undefined {
    if (stop === undefined) return undefined;
    if (stop.when === "before") this.#trap.kill();
    else this.#killWhenDone(this.#server.log.length);
    return { kind: "stall", when: stop.when };
  }

  #killWhenDone(number: number): void {
    const started = performance.now();
    const timer = setInterval(() => {
      const request = this.#server.log[number - 1];
      const received = request === undefined || request.received > 0 || request.method === "DELETE";
      if (!received && performance.now() - started < 500) return;
      clearInterval(timer);
      this.#trap.kill();
    }, 3);
  }

  look(): void {
    this.#watch.look(this.#standing());
  }

  onRequest(look: () => void): void {
    this.#onRequest = look;
  }

  prepare(): Promise<void> {
    return Promise.resolve();
  }

  #standing(): ReadonlyMap<string, Standing> {
    const found = new Map<string, Standing>();
    for (const [key, [version]] of this.#bucket.objects) {
      if (version?.kind === "object") {
        found.set(key.slice(PREFIX.length), { size: version.size, identity: version });
      }
    }
    return found;
  }

  objects(): ReturnType<Tier["objects"]> {
    return Promise.resolve({ standing: this.#standing(), twice: [] });
  }

  unfinished(): Promise<string[]> {
    return Promise.resolve([...this.#bucket.uploads.values()].map(({ key }) => key));
  }

  events(): Promise<readonly StoreEvent[]> {
    this.look();
    return Promise.resolve(this.#watch.events);
  }

  lose(prefix: string): Promise<void> {
    const { objects } = this.#bucket;
    for (const key of [...objects.keys()]) if (key.startsWith(PREFIX + prefix)) objects.delete(key);
    return Promise.resolve();
  }

  arm(stop: Stop | undefined, kill: () => void): void {
    this.#trap.arm(stop, kill);
  }

  faults(): readonly unknown[] {
    return this.#server.crashes;
  }

  close(): Promise<void> {
    this.#server.faults.clear();
    this.#server.buckets.delete(this.#name);
    return Promise.resolve();
  }
}

function stepOf(operation: Operation, key: string): Step | undefined {
  if (operation === "PutObject" || operation === "CompleteMultipartUpload") return stepOfWrite(key);
  if (operation === "CreateMultipartUpload") return "4 upload begun";
  if (operation === "UploadPart") return "4 part sent";
  return operation === "DeleteObject" && key.startsWith("staged/") ? "9 staged object removed" : undefined;
}
