/** Content of files: in one request, or through a resumable session. */

import { Buffer } from "node:buffer";
import { change, create, fileReply, findFile } from "./files.ts";
import { type Exchange, parseJson, refuse, type Reply } from "./http.ts";
import { type Principal, type StoredFile, token, type World } from "./world.ts";

/** All but the last request of a session end at a multiple of this, in bytes. */
export const QUANTUM = 256 * 1024;
const WEEK = 7 * 86_400_000;

interface Session {
  readonly principal: Principal;
  readonly metadata: Record<string, unknown>;
  /** The file to update; undefined to make one. */
  readonly fileId: string | undefined;
  readonly url: URL;
  readonly size: number | undefined;
  readonly expires: number;
  kept: Uint8Array;
  done: StoredFile | undefined;
}

/** The sessions of a server. */
export class Uploads {
  readonly sessions = new Map<string, Session>();

  constructor(private readonly world: World) {}

  /** POST /upload/drive/v3/files and PATCH /upload/drive/v3/files/ID */
  begin(principal: Principal, fileId: string | undefined, exchange: Exchange, origin: string): Reply {
    switch (exchange.url.searchParams.get("uploadType")) {
      case "multipart":
        return this.#whole(principal, fileId, exchange, ...related(exchange));
      case "media":
        return this.#whole(principal, fileId, exchange, {}, exchange.body);
      case "resumable":
        return this.#open(principal, fileId, exchange, origin);
      default:
        return refuse(400, "badRequest", "Bad Request");
    }
  }

