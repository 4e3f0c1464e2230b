/** The server behind the names of Google: TLS with a CA of its own, reached through a CONNECT proxy. */

import { createServer as createHttps } from "node:https";
import { connect, createServer as createTcp, type Server, type Socket } from "node:net";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../../tools.ts";
import { addressOf, DriveServer } from "./server.ts";

const NAMES = ["www.googleapis.com", "oauth2.googleapis.com", "accounts.google.com"];

/** A Drive server that programs take for Google's. */
export interface AsGoogle {
  readonly server: DriveServer;
  /** The variables a program needs to be led here. */
  readonly env: Record<string, string>;
}

/** Starts one, gives it to `body` and stops it. Needs openssl. */
export async function withGoogle<T>(folder: string, body: (google: AsGoogle) => Promise<T>): Promise<T> {
  const ca = await makeCertificates(folder);
  const drive = new DriveServer();
  drive.origin = "https://www.googleapis.com";
  const key = await readFile(join(folder, "leaf.key"));
  const cert = await readFile(join(folder, "leaf.pem"));
  const https = createHttps({ key, cert }, drive.listener);
  await new Promise<void>((done) => https.listen(0, "127.0.0.1", done));
  const sockets = new Set<Socket>();
  const proxy = connectProxy(addressOf(https.address()).port, sockets);
  await new Promise<void>((done) => proxy.listen(0, "127.0.0.1", done));
  const address = `http://127.0.0.1:${addressOf(proxy.address()).port}`;
  try {
    return await body({ server: drive, env: { HTTPS_PROXY: address, SSL_CERT_FILE: ca, NO_PROXY: "" } });
  } finally {
    for (const socket of sockets) socket.destroy();
    https.closeAllConnections();
    await Promise.all([https, proxy].map((server) => new Promise((done) => server.close(done))));
  }
}

/** Leads every CONNECT to one port, whatever name it asks for (RFC 9110 §9.3.6). */
function connectProxy(port: number, sockets: Set<Socket>): Server {
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
  };
  return createTcp((client) => {
    keep(client);
    client.once("data", (head) => {
      if (!/^CONNECT \S+:443 HTTP\/1\.[01]\r\n/.test(head.toString("latin1"))) {
        client.end("HTTP/1.1 405 Method Not Allowed\r\n\r\n");
        return;
      }
      const upstream = connect(port, "127.0.0.1", () => {
        client.write("HTTP/1.1 200 Connection established\r\n\r\n");
        client.pipe(upstream).pipe(client);
      });
      keep(upstream);
    });
  });
}

/** A CA and a certificate for Google's names; gives the path of the CA's. */
async function makeCertificates(folder: string): Promise<string> {
  const at = (name: string) => join(folder, name);
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  await run("openssl", [
    ...["req", "-x509", ...curve, "-days", "2", "-subj", "/CN=Test CA"],
    ...["-addext", "keyUsage=critical,keyCertSign"],
    ...["-keyout", at("ca.key"), "-out", at("ca.pem")],
  ]);
  await run("openssl", [
    ...["req", ...curve, "-subj", "/CN=www.googleapis.com"],
    ...["-keyout", at("leaf.key"), "-out", at("leaf.csr")],
  ]);
  await writeFile(at("leaf.ext"), `subjectAltName=${NAMES.map((name) => `DNS:${name}`).join(",")}\n`);
  await run("openssl", [
    ...[
      "x509",
      "-req",
      "-in",
      at("leaf.csr"),
      "-CA",
      at("ca.pem"),
      "-CAkey",
      at("ca.key"),
      "-CAcreateserial",
    ],
    ...["-days", "2", "-extfile", at("leaf.ext"), "-out", at("leaf.pem")],
  ]);
  return at("ca.pem");
}
