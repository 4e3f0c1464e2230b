/** Debian's Exim with a configuration of the test's own: TLS, a login, and one mailbox for everybody. */

import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "node:net";
import { type Certificate, makeCertificate } from "./certificates.ts";
import { freePort, withDaemons } from "./daemon.ts";

/** An Exim that runs. */
export interface Exim {
  /** Where it speaks STARTTLS. */
  readonly port: number;
  /** Where it speaks TLS from the first byte. */
  readonly tlsPort: number;
  readonly certificate: Certificate;
  readonly folder: string;
  /** The mailbox, once it holds so many mails. */
  mails(count: number): Promise<string[]>;
  /** What it wrote into its log. */
  log(): Promise<string>;
}

export const EXIM_USER = "me";
export const EXIM_PASSWORD = "correct horse";

/** Runs `body` with one. */
export function withExim<T>(body: (exim: Exim) => Promise<T>): Promise<T> {
  return withDaemons(async (daemons) => {
    const { folder } = daemons;
    const certificate = await makeCertificate(folder, { name: "exim" });
    const [port, tlsPort] = [await freePort(), await freePort()];
    await prepare(folder, certificate, port, tlsPort);
    daemons.start("exim4", ["-C", join(folder, "exim.conf"), "-bdf"]);
    await daemons.until("exim4", 20, () => isListening(tlsPort));
    try {
      return await body({
        port,
        tlsPort,
        certificate,
        folder,
        mails: (count) => mails(folder, count),
        log: () => readFile(join(folder, "spool", "main.log"), "utf8"),
      });
    } finally {
      await quiet(folder);
    }
  });
}

/** Waits for the processes of its connections: one that outlives the daemon would make the folder anew. */
async function quiet(folder: string): Promise<void> {
  const pid = (await readFile(join(folder, "spool", "exim.pid"), "utf8")).trim();
  for (let tries = 0; tries < 100; tries++) {
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
    const states = await Promise.all(children.trim().split(/\s+/).filter((id) => id !== "").map(stateOf));
    if (!states.some((state) => /^[^Z]/.test(state))) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The letter of a process's state (proc(5)); "" when it is gone. */
async function stateOf(pid: string): Promise<string> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return /\) (\w)/.exec(text)?.[1] ?? "";
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    const end = (listens: boolean) => {
      socket.destroy();
      resolve(listens);
    };
    socket.once("connect", () => end(true)).once("error", () => end(false));
  });
}

/** Started as root it works as a user of its own, who must find the way to these files. */
async function prepare(
  folder: string,
  certificate: Certificate,
  port: number,
  tlsPort: number,
): Promise<void> {
  await chmod(folder, 0o755);
  await chmod(certificate.keyFile, 0o644);
  for (const name of ["spool", "mail"]) {
    await mkdir(join(folder, name));
    await chmod(join(folder, name), 0o777);
  }
  await writeFile(join(folder, "exim.conf"), configuration(folder, certificate, port, tlsPort), {
    mode: 0o644,
  });
}

function configuration(
  folder: string,
  { certFile, keyFile }: Certificate,
  port: number,
  tlsPort: number,
): string {
  return `primary_hostname = localhost
local_interfaces = 127.0.0.1
daemon_smtp_ports = ${port} : ${tlsPort}
tls_on_connect_ports = ${tlsPort}
tls_advertise_hosts = *
tls_certificate = ${certFile}
tls_privatekey = ${keyFile}
auth_advertise_hosts = \${if eq{$tls_in_cipher}{}{}{*}}
spool_directory = ${folder}/spool
log_file_path = ${folder}/spool/%s.log
pid_file_path = ${folder}/spool/exim.pid
deliver_drop_privilege = true
host_lookup =
rfc1413_query_timeout = 0s
acl_smtp_rcpt = take
keep_environment =

begin acl
take:
  require authenticated = *
          encrypted = *
  accept

begin routers
everybody:
  driver = accept
  transport = mailbox

begin transports
mailbox:
  driver = appendfile
  file = ${folder}/mail/box
  mode = 0666

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_set_id = $auth2
  server_condition = \${if and{{eq{$auth2}{${EXIM_USER}}}{eq{$auth3}{${EXIM_PASSWORD}}}}}
`;
}

/** Delivery goes on after the mail was taken. */
async function mails(folder: string, count: number): Promise<string[]> {
  for (const deadline = Date.now() + 20_000;;) {
    const box = await readFile(join(folder, "mail", "box"), "utf8").catch(() => "");
    const found = box.split(/^From .*$/m).slice(1);
    if (found.length >= count) return found;
    if (Date.now() > deadline) throw new Error(`${found.length} mails of ${count} in the mailbox`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
