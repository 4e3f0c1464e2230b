/** The one-time web server on 127.0.0.1 that the browser is sent back to (RFC 8252 §7.3). */

import { createServer, type Server, type ServerResponse } from "node:http";
import { messageOf, StoreError } from "../../errors.ts";
import { type Attempt, readRedirect } from "./attempt.ts";

/** A listener that waits for one redirect. */
export interface Listener {
  readonly port: number;
  /** The code of the attempt's redirect; rejects when the sign-in was declined. */
  wait(attempt: Attempt): Promise<string>;
  close(): void;
}

/**
 * Listens on 127.0.0.1.
 *
 * @param port 0 for any free one
 * @param path the only path that is answered, with its leading slash
 * @throws StoreError `store-denied` when the port is taken
 */
export async function listen(port: number, path: string): Promise<Listener> {
  const server = createServer((_, response) => answer(response, 404, "Nothing is here."));
  const actual = await bind(server, port);
  return {
    port: actual,
    wait: (attempt) => firstRedirect(server, path, attempt),
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function bind(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => {
      const message = `cannot listen on 127.0.0.1:${port} for the sign-in: ${messageOf(error)}`;
      const hint = "Choose another port with --redirect-port, or paste the address back with --no-browser.";
      reject(new StoreError("store-denied", message, { hint, cause: error }));
    });
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

/** Anything with another state is answered and forgotten: any page can make a browser call 127.0.0.1. */
function firstRedirect(server: Server, path: string, attempt: Attempt): Promise<string> {
  return new Promise((resolve, reject) => {
    server.removeAllListeners("request");
    server.on("request", (request, response: ServerResponse) => {
      const url = new URL(request.url ?? "/", "http://127.0.0.1");
      if (url.pathname !== path || request.method !== "GET") return answer(response, 404, "Nothing is here.");
      const redirect = readRedirect(attempt, url.searchParams);
      if (redirect.kind === "foreign") {
        return answer(response, 400, "This is not the sign-in that was begun.");
      }
      // The answer leaves before the caller closes the server.
      if (redirect.kind === "code") {
        return answer(response, 200, "Signed in. You can close this window.", () => resolve(redirect.code));
      }
      return answer(response, 200, "Not signed in. You can close this window.", () => reject(redirect.error));
    });
  });
}

function answer(response: ServerResponse, status: number, text: string, sent = () => {}): void {
  response.on("finish", sent);
  response.writeHead(status, {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    connection: "close",
  });
  response.end(`<!doctype html><title>coldframe</title><p>${text}</p>\n`);
}
