/** rclone, which knows the real Drive, judges the server: what it stores must come back, whatever goes wrong. */

import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { equal } from "../../../lib/bytes.ts";
import { pseudoRandom, run, testWith, withFolder } from "../../tools.ts";
import { BACKEND, type Fault, FRONTEND, TOO_FAST, TOO_MANY } from "./faults.ts";
import type { Exchange } from "./http.ts";
import { serviceAccountKey } from "./keys.ts";
import type { DriveServer } from "./server.ts";
import { withGoogle } from "./tls.ts";

const TOOLS = ["rclone", "openssl"];
/** rclone waits seconds between its tries. */
const PATIENT = { timeout: 180_000 };
const QUANTUM = 256 * 1024;

interface Judge {
  readonly server: DriveServer;
  readonly folder: string;
  /** Runs rclone and gives what it printed. */
  rclone(...args: string[]): Promise<string>;
  configure(lines: Record<string, string>): Promise<void>;
}

async function withRclone(body: (judge: Judge) => Promise<void>): Promise<void> {
  await withFolder((folder) =>
    withGoogle(folder, async ({ server, env }) => {
      const config = join(folder, "rclone.conf");
      const options = ["--config", config, "--drive-pacer-min-sleep", "1ms", "--retries", "1"];
      const rclone = async (...args: string[]) => {
        const { stdout } = await run("rclone", [...options, ...args], {
          env: { PATH: process.env["PATH"], ...env },
        });
        return stdout;
      };
      const configure = async (lines: Record<string, string>) => {
        const text = Object.entries(lines).map(([name, value]) => `${name} = ${value}\n`).join("");
        await writeFile(config, `[gd]\ntype = drive\n${text}`);
      };
      await body({ server, folder, rclone, configure });
    })
  );
}

function judged(name: string, body: (judge: Judge) => Promise<void>): void {
  testWith(TOOLS, name, () => withRclone(body), PATIENT);
}

/** Signed in as a user whose access token is long over, so that rclone renews it first. */
async function signIn({ server, configure }: Judge, more: Record<string, string> = {}): Promise<void> {
  const scope = "https://www.googleapis.com/auth/drive";
  server.world.addUser("ada@example.com");
  const client = server.world.addClient("rclone.apps.googleusercontent.com");
  const grant = server.world.grant("ada@example.com", client.clientId, [scope]);
  const token = { access_token: "ya29.old", token_type: "Bearer", refresh_token: grant.refreshToken };
  await configure({
    client_id: client.clientId,
    client_secret: client.clientSecret,
    scope: "drive",
    token: JSON.stringify({ ...token, expiry: "2020-01-01T00:00:00Z" }),
    ...more,
  });
}

async function writeTree(folder: string): Promise<string> {
  const tree = join(folder, "tree");
  await mkdir(join(tree, "Grandma's", "deeper \\ still"), { recursive: true });
  await writeFile(join(tree, "empty"), "");
  await writeFile(join(tree, "Grandma's", "it's 100%.jpg"), pseudoRandom(1000));
  await writeFile(join(tree, "Grandma's", "deeper \\ still", "Größe 写真.jpg"), pseudoRandom(QUANTUM, 2));
  await writeFile(join(tree, "long.mp4"), pseudoRandom(3 * QUANTUM + 77, 3));
  return tree;
}

const IN_SESSIONS = ["--drive-upload-cutoff", "1k", "--drive-chunk-size", "256k"];

judged("rclone gets back the tree that it stored, with its checksums", async (judge) => {
  await signIn(judge);
  const tree = await writeTree(judge.folder);
  await judge.rclone("copy", tree, "gd:Back up", ...IN_SESSIONS);
  await judge.rclone("check", tree, "gd:Back up");
  await judge.rclone("check", "--download", tree, "gd:Back up");
  assert.ok(judge.server.uploads.sessions.size === 2, "no session was used");
  await judge.rclone("copy", "gd:Back up", join(judge.folder, "back"));
  const back = await readFile(join(judge.folder, "back", "long.mp4"));
  assert.ok(equal(back, pseudoRandom(3 * QUANTUM + 77, 3)));
});

judged("rclone stores in one request, reads ranges, replaces, and sees the quota", async (judge) => {
  await signIn(judge);
  const file = join(judge.folder, "a.bin");
  await writeFile(file, pseudoRandom(5000));
  await judge.rclone("copyto", file, "gd:x/a.bin");
  assert.equal(judge.server.uploads.sessions.size, 0);
  await writeFile(file, "replaced, and read in part");
  await judge.rclone("copyto", file, "gd:x/a.bin");
  assert.equal(await judge.rclone("cat", "--offset", "10", "--count", "3", "gd:x/a.bin"), "and");
  const about: unknown = JSON.parse(await judge.rclone("about", "--json", "gd:"));
  assert.deepEqual(about, { total: 15e9, used: 26, free: 15e9 - 26, trashed: 0, other: 0 });
});

