/** OpenSSH's server and client of this machine, with keys and settings of their own. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { run } from "../tools.ts";

/** A server that one may put files to. */
export interface SftpServer {
  /**
   * Runs a batch of sftp(1).
   *
   * @param kilobits the most that goes over the line in a second
   */
  batch(lines: readonly string[], kilobits: number): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a server on a free port, with all it needs in `folder`. */
export async function startSftp(folder: string): Promise<SftpServer> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = (name: string) => join(folder, name);
  for (const key of ["host", "user"]) {
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", path(key)]);
  }
  if (process.getuid?.() === 0) await mkdir("/run/sshd", { recursive: true }); // its privilege separation
  const port = await freePort();
  const user = (await run("id", ["-un"])).stdout.trim(); // Bun asks the environment only
  await writeFile(path("sshd_config"), serverSettings(path, port));
  const server = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", path("sshd_config")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  await listening(server);
  let batches = 0;
  return {
    batch: async (lines, kilobits) => {
      const file = path(`batch-${batches++}`);
      await writeFile(file, lines.map((line) => line + "\n").join(""));
      const options = [
        "-o",
        "StrictHostKeyChecking=no",
        "-o",
        "UserKnownHostsFile=/dev/null",
        "-o",
        "LogLevel=ERROR",
      ];
      const where = ["-i", path("user"), "-P", String(port), `${user}@127.0.0.1`];
      await run("sftp", ["-q", "-b", file, "-l", String(kilobits), ...options, ...where]);
    },
    stop: async () => {
      const ended = once(server, "close");
      server.kill("SIGTERM");
      await ended;
    },
  };
}

function serverSettings(path: (name: string) => string, port: number): string {
  return [
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    `HostKey ${path("host")}`,
    `AuthorizedKeysFile ${path("user.pub")}`,
    "PidFile none",
    "StrictModes no",
    "UsePAM no",
    "PermitRootLogin yes",
    "PasswordAuthentication no",
    "Subsystem sftp internal-sftp",
    "",
  ].join("\n");
}

async function listening(server: ChildProcess): Promise<void> {
  let said = "";
  const isUp = new Promise<void>((resolve) => {
    server.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (said.includes("Server listening")) resolve();
    });
  });
  const ended = once(server, "close").then(() => {
    throw new Error(`sshd ended:\n${said}`);
  });
  await Promise.race([isUp, ended]);
  ended.catch(() => {}); // its end is no error from now on
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  if (typeof address !== "object" || address === null) throw new Error("no free port");
  return address.port;
}
