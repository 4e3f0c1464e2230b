/** When the certificate of a server ends. Nothing but a handshake is sent, so it need not be trusted for that. */

import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { ColdframeError } from "../errors.ts";

/** A server, and how its TLS begins: at once, or after `STARTTLS` (RFC 3207). */
export interface TlsServer {
  readonly host: string;
  readonly port: number;
  readonly security: "tls" | "starttls";
}

/** How long a server has for all of it, in ms. */
const PATIENCE = 10_000;

/**
 * Asks a server.
 *
 * @returns ms since 1970
 * @throws ColdframeError `store-unreachable` when it does not answer as it should
 */
export async function certificateEnd({ host, port, security }: TlsServer): Promise<number> {
  const socket = connectTcp({ host, port });
  const timer = setTimeout(() => socket.destroy(new Error("timeout")), PATIENCE);
  try {
    if (security === "starttls") await startTls(socket);
    return await endOf(socket, host);
  } catch (error) {
    throw new ColdframeError("store-unreachable", `cannot look at the certificate of ${host}:${port}`, {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

async function endOf(socket: Socket, host: string): Promise<number> {
  const named = /^[\d.]+$|:/.test(host) ? {} : { servername: host };
  const secure: TLSSocket = connectTls({ socket, rejectUnauthorized: false, ...named });
  await new Promise<void>((resolve, reject) => {
    secure.once("secureConnect", resolve);
    secure.once("error", reject);
    socket.once("close", () => reject(new Error("closed")));
  });
  const end = Date.parse(secure.getPeerCertificate().valid_to);
  secure.destroy();
  if (Number.isNaN(end)) throw new Error("the certificate has no end");
  return end;
}

/** The dialogue up to the handshake; each answer may have several lines, the last one "250 …". */
async function startTls(socket: Socket): Promise<void> {
  const answers = new Answers(socket);
  await answers.expect("220");
  socket.write("EHLO localhost\r\n");
  await answers.expect("250");
  socket.write("STARTTLS\r\n");
  await answers.expect("220");
  answers.stop();
}

class Answers {
  #text = "";
  #wake: () => void = () => {};
  #failure: Error | undefined;
  readonly #onData = (data: Uint8Array) => {
    this.#text += new TextDecoder("latin1").decode(data);
    this.#wake();
  };
  readonly #onEnd = (error?: unknown) => {
    this.#failure = error instanceof Error ? error : new Error("closed");
    this.#wake();
  };

  constructor(private readonly socket: Socket) {
    socket.on("data", this.#onData);
    socket.on("error", this.#onEnd);
    socket.on("close", this.#onEnd);
  }

  async expect(code: string): Promise<void> {
    for (;;) {
      const [whole, found] = /^(?:\d{3}-.*\r\n)*(\d{3})(?: .*)?\r\n/.exec(this.#text) ?? [];
      if (whole !== undefined) {
        this.#text = this.#text.slice(whole.length);
        if (found === code) return;
        throw new Error(`answered ${found}`);
      }
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  stop(): void {
    this.socket.off("data", this.#onData);
    this.socket.off("error", this.#onEnd);
    this.socket.off("close", this.#onEnd);
  }
}
