/** `install.sh` against a server that stands for the release page; the binaries are scripts. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { contents } from "../cli/files.ts";
import { testWith, withFolder } from "../tools.ts";

const SCRIPT = fileURLToPath(new URL("../../install.sh", import.meta.url));
const PROGRAM = '#!/bin/sh\necho "9.9.9"\n';
const NAMES = ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"].map((name) => `coldframe-${name}`);
const TOOLS = ["sh", "curl", "awk"];

/** Checksums that are right for a program, whatever is served. */
function sums(program: string): string {
  const sum = createHash("sha256").update(program).digest("hex");
  return NAMES.map((name) => `${sum}  ${name}\n`).join("");
}

/** Serves files by name while `body` runs. */
async function withRelease<T>(files: Record<string, string>, body: (url: string) => Promise<T>): Promise<T> {
  const server = createServer((request, response) => {
    const file = files[(request.url ?? "").slice(1)];
    response.writeHead(file === undefined ? 404 : 200).end(file);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  try {
    return await body(`http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

interface Outcome {
  readonly failed: boolean;
  readonly out: string;
  readonly err: string;
}

/** Runs the script into `bin`; `uname` says that this is the given machine. */
async function install(
  url: string,
  folder: string,
  machine = "Linux x86_64",
  script = SCRIPT,
): Promise<Outcome> {
  const [system, processor] = machine.split(" ");
  const fakes = join(folder, "fakes");
  await mkdir(fakes, { recursive: true });
  const uname = `#!/bin/sh\n[ "$1" = -s ] && echo ${system} || echo ${processor}\n`;
  await writeFile(join(fakes, "uname"), uname, { mode: 0o755 });
  const env = { PATH: `${fakes}:${process.env["PATH"]}`, HOME: folder, COLDFRAME_URL: url };
  return await new Promise((resolve) => {
    execFile("sh", [script], { env }, (error, out, err) => resolve({ failed: error !== null, out, err }));
  });
}

for (const [i, machine] of ["Linux x86_64", "Linux aarch64", "Darwin x86_64", "Darwin arm64"].entries()) {
  testWith(
    TOOLS,
    `on ${machine}, install.sh puts ${NAMES[i]} in place`,
    () =>
      withRelease(
        { [NAMES[i] ?? ""]: PROGRAM, SHA256SUMS: sums(PROGRAM) },
        (url) =>
          withFolder(async (folder) => {
            const { failed, out, err } = await install(url, folder, machine);
            assert.equal(failed, false, err);
            assert.match(out, /^Installed .*\/\.local\/bin\/coldframe 9\.9\.9\nAdd .* to your PATH/);
            assert.deepEqual(await readdir(join(folder, ".local/bin")), ["coldframe"]);
            assert.equal(await readFile(join(folder, ".local/bin/coldframe"), "utf8"), PROGRAM);
          }),
      ),
  );
}

const REFUSED: readonly { what: string; files: Record<string, string>; machine?: string; says: RegExp }[] = [
  {
    what: "a binary with another checksum",
    files: { "coldframe-linux-x64": `${PROGRAM}echo evil\n`, SHA256SUMS: sums(PROGRAM) },
    says: /is not what SHA256SUMS says/,
  },
  {
    what: "a binary that SHA256SUMS does not name",
    files: { "coldframe-linux-x64": PROGRAM, SHA256SUMS: "" },
    says: /does not name coldframe-linux-x64/,
  },
  {
    what: "a release without the binary",
    files: { SHA256SUMS: sums(PROGRAM) },
    says: /cannot download .*coldframe-linux-x64/,
  },
  { what: "a release without SHA256SUMS", files: {}, says: /cannot download .*SHA256SUMS/ },
  {
    what: "a binary that does not run here",
    files: { "coldframe-linux-x64": "#!/bin/sh\nexit 1\n", SHA256SUMS: sums("#!/bin/sh\nexit 1\n") },
    says: /does not run on this machine/,
  },
  {
    what: "a machine without a binary",
    files: {},
    machine: "Linux armv7l",
    says: /no binary for Linux on armv7l/,
  },
];

for (const { what, files, machine, says } of REFUSED) {
  testWith(
    TOOLS,
    `install.sh refuses ${what}, and keeps what is installed`,
    () =>
      withRelease(files, (url) =>
        withFolder(async (folder) => {
          await mkdir(join(folder, ".local/bin"), { recursive: true });
          await writeFile(join(folder, ".local/bin/coldframe"), "the old one");
          const before = await contents(join(folder, ".local"));
          const { failed, err } = await install(url, folder, machine);
          assert.equal(failed, true);
          assert.match(err, says);
          assert.deepEqual(await contents(join(folder, ".local")), before);
        })),
  );
}

testWith(
  TOOLS,
  "install.sh, cut short on its way, does nothing",
  () =>
    withRelease(
      { "coldframe-linux-x64": PROGRAM, SHA256SUMS: sums(PROGRAM) },
      (url) =>
        withFolder(async (folder) => {
          const whole = await readFile(SCRIPT, "utf8");
          const cut = join(folder, "cut.sh");
          await writeFile(cut, whole.slice(0, whole.lastIndexOf("\ninstall") + 1));
          await install(url, folder, undefined, cut);
          await assert.rejects(readdir(join(folder, ".local")), { code: "ENOENT" });
        }),
    ),
);