judged("rclone puts files into the bin, and removes them for good when told to", async (judge) => {
  await signIn(judge);
  await writeFile(join(judge.folder, "a"), "a");
  for (const name of ["a", "b"]) await judge.rclone("copyto", join(judge.folder, "a"), `gd:x/${name}`);
  await judge.rclone("deletefile", "gd:x/a");
  await judge.rclone("deletefile", "--drive-use-trash=false", "gd:x/b");
  assert.equal(await judge.rclone("lsf", "gd:x"), "");
  assert.equal(await judge.rclone("lsf", "--drive-trashed-only", "gd:x"), "a\n");
});

judged("rclone lists more files than a page holds", async (judge) => {
  await signIn(judge, { list_chunk: "7" });
  const many = join(judge.folder, "many");
  await mkdir(many);
  for (let i = 0; i < 30; i++) await writeFile(join(many, `${i}`), `${i}`);
  await judge.rclone("copy", many, "gd:many");
  assert.equal((await judge.rclone("lsf", "gd:many")).split("\n").length, 31);
  assert.ok(judge.server.count(/^GET \/drive\/v3\/files$/) >= 5);
});

const isPart = ({ url }: Exchange) => url.searchParams.has("upload_id");
const isUpload = ({ url }: Exchange) => url.pathname.startsWith("/upload/");
const isList = ({ method, url }: Exchange) => method === "GET" && url.pathname === "/drive/v3/files";

const TROUBLE: [string, (exchange: Exchange) => boolean, Fault, number][] = [
  ["a part that is answered with 500", isPart, { kind: "refuse", reply: BACKEND }, 2],
  ["a part that arrived and is answered with 502", isPart, { kind: "refuse-after", reply: FRONTEND }, 1],
  ["too many requests (403)", isUpload, { kind: "refuse", reply: TOO_FAST }, 0],
  ["too many requests (429)", isList, { kind: "refuse", reply: TOO_MANY }, 0],
];

for (const [name, when, fault, skip] of TROUBLE) {
  judged(`rclone outlives ${name}`, async (judge) => {
    await signIn(judge);
    const file = join(judge.folder, "long.mp4");
    await writeFile(file, pseudoRandom(5 * QUANTUM + 77, 3));
    judge.server.faults.add(when, fault, { skip });
    await judge.rclone("copyto", file, "gd:t", "--drive-upload-cutoff", "1k", "--drive-chunk-size", "512k");
    assert.equal(judge.server.faults.waiting, 0, "it did not happen");
    const [sum, stored] = [await judge.rclone("md5sum", file), await judge.rclone("md5sum", "gd:t")];
    assert.equal(stored.slice(0, 32), sum.slice(0, 32));
  });
}

judged("rclone's upload fails when Drive is full", async (judge) => {
  await signIn(judge);
  judge.server.world.accounts.forEach((account) => account.limit = 1000);
  const file = join(judge.folder, "a.bin");
  await writeFile(file, pseudoRandom(5000));
  await assert.rejects(judge.rclone("copyto", file, "gd:a.bin"), /storageQuotaExceeded/);
  await assert.rejects(judge.rclone("copyto", file, "gd:b.bin", ...IN_SESSIONS), /storageQuotaExceeded/);
});

judged("rclone works on a shared drive as a service account, and cannot on its own Drive", async (judge) => {
  const { server, folder } = judge;
  const email = "robot@coldframe-1234.iam.gserviceaccount.com";
  const key = await serviceAccountKey(email);
  server.world.addServiceAccount(email, key.publicKey);
  await writeFile(join(folder, "key.json"), JSON.stringify(key.file));
  const drive = server.world.addDrive("Family", [email]);
  await writeFile(join(folder, "a"), "on a shared drive");

  await judge.configure({ scope: "drive", service_account_file: join(folder, "key.json") });
  await assert.rejects(judge.rclone("copyto", join(folder, "a"), "gd:x/a"), /do not have storage quota/);

  await judge.configure({
    scope: "drive",
    service_account_file: join(folder, "key.json"),
    team_drive: drive.id,
  });
  await judge.rclone("copyto", join(folder, "a"), "gd:x/a");
  assert.equal(await judge.rclone("cat", "gd:x/a"), "on a shared drive");
});
