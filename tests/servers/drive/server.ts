/**
 * A Drive v3 and OAuth server for tests, in this process, on a free port of 127.0.0.1.
 *
 * It speaks what the documentation of Google fixes, and refuses what it does not know; `judges.test.ts` has
 * rclone and Google's own client library agree before coldframe's store is tested against it.
 */

import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { concat } from "../../../lib/bytes.ts";
import { type Fault, Faults } from "./faults.ts";
import * as files from "./files.ts";
import { type Exchange, parseJson, Refusal, refuse, type Reply } from "./http.ts";
import { OAuth } from "./oauth.ts";
import { Uploads } from "./upload.ts";
import { World } from "./world.ts";

/** A server that runs. */
export class DriveServer {
  readonly world = new World();
  readonly oauth = new OAuth(this.world);
  readonly uploads = new Uploads(this.world);
  readonly faults = new Faults();
  /** Every request, as "METHOD /path". */
  readonly log: string[] = [];
  /** False to end each connection with its answer: some clients quietly repeat a request on a lost old one. */
  keepAlive = true;
  /** What clients see as the scheme and host, for the addresses of sessions. */
  origin = "";

  /** How many requests matched, since the start or the last `log.length = 0`. */
  count(pattern: RegExp): number {
    return this.log.filter((line) => pattern.test(line)).length;
  }

  /** For an HTTP server of the test's own. */
  readonly listener: RequestListener = (request, response) => {
    this.#serve(request, response).catch(() => response.destroy());
  };

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const exchange = await receive(request);
    this.world.now++;
    this.log.push(`${exchange.method} ${exchange.url.pathname}`);
    const fault = this.faults.next(exchange);
    const reply = await this.#replyWith(exchange, fault);
    if (!exchange.whole || fault?.kind === "drop-after" || fault?.kind === "cut") response.destroy();
    else if (reply === undefined) response.destroy();
    else if (fault?.kind === "stall" && fault.bytes === undefined) return;
    else send(response, reply, fault, this.keepAlive);
  }

  async #replyWith(exchange: Exchange, fault: Fault | undefined): Promise<Reply | undefined> {
    if (fault?.kind === "drop") return undefined;
    if (fault?.kind === "refuse") return fault.reply;
    if (fault?.kind === "forget") this.uploads.sessions.delete(uploadIdOf(exchange.url) ?? "");
    const seen = fault?.kind === "corrupt" ? corrupted(exchange) : exchange;
    const reply = await this.#route(seen, keptBytes(fault)).catch(replyOf);
    return fault?.kind === "refuse-after" ? fault.reply : reply;
  }

  async #route(exchange: Exchange, keep: number | undefined): Promise<Reply> {
    const { method, url } = exchange;
    if (method === "GET" && url.pathname === "/o/oauth2/v2/auth") return this.oauth.consent(url);
    if (method === "POST" && url.pathname === "/token") return await this.oauth.token(exchange);
    if (method === "POST" && url.pathname === "/revoke") return this.oauth.revoke(exchange);
    const uploadId = uploadIdOf(url);
    if (uploadId !== undefined) return this.#session(uploadId, exchange, keep);
    return this.#api(exchange);
  }

  /** A session's address is a key of its own: Google asks for no token with it. */
  #session(uploadId: string, exchange: Exchange, keep: number | undefined): Reply {
    // rclone sends POST, which Google takes as well.
    if (exchange.method === "PUT" || exchange.method === "POST") {
      return this.uploads.put(uploadId, exchange, keep);
    }
    if (exchange.method === "DELETE") return this.uploads.cancel(uploadId);
    return refuse(405, "methodNotAllowed", "Method Not Allowed");
  }

  #api(exchange: Exchange): Reply {
    const { method, url } = exchange;
    const principal = this.world.principal(exchange.headers["authorization"]);
    const [, upload, what, id] =
      /^(\/upload)?\/drive\/v3\/(about|files|drives)(?:\/([^/]+))?$/.exec(url.pathname) ?? [];
    const call = `${method} ${upload ?? ""}/${what}${id === undefined ? "" : "/ID"}`;
    switch (call) {
      case "GET /about":
        return files.about(this.world, principal, url);
      case "GET /drives/ID":
        return files.sharedDrive(this.world, principal, id ?? "");
      case "GET /files":
        return files.list(this.world, principal, url);
      case "POST /files":
        return this.#create(exchange);
      case "GET /files/ID":
        if (id === "generateIds") return files.generateIds(this.world, url);
        return files.get(this.world, principal, id ?? "", exchange);
      case "PATCH /files/ID":
        return files.update(this.world, principal, id ?? "", exchange);
      case "DELETE /files/ID":
        return files.remove(this.world, principal, id ?? "", url);
      case "POST /upload/files":
      case "PATCH /upload/files/ID":
        return this.uploads.begin(principal, id, exchange, this.origin);
      default:
        return refuse(404, "notFound", "Not Found");
    }
  }

  #create(exchange: Exchange): Reply {
    const principal = this.world.principal(exchange.headers["authorization"]);
    const metadata = parseJson(exchange.body);
    const file = files.create(this.world, principal, metadata, exchange.url, new Uint8Array());
    return files.fileReply(this.world, principal, file, exchange.url);
  }
}