  #whole(
    principal: Principal,
    fileId: string | undefined,
    exchange: Exchange,
    metadata: Record<string, unknown>,
    bytes: Uint8Array,
  ): Reply {
    if (!exchange.whole) refuse(400, "badRequest", "Bad Request");
    const file = this.#store(principal, fileId, metadata, exchange.url, bytes);
    return fileReply(this.world, principal, file, exchange.url);
  }

  #store(
    principal: Principal,
    fileId: string | undefined,
    metadata: Record<string, unknown>,
    url: URL,
    bytes: Uint8Array,
  ): StoredFile {
    if (fileId === undefined) return create(this.world, principal, metadata, url, bytes);
    const file = findFile(this.world, principal, fileId, url);
    this.world.assertSpace(principal.account, file.driveId, bytes.length - (file.content?.length ?? 0));
    change(principal, file, metadata);
    this.world.fill(file, bytes);
    return file;
  }

  #open(principal: Principal, fileId: string | undefined, exchange: Exchange, origin: string): Reply {
    const length = exchange.headers["x-upload-content-length"];
    const size = length === undefined ? undefined : Number(length);
    const metadata = parseJson(exchange.body);
    const parent: unknown = Array.isArray(metadata["parents"]) ? metadata["parents"][0] : undefined;
    const into = fileId === undefined
      ? this.world.files.get(String(parent))?.driveId ?? this.world.drives.get(String(parent))?.id
      : findFile(this.world, principal, fileId, exchange.url).driveId;
    this.world.assertSpace(principal.account, into, size ?? 0);
    // As long as Google's are.
    const id = token(120);
    const location = new URL(exchange.url.pathname + exchange.url.search, origin);
    location.searchParams.set("upload_id", id);
    const expires = this.world.now + WEEK;
    const kept = new Uint8Array();
    this.sessions.set(id, {
      principal,
      metadata,
      fileId,
      url: exchange.url,
      size,
      expires,
      kept,
      done: undefined,
    });
    return { status: 200, headers: { location: location.href, "x-guploader-uploadid": id } };
  }

  /**
   * PUT on a session: bytes, or the question how many there are.
   *
   * @param keep how many of the bytes sent are kept; all by default
   */
  put(uploadId: string, exchange: Exchange, keep = Infinity): Reply {
    const session = this.#find(uploadId);
    if (session.done !== undefined) {
      return fileReply(this.world, session.principal, session.done, session.url);
    }
    const { start, total } = this.#range(exchange);
    if (session.size !== undefined && total !== undefined && total !== session.size) {
      refuse(400, "badRequest", "Bad Request");
    }
    if (start !== undefined) this.#append(session, start, exchange, total, keep);
    if (total === undefined || session.kept.length < total) return progress(session.kept.length);
    session.done = this.#store(
      session.principal,
      session.fileId,
      session.metadata,
      session.url,
      session.kept,
    );
    return fileReply(this.world, session.principal, session.done, session.url);
  }

  #find(uploadId: string): Session {
    const session = this.sessions.get(uploadId);
    if (session === undefined || session.expires <= this.world.now) refuse(404, "notFound", "Not Found");
    return session;
  }

  /** `bytes 0-9/20`, `bytes 0-9/*`, or `bytes *` with a size, for a question. A lone PUT sends it all. */
  #range(exchange: Exchange): { start: number | undefined; total: number | undefined } {
    const header = exchange.headers["content-range"];
    if (header === undefined) return { start: 0, total: exchange.body.length };
    const match = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(header);
    if (match === null) refuse(400, "badRequest", "Failed to parse Content-Range header.");
    const [, first, last, all] = match;
    const total = all === undefined || all === "*" ? undefined : Number(all);
    if (first === undefined) return { start: undefined, total };
    const promised = Number(last) - Number(first) + 1;
    if (exchange.whole && exchange.body.length !== promised) refuse(400, "badRequest", "Bad Request");
    return { start: Number(first), total };
  }

  #append(
    session: Session,
    start: number,
    exchange: Exchange,
    total: number | undefined,
    keep: number,
  ): void {
    const last = total !== undefined && start + exchange.body.length === total;
    if (exchange.whole && !last && exchange.body.length % QUANTUM !== 0) {
      refuse(400, "badRequest", "Bad Request");
    }
    // A gap cannot be filled later, so Google does not take what comes after one.
    if (start > session.kept.length) refuse(503, "backendError", "Backend Error");
    let bytes = exchange.body.subarray(0, keep);
    const end = start + bytes.length;
    // Of what did not come to its end, whole quanta are kept.
    if (!(last && keep >= exchange.body.length && exchange.whole)) {
      bytes = bytes.subarray(0, bytes.length - end % QUANTUM);
    }
    if (start + bytes.length <= session.kept.length) return;
    const joined = new Uint8Array(start + bytes.length);
    joined.set(session.kept.subarray(0, start));
    joined.set(bytes, start);
    session.kept = joined;
  }

  /** DELETE on a session; 499 is what Google answers. */
  cancel(uploadId: string): Reply {
    this.#find(uploadId);
    this.sessions.delete(uploadId);
    return { status: 499 };
  }
}

function progress(kept: number): Reply {
  return { status: 308, headers: kept === 0 ? {} : { range: `bytes=0-${kept - 1}` } };
}

/** The two parts of a multipart/related body (RFC 2387). */
function related(exchange: Exchange): [Record<string, unknown>, Uint8Array] {
  const boundary = /boundary="?([^";]+)"?/.exec(exchange.headers["content-type"] ?? "")?.[1];
  if (boundary === undefined) refuse(400, "badContent", "Malformed multipart body.");
  const body = Buffer.from(exchange.body);
  const marks: number[] = [];
  const line = `--${boundary}`;
  for (let at = body.indexOf(line); at >= 0; at = body.indexOf(line, at + line.length)) marks.push(at);
  const parts = marks.slice(0, -1).map((mark, index) =>
    partBody(body.subarray(mark + line.length, marks[index + 1]))
  );
  const [metadata, media] = parts;
  if (parts.length !== 2 || metadata === undefined || media === undefined) {
    refuse(400, "badContent", "Malformed multipart body.");
  }
  return [parseJson(metadata), media];
}

/** A part without its headers and without the line break before the next boundary. */
function partBody(part: Buffer): Uint8Array {
  const headersEnd = part.indexOf("\r\n\r\n");
  return headersEnd < 0 ? new Uint8Array() : new Uint8Array(part.subarray(headersEnd + 4, part.length - 2));
}
