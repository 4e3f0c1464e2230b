/** Certificates for servers on this machine, from a CA that nobody else trusts. Needs openssl. */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../tools.ts";

/** A certificate with its key, and the CA that signed it, in PEM. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
  readonly caFile: string;
  readonly keyFile: string;
  readonly certFile: string;
}

const CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/**
 * Makes a CA and a certificate, for `localhost` and 127.0.0.1 unless said otherwise.
 *
 * @param folder where the files go
 * @param name begins the names of the files
 * @param host another name to make it for
 * @param days until it ends
 */
export async function makeCertificate(
  folder: string,
  { name = "mail", host = "localhost", days = 90 }: { name?: string; host?: string; days?: number } = {},
): Promise<Certificate> {
  const at = (file: string) => join(folder, `${name}-${file}`);
  await run("openssl", [
    ...["req", "-x509", ...CURVE, "-days", String(days), "-subj", `/CN=${name} CA`],
    ...["-addext", "keyUsage=critical,keyCertSign", "-keyout", at("ca.key"), "-out", at("ca.pem")],
  ]);
  await run("openssl", [
    ...["req", ...CURVE, "-subj", `/CN=${host}`, "-keyout", at("leaf.key"), "-out", at("leaf.csr")],
  ]);
  const address = host === "localhost" ? ",IP:127.0.0.1" : "";
  await writeFile(at("leaf.ext"), `subjectAltName=DNS:${host}${address}\n`);
  await run("openssl", [
    ...["x509", "-req", "-in", at("leaf.csr"), "-CA", at("ca.pem"), "-CAkey", at("ca.key")],
    ...["-CAcreateserial", "-days", String(days), "-extfile", at("leaf.ext"), "-out", at("leaf.pem")],
  ]);
  return {
    key: await readFile(at("leaf.key"), "utf8"),
    cert: await readFile(at("leaf.pem"), "utf8"),
    caFile: at("ca.pem"),
    keyFile: at("leaf.key"),
    certFile: at("leaf.pem"),
  };
}
