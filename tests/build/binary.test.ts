/**
 * The binary that users run, built from these sources: natively, and the Raspberry Pi's under emulation.
 * Only with COLDFRAME_BUILD_TESTS=1 on x86-64 Linux.
 */

import assert from "node:assert/strict";
import { appendFile, mkdir, readdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { performance } from "node:perf_hooks";
import process from "node:process";
import { before, test } from "node:test";
import { contents } from "../cli/files.ts";
import { makeCertificate } from "../servers/certificates.ts";
import { withMail } from "../servers/mail.ts";

import { type User, withUser } from "../cli/harness.ts";
import { pseudoRandom, testWith } from "../tools.ts";
import { startWatch, until } from "../watch/tools.ts";
import { binary, BUILDS, type Machine, type Target, withMachine } from "./program.ts";

const NATIVE = "linux-x64";
const enabled = BUILDS && process.platform === "linux" && process.arch === "x64";
const options = { skip: enabled ? false : "only with COLDFRAME_BUILD_TESTS=1", timeout: 120_000 };

/** Milliseconds from start to end. The best of several runs: a busy machine says nothing of the program. */
const QUICK = 150;

before(async () => {
  if (enabled) await binary(NATIVE);
}, { timeout: 120_000 });

async function photos(machine: Machine): Promise<string> {
  const folder = machine.path("Photos");
  await mkdir(machine.path("Photos", "2024"), { recursive: true });
  for (let i = 1; i <= 5; i++) await addPhoto(machine, `2024/IMG_${i}.jpg`, i);
  return folder;
}

async function addPhoto(machine: Machine, name: string, seed: number): Promise<void> {
  const path = machine.path("Photos", name);
  await writeFile(path, pseudoRandom(100_000 + seed, seed), { mode: 0o644 });
  await utimes(path, 1_714_557_600, 1_714_557_600 + seed);
}

async function assertRestores(machine: Machine, target: Target, to: string): Promise<void> {
  await machine.run(target, "restore", "**", "--to", machine.path(to));
  assert.deepEqual(await contents(machine.path(to, "Photos")), await contents(machine.path("Photos")));
}

test(
  "the binary inits, syncs, seals and restores alone in an empty folder",
  options,
  () =>
    withMachine(async (machine) => {
      await machine.run(NATIVE, "init", await photos(machine), "--yes");
      assert.match(await machine.run(NATIVE, "sync", "--seal"), /^Sealed .*: 5 files/m);
      await assertRestores(machine, NATIVE, "restored");
    }),
);

test(
  "it leaves nothing in the temporary folder and in the folder where it runs",
  options,
  () =>
    withMachine(async (machine) => {
      const cwd = await readdir(machine.path("cwd"));
      await machine.run(NATIVE, "sync", await photos(machine), "--seal");
      assert.deepEqual(await readdir(machine.temporary), []);
      assert.deepEqual(await readdir(machine.path("cwd")), cwd);
      assert.deepEqual(await readdir(machine.path("user")), [".coldframe"]);
    }),
);

test("runs side by side do not disturb each other", options, () =>
  withMachine(async (machine) => {
    const folder = await photos(machine);
    const homes = [1, 2, 3, 4].map((n) => machine.path(`home-${n}`));
    await Promise.all(homes.map((home) => machine.run(NATIVE, "sync", folder, "--seal", "--home", home)));
    for (const home of homes) {
      assert.match(await machine.run(NATIVE, "ls", "files", "--home", home), /IMG_5\.jpg/);
    }
    assert.deepEqual(await readdir(machine.temporary), []);
  }));

test("--version names the version, the commit and its date", options, () =>
  withMachine(async (machine) => {
    assert.match(
      await machine.run(NATIVE, "--version"),
      /^\d+\.\d+\.\d+ \([0-9a-f]{7,} \d{4}-\d\d-\d\d\)\n$/,
    );
  }));

for (const flag of ["--version", "--help"]) {
  test(`${flag} takes less than ${QUICK} ms`, options, () =>
    withMachine(async (machine) => {
      const times: number[] = [];
      for (let i = 0; i < 10; i++) {
        const start = performance.now();
        await machine.run(NATIVE, flag);
        if (i > 0) times.push(performance.now() - start); // the first one reads the file from disk
      }
      console.log(`${flag} took ${Math.round(Math.min(...times))} ms`);
      assert.ok(Math.min(...times) < QUICK, `${times.map(Math.round)} ms`);
    }));
}

const WAYS: readonly { readonly writer: Target; readonly reader: Target }[] = [
  { writer: "linux-arm64", reader: "linux-x64" },
  { writer: "linux-x64", reader: "linux-arm64" },
];

for (const { writer, reader } of WAYS) {
  const name = `what ${writer} stored, ${reader} restores and adds to, and ${writer} restores that`;
  const body = () =>
    withMachine(async (machine) => {
      await machine.run(writer, "init", await photos(machine), "--yes");
      await machine.run(writer, "sync", "--seal");
      await assertRestores(machine, reader, "restored-1");
      await addPhoto(machine, "2024/later.jpg", 9);
      await machine.run(reader, "sync", "--seal");
      for (const target of [reader, writer]) await machine.run(target, "check");
      await assertRestores(machine, writer, "restored-2");
      assert.deepEqual(await readdir(machine.temporary), []);
    });
  if (enabled) testWith(["qemu-aarch64-static"], name, body, { timeout: 300_000 });
  else test(name, options, body);
}

test("it sends mail through STARTTLS with a login", options, () =>
  withMachine(async (machine) => {
    await machine.run(NATIVE, "init", await photos(machine), "--yes");
    const home = machine.path("user", ".coldframe");
    const certificate = await makeCertificate(machine.path("user"));
    await withMail({ certificate, user: "me", password: "secret" }, async ({ port, received }) => {
      await writeFile(`${home}/mail-password`, "secret\n", { mode: 0o600 });
      await appendFile(
        `${home}/config.toml`,
        `\n[alerts.mail]\nhost = "localhost"\nport = ${port}\nuser = "me"\nto = "a@b.c"\n` +
          `password-file = "mail-password"\nca-file = "${certificate.caFile}"\n`,
      );
      assert.match(await machine.run(NATIVE, "alert", "test"), /^sent {2}mail to a@b\.c by localhost$/m);
      assert.deepEqual(received.map(({ user, secure }) => [user, secure]), [["me", true]]);
    });
  }));

/** What a watch that rests may take: memory in KiB, and its share of one processor. */
const RESTING = { memory: 80 * 1024, cpu: 0.005 };
/** Of processor times in /proc/PID/stat, in seconds (proc(5); 100 a second on all our targets). */
const TICK = 0.01;

async function cpuSeconds(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK;
}

/** Whether all of so many files are in a store. */
async function isStored(user: User, files: number): Promise<boolean> {
  if (!await stat(user.home).then(() => true, () => false)) return false;
  const status = await user.json("status") as { files?: number; unprotected?: { contents: number } };
  return status.files === files && status.unprotected?.contents === 0;
}

test(
  "a watch that rests takes under 80 MB and next to no processor time",
  options,
  () =>
    withUser(async (user) => {
      for (let i = 0; i < 200; i++) {
        await mkdir(user.path("Photos", String(i)), { recursive: true });
        await writeFile(user.path("Photos", String(i), "a.jpg"), pseudoRandom(3000, i));
      }
      const watch = startWatch(user, user.path("Photos"), { program: [await binary(NATIVE), "watch"] });
      try {
        await until(() => isStored(user, 200));
        await new Promise((resolve) => setTimeout(resolve, 4000));
        const before = await cpuSeconds(watch.pid);
        await new Promise((resolve) => setTimeout(resolve, 10_000));
        const cpu = (await cpuSeconds(watch.pid) - before) / 10;
        const kib = Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${watch.pid}/status`, "utf8"))?.[1]);
        console.log(`a watch that rests takes ${kib} KiB and ${(cpu * 100).toFixed(1)} % of a processor`);
        assert.ok(kib > 0 && kib < RESTING.memory, `${kib} KiB`);
        assert.ok(cpu <= RESTING.cpu, `${cpu}`);
      } finally {
        await watch.stop();
      }
    }),
);
