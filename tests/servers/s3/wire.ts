/** Puts answers on the wire, whole or spoiled. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { utf8 } from "../../../lib/bytes.ts";
import type { Answer } from "./call.ts";
import type { S3Error } from "./errors.ts";
import type { Fault } from "./faults.ts";
import { xmlDocument } from "./xml.ts";

/** What every answer says besides its own headers. */
export interface Envelope {
  readonly requestId: string;
  /** HTTP date of the server's clock. */
  readonly date: string;
}

/** An error as S3 writes it. */
export function errorAnswer(error: S3Error, path: string, requestId: string): Answer {
  const body = xmlDocument("Error", [
    ["Code", error.code],
    ["Message", error.message],
    ...Object.entries(error.fields),
    ["Resource", path],
    ["RequestId", requestId],
    ["HostId", requestId],
  ], false);
  return { status: error.status, headers: { "content-type": "application/xml", ...error.headers }, body };
}

/** One request's two ends and the connection under them. */
export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly socket: Socket;
}

/**
 * Sends an answer.
 *
 * @param fault truncates, stalls or spoils the body
 * @returns bytes of body sent
 */
export async function sendAnswer(
  exchange: Exchange,
  answer: Answer,
  envelope: Envelope,
  fault: Fault | undefined,
): Promise<number> {
  const { req, res } = exchange;
  const { size, chunks } = bodyOf(answer);
  res.sendDate = false;
  res.writeHead(answer.status, {
    ...(answer.status === 204 || answer.status === 304 ? {} : { "content-length": String(size) }),
    ...answer.headers,
    date: envelope.date,
    server: "AmazonS3",
    "x-amz-request-id": envelope.requestId,
    "x-amz-id-2": envelope.requestId,
  });
  if (req.method === "HEAD" || size === 0) {
    res.end();
    return 0;
  }
  return await sendBody(exchange, spoil(chunks, fault), fault);
}

function bodyOf(answer: Answer): { size: number; chunks: Iterable<Uint8Array> } {
  if (answer.body === undefined) return { size: 0, chunks: [] };
  if (typeof answer.body !== "string") return answer.body;
  const bytes = utf8(answer.body);
  return { size: bytes.length, chunks: [bytes] };
}

function* spoil(chunks: Iterable<Uint8Array>, fault: Fault | undefined): Generator<Uint8Array> {
  let at = 0;
  for (const chunk of chunks) {
    const hit = fault?.kind === "corrupt" ? fault.at - at : -1;
    at += chunk.length;
    if (hit < 0 || hit >= chunk.length) {
      yield chunk;
    } else {
      const copy = Uint8Array.from(chunk);
      copy[hit] = (copy[hit] ?? 0) ^ 1;
      yield copy;
    }
  }
}

async function sendBody(
  { res, socket }: Exchange,
  chunks: Iterable<Uint8Array>,
  fault: Fault | undefined,
): Promise<number> {
  const limit = fault?.kind === "truncate" || fault?.kind === "stall-body" ? fault.bytes : Infinity;
  let sent = 0;
  for (const chunk of chunks) {
    const piece = chunk.subarray(0, limit - sent);
    if (socket.destroyed) return sent;
    if (!res.write(piece)) await drained(res);
    sent += piece.length;
    if (sent >= limit) break;
  }
  if (fault?.kind === "truncate") await cutAfterFlush(socket);
  else if (fault?.kind !== "stall-body") res.end();
  return sent;
}

/** Lets what was written leave first: a cut answer must show its beginning. */
async function cutAfterFlush(socket: Socket): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 20));
  socket.destroy();
}

/** Waits until more can be written, or nobody listens any more. */
function drained(res: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      res.removeListener("drain", done).removeListener("close", done);
      resolve();
    };
    res.on("drain", done).on("close", done);
  });
}
