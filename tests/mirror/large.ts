/**
 * Run as a program, by hand: many small files mirrored to a folder and to the strict S3 server, first all, then
 * nothing new, beside what else people would use.
 *
 *     deno run -A tests/mirror/large.ts [files, 10000 by default] [folder | s3 | both] [plain | encrypted | both]
 */

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type S3Server, withS3 } from "../servers/s3/server.ts";
import { hasTool, pseudoRandom, run } from "../tools.ts";

const FILES = Number(process.argv[2] ?? "10000");
const WHERE = process.argv[3] ?? "both";
const KINDS = ["plain", "encrypted"].filter((kind) => [kind, "both"].includes(process.argv[4] ?? "both"));
const PROGRAM = new URL("../jobs/peak-memory.ts", import.meta.url).pathname;

async function makeFiles(folder: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const below = join(folder, String(Math.floor(i / 500)));
    if (i % 500 === 0) await mkdir(below, { recursive: true });
    await writeFile(join(below, `IMG_${i}.jpg`), pseudoRandom(2000, i));
  }
}

async function timed(what: string, work: () => Promise<string>, server?: S3Server): Promise<void> {
  const before = server?.log.length ?? 0;
  const start = performance.now();
  const note = await work();
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const requests = Map.groupBy(server?.log.slice(before) ?? [], ({ operation }) => operation ?? "?");
  const counts = [...requests].map(([operation, all]) => `${all.length} ${operation}`).join(", ");
  console.log(`${what}: ${seconds} s${note === "" ? "" : `, ${note}`}${counts === "" ? "" : `; ${counts}`}`);
}

async function coldframe(env: Record<string, string>, args: readonly string[]): Promise<string> {
  const { stdout } = await run(process.execPath, ["run", "-A", PROGRAM, ...args], {
    env: { ...process.env, ...env },
  });
  return `peak ${(Number(stdout.trim().split("\n").at(-1)) / 1e6).toFixed(0)} MB`;
}

async function ours(
  what: string,
  root: string,
  store: string,
  env: Record<string, string>,
  server?: S3Server,
) {
  for (const kind of KINDS) {
    const home = { ...env, COLDFRAME_HOME: join(root, `home-${what}-${kind}`) };
    const url = store.replace("KIND", kind);
    const args = ["mirror", join(root, "src"), url, ...(kind === "plain" ? ["--plain"] : [])];
    await timed(`${what}, ${kind}, all`, () => coldframe(home, args), server);
    await timed(`${what}, ${kind}, nothing new`, () => coldframe(home, args), server);
  }
}

async function others(root: string, server: S3Server, env: Record<string, string>): Promise<void> {
  const src = join(root, "src");
  if (hasTool("rclone")) {
    const remote = {
      RCLONE_CONFIG_T_TYPE: "s3",
      RCLONE_CONFIG_T_PROVIDER: "Other",
      RCLONE_CONFIG_T_ENDPOINT: server.url,
      RCLONE_CONFIG_T_REGION: server.region,
      RCLONE_CONFIG_T_ACCESS_KEY_ID: server.accessKey,
      RCLONE_CONFIG_T_SECRET_ACCESS_KEY: server.secretKey,
    };
    const args = ["copy", src, "t:bucket/rclone", "--transfers", "8", "--config", "/dev/null"];
    const options = { env: { PATH: process.env["PATH"], HOME: root, ...remote } };
    for (const when of ["all", "nothing new"]) {
      await timed(`rclone copy, ${when}`, () => run("rclone", args, options).then(() => ""), server);
    }
  }
  if (hasTool("aws")) {
    const args = ["--endpoint-url", server.url, "s3", "sync", src, "s3://bucket/aws", "--only-show-errors"];
    const options = { env: { PATH: process.env["PATH"], ...env, AWS_DEFAULT_REGION: server.region } };
    for (const when of ["all", "nothing new"]) {
      await timed(`aws s3 sync, ${when}`, () => run("aws", args, options).then(() => ""), server);
    }
  }
}

const root = await mkdtemp(join(tmpdir(), "coldframe-large-"));
try {
  await makeFiles(join(root, "src"), FILES);
  console.log(`${FILES} files of 2 kB`);
  if (WHERE !== "s3") await ours("folder", root, `file:${root}/store-KIND`, {});
  if (WHERE !== "folder") {
    await withS3({ buckets: ["bucket"] }, async (server) => {
      const env = {
        AWS_ACCESS_KEY_ID: server.accessKey,
        AWS_SECRET_ACCESS_KEY: server.secretKey,
        HOME: root,
      };
      await ours("s3", root, `s3://bucket/KIND?region=${server.region}&endpoint=${server.url}`, env, server);
      await others(root, server, env);
    });
  }
} finally {
  await rm(root, { recursive: true, force: true });
}
