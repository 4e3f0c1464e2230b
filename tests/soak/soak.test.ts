/**
 * A watch while files arrive over SFTP in bursts. Half a minute and 200 files, or ten minutes and 5,000 with
 * `deno task soak`, which runs the binary.
 */

import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import process from "node:process";
import { performance } from "node:perf_hooks";
import { binary, BUILDS } from "../build/program.ts";
import { contents } from "../cli/files.ts";
import { type User, withUser } from "../cli/harness.ts";
import { scriptCommand } from "../cli/process.ts";
import { pseudoRandom, testWith } from "../tools.ts";
import { type RunningWatch, startWatch, until } from "../watch/tools.ts";
import { type SftpServer, startSftp } from "./sftp.ts";

const SECONDS = Number(process.env["COLDFRAME_SOAK_SECONDS"] ?? 30);
const LONG = SECONDS >= 300;
const FILES = LONG ? 5000 : 200;
const BURST = LONG ? 500 : 50;
/** What a household's line takes: some files are longer on their way than the watch waits. */
const KILOBITS = LONG ? 40_000 : 80_000;
const TIMEOUT = (SECONDS + 600) * 1000;

/** Of several sizes, the largest some seconds on its way. */
function sizeOf(file: number): number {
  return file % BURST === 0 ? 5_000_000 : 1000 + (file * 7919) % 60_000;
}

/** Makes the files of a burst and sends them into a folder of its own, half of them with their old times. */
async function burst(user: User, server: SftpServer, first: number): Promise<void> {
  const folder = user.path("camera", String(first));
  await mkdir(folder, { recursive: true });
  const lines = [`mkdir ${user.path("Photos", String(first))}`];
  for (let file = first; file < Math.min(first + BURST, FILES); file++) {
    await writeFile(`${folder}/${file}.jpg`, pseudoRandom(sizeOf(file), file));
    const keep = file % 2 === 0 ? "-p " : "";
    lines.push(`put ${keep}${folder}/${file}.jpg ${user.path("Photos", String(first), `${file}.jpg`)}`);
  }
  await server.batch(lines, KILOBITS);
}

/** Resident memory of a process, in KiB, once a second until `stop`. */
function sampleMemory(pid: number): { readonly samples: number[]; stop(): void } {
  const samples: number[] = [];
  const timer = setInterval(async () => {
    const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
    const kib = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
    if (kib > 0) samples.push(kib);
  }, 1000);
  return { samples, stop: () => clearInterval(timer) };
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;
}

/** The first seconds are its start. Then the middle of the run must be like its end. */
function assertFlat(samples: readonly number[]): void {
  const settled = samples.slice(Math.min(10, Math.floor(samples.length / 4)));
  const third = Math.floor(settled.length / 3);
  const [before, after] = [median(settled.slice(0, third)), median(settled.slice(-third))];
  console.log(`memory: ${before} KiB at first, ${after} KiB at the end, ${Math.max(...samples)} KiB at most`);
  assert.ok(Math.abs(after / before - 1) <= 0.1, `${before} KiB became ${after} KiB`);
}

async function everythingStored(user: User, watch: RunningWatch): Promise<void> {
  const isStored = async () => {
    const { files, unprotected } = await user.json("status") as {
      files: number;
      unprotected: { contents: number };
    };
    return files === FILES && unprotected.contents === 0;
  };
  await until(isStored, () => `all is stored, but\n${watch.out()}\n${watch.err()}`, 300_000);
}

/** Every version that was ever stored: one for each file, and of its whole size. */
async function assertNothingHalf(user: User): Promise<void> {
  const versions = (await user.ok("find", "*.jpg", "--json")).trim().split("\n").map((line) =>
    JSON.parse(line)
  );
  const sizes = new Map<string, number>(versions.map(({ path, size }) => [path.replace(/^.*\//, ""), size]));
  assert.equal(versions.length, FILES);
  for (let file = 0; file < FILES; file++) assert.equal(sizes.get(`${file}.jpg`), sizeOf(file));
}

testWith(
  ["sftp", "ssh-keygen", "/usr/sbin/sshd"],
  `while ${FILES} files arrive over SFTP in bursts for ${SECONDS} s, watch stores each once and whole, in flat memory`,
  () =>
    withUser(async (user) => {
      await mkdir(user.path("Photos"));
      await user.ok("init", user.path("Photos"), "--yes", "--volume-size", LONG ? "40M" : "5M");
      const server = await startSftp(user.path("ssh"));
      const program = BUILDS ? [await binary("linux-x64"), "watch"] : scriptCommand("watch");
      const watch = startWatch(user, undefined, { program, rest: LONG ? 5 : 2 });
      const memory = sampleMemory(watch.pid);
      try {
        await watch.says(/^Watching/m);
        const began = performance.now();
        const gap = SECONDS * 1000 / Math.ceil(FILES / BURST);
        for (let first = 0, n = 1; first < FILES; first += BURST, n++) {
          await burst(user, server, first);
          const rest = began + n * gap - performance.now();
          if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest));
        }
        await everythingStored(user, watch);
      } finally {
        memory.stop();
        await watch.stop();
        await server.stop();
      }
      assertFlat(memory.samples);
      await assertNothingHalf(user);
      const { volumes } = await user.json("status") as { volumes: { stored: number } };
      assert.ok(volumes.stored > 0);
      await user.ok("restore", "**", "--to", user.path("restored"));
      assert.deepEqual(await contents(user.path("restored", "Photos")), await contents(user.path("Photos")));
    }),
  { timeout: TIMEOUT },
);
