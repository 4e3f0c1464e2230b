/** The Drive of an account of the test's server. */

import { Buffer } from "node:buffer";
import { contextOf, googleEnv, keepClient, signInAs } from "../store/drive_world.ts";
import type { Exchange } from "../servers/drive/http.ts";
import type { DriveServer } from "../servers/drive/server.ts";
import type { StoredFile } from "../servers/drive/world.ts";
import { keyOf as keyInProperties } from "../../lib/store/drive/properties.ts";
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

const ACCOUNT = "ada@example.com";
const CLIENT = "cold.apps.googleusercontent.com";

/** An account that is emptied for each round. */
export class DriveTier implements Tier {
  readonly kind = "drive";
  readonly url = "gdrive:Coldframe";
  readonly env: Readonly<Record<string, string>>;
  readonly #server: DriveServer;
  readonly #trap = new Trap();
  #met: Stop | undefined;
  readonly #watch = new Watch();
  #onRequest = () => this.look();

  constructor(server: DriveServer) {
    this.#server = server;
    this.env = googleEnv(server);
    const { world } = server;
    server.log.length = 0;
    for (const map of [world.files, world.accounts, world.clients, world.grants, world.access]) map.clear();
    world.now = Date.now();
    server.faults.clear();
    const meets = (when: Stop["when"]) => (exchange: Exchange) => this.#meets(exchange, when);
    server.faults.add(meets("before"), { kind: "drop" }, { times: Infinity });
    server.faults.add(meets("after"), { kind: "drop-after" }, { times: Infinity });
  }

  /** Both kinds of faults are asked about each request; the step is counted when the first of them is. */
  #meets(exchange: Exchange, when: Stop["when"]): boolean {
    if (when === "before") {
      this.#onRequest();
      this.#met = this.#trap.meets(this.#stepOf(exchange));
    }
    if (this.#met?.when !== when) return false;
    this.#trap.kill();
    return true;
  }

  look(): void {
    this.#watch.look(this.#standing().standing);
  }

  onRequest(look: () => void): void {
    this.#onRequest = look;
  }

  async prepare(home: string): Promise<void> {
    const { world } = this.#server;
    world.addUser(ACCOUNT);
    const client = world.addClient(CLIENT);
    await keepClient(home, client);
    await signInAs(contextOf(this.#server, home), this.#server, ACCOUNT, client);
  }

  #standing(): { readonly standing: ReadonlyMap<string, Standing>; readonly twice: readonly string[] } {
    const standing = new Map<string, Standing>();
    const twice: string[] = [];
    for (const { file, key } of this.#marked("object")) {
      if (standing.has(key)) twice.push(key);
      else standing.set(key, { size: file.content?.length ?? 0, identity: file.content });
    }
    return { standing, twice };
  }

  *#marked(mark: "object" | "pending"): Generator<{ file: StoredFile; key: string }> {
    for (const file of this.#server.world.files.values()) {
      const properties = file.properties.get(CLIENT) ?? {};
      const key = keyInProperties(properties);
      if (key === undefined || properties["coldframe"] !== mark || this.#server.world.trashed(file)) continue;
      yield { file, key };
    }
  }

  objects(): ReturnType<Tier["objects"]> {
    return Promise.resolve(this.#standing());
  }

  unfinished(): Promise<string[]> {
    return Promise.resolve([...this.#marked("pending")].map(({ key }) => key));
  }

  events(): Promise<readonly StoreEvent[]> {
    this.look();
    return Promise.resolve(this.#watch.events);
  }

  lose(prefix: string): Promise<void> {
    for (const { file, key } of [...this.#marked("object")]) {
      if (key.startsWith(prefix)) this.#server.world.remove(file);
    }
    return Promise.resolve();
  }

  arm(stop: Stop | undefined, kill: () => void): void {
    this.#trap.arm(stop, kill);
  }

  faults(): readonly unknown[] {
    return [];
  }

  close(): Promise<void> {
    this.#server.faults.clear();
    return Promise.resolve();
  }

  #stepOf(exchange: Exchange): Step | undefined {
    const { method, url } = exchange;
    if (method === "PUT" && url.searchParams.has("upload_id")) return "4 part sent";
    const id = /\/files\/([^/]+)$/.exec(url.pathname)?.[1];
    const key = id === undefined ? undefined : this.#keyOf(id);
    if (method === "DELETE" && key?.startsWith("staged/")) return "9 staged object removed";
    const text = Buffer.from(exchange.body.subarray(0, 2000)).toString("latin1");
    const mark = /"coldframe":\s*"(object|pending)"/.exec(text)?.[1];
    if (method === "POST" && mark === "pending") return "4 upload begun";
    if (mark !== "object") return undefined;
    return stepOfWrite(key ?? /"key":\s*"([^"]+)"/.exec(text)?.[1] ?? "");
  }

  #keyOf(id: string): string | undefined {
    const file = this.#server.world.files.get(id);
    return file === undefined ? undefined : keyInProperties(file.properties.get(CLIENT) ?? {});
  }
}