/** Starts a server; `close` ends it. */
export async function startDrive(): Promise<{ server: DriveServer; close(): Promise<void> }> {
  const drive = new DriveServer();
  const server = createServer(drive.listener);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  drive.origin = `http://127.0.0.1:${addressOf(server.address()).port}`;
  const close = async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  };
  return { server: drive, close };
}

/** Starts a server, gives it to `body` and stops it, whatever happens. */
export async function withDrive<T>(body: (server: DriveServer) => Promise<T>): Promise<T> {
  const { server, close } = await startDrive();
  try {
    return await body(server);
  } finally {
    await close();
  }
}

/** The address of a server that listens on TCP. */
export function addressOf(address: AddressInfo | string | null): AddressInfo {
  if (address === null || typeof address === "string") throw new Error("not listening");
  return address;
}

async function receive(request: IncomingMessage): Promise<Exchange> {
  const chunks: Uint8Array[] = [];
  let whole = true;
  try {
    for await (const chunk of request) chunks.push(chunk);
  } catch {
    whole = false;
  }
  const headers = Object.entries(request.headers).map(([name, value]) => [name, String(value)]);
  return {
    method: request.method ?? "",
    url: new URL(request.url ?? "/", "http://drive"),
    headers: Object.fromEntries(headers),
    body: concat(...chunks),
    whole,
  };
}

function send(response: ServerResponse, reply: Reply, fault: Fault | undefined, keepAlive: boolean): void {
  const body = typeof reply.body === "string"
    ? new TextEncoder().encode(reply.body)
    : reply.body ?? new Uint8Array();
  const empty = reply.status === 204 || reply.status === 304;
  response.writeHead(reply.status, {
    ...reply.headers,
    ...(keepAlive ? {} : { connection: "close" }),
    ...(empty ? {} : { "content-length": String(body.length) }),
  });
  if (fault?.kind === "stall") response.write(body.subarray(0, fault.bytes));
  else if (fault?.kind !== "truncate") response.end(body);
  else response.write(body.subarray(0, fault.bytes), () => setTimeout(() => response.destroy(), 20));
}

function uploadIdOf(url: URL): string | undefined {
  return url.pathname.startsWith("/upload/") ? url.searchParams.get("upload_id") ?? undefined : undefined;
}

function keptBytes(fault: Fault | undefined): number | undefined {
  return fault?.kind === "keep" || fault?.kind === "cut" ? fault.bytes : undefined;
}

/** Flips a bit in the middle: of a multipart body, that is well inside the content. */
function corrupted(exchange: Exchange): Exchange {
  const body = exchange.body.slice();
  const middle = Math.floor(body.length / 2);
  body[middle] = (body[middle] ?? 0) ^ 1;
  return { ...exchange, body };
}

function replyOf(error: unknown): Reply {
  if (error instanceof Refusal) return error.reply;
  throw error;
}
