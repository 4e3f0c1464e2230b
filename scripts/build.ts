/**
 * Builds the binary: one file with the program, its runtime and the native SQLite library inside.
 *
 *     deno task build                    for this machine
 *     deno task build linux-arm64 …      for others, on this machine; `all` for every one
 *
 * Runs under Bun, and is the only file that uses Bun's own API.
 */

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { arch, platform } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { within } from "../lib/json.ts";

/**
 * Our names of targets, Bun's, and the package that holds the native library. Bun's `baseline` runs on the
 * processors of old laptops and small boxes, which have no AVX2.
 */
const TARGETS: Readonly<
  Record<string, { readonly bun: string; readonly library: string; readonly suffix: string }>
> = {
  "linux-x64": { bun: "bun-linux-x64-baseline", library: "@libsql/linux-x64-gnu", suffix: "" },
  "linux-arm64": { bun: "bun-linux-arm64", library: "@libsql/linux-arm64-gnu", suffix: "" },
  "darwin-x64": { bun: "bun-darwin-x64", library: "@libsql/darwin-x64", suffix: "" },
  "darwin-arm64": { bun: "bun-darwin-arm64", library: "@libsql/darwin-arm64", suffix: "" },
  "windows-x64": { bun: "bun-windows-x64-baseline", library: "@libsql/win32-x64-msvc", suffix: ".exe" },
};

/** The loader of the `libsql` package picks its library at run time, which a single file cannot. */
const LOADER = "return require(`@libsql/${target}`);";

const ROOT = resolve(fileURLToPath(import.meta.url), "..", "..");

/** What goes into the program to load that library. */
const UNPACKER = join(ROOT, "scripts", "embedded-library.ts");

/** Files of the folder where it is started, often a folder of photos, are not settings of the program. */
const ALONE = {
  autoloadDotenv: false,
  autoloadBunfig: false,
  autoloadPackageJson: false,
  autoloadTsconfig: false,
};

/** Options of the runtime that are built in: `lib/garbage.ts` asks for a collection. */
const RUNTIME = ["--expose-gc"];

/** As much of Bun's API as is used here. */
interface BunApi {
  build(options: Record<string, unknown>): Promise<{ success: boolean; logs: readonly unknown[] }>;
}

function bunApi(): BunApi {
  const api: unknown = Reflect.get(globalThis, "Bun");
  if (typeof api === "object" && api !== null && "build" in api && typeof api.build === "function") {
    const { build } = api;
    return { build: (options) => Promise.resolve(Reflect.apply(build, api, [options])) };
  }
  throw new Error("scripts/build.ts runs under Bun: `deno task build`, or `bun scripts/build.ts`");
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, "utf8"));
}

/** The version and the checksum of a package, as pinned in deno.lock. */
function pinned(library: string): { readonly version: string; readonly integrity: unknown } {
  const packages = within(readJson(join(ROOT, "deno.lock")), "npm");
  for (const name of Object.keys(packages ?? {})) {
    const version = name.startsWith(`${library}@`) ? name.slice(library.length + 1) : undefined;
    if (version !== undefined) return { version, integrity: within(packages, name, "integrity") };
  }
  throw new Error(`deno.lock does not name ${library}`);
}

/** Puts the native library of a target below `dist/native`; the path of its `.node` file. */
function fetchLibrary(library: string): string {
  const { version, integrity } = pinned(library);
  const prefix = join(ROOT, "dist", "native", library.replace(/^.*\//, ""));
  rmSync(prefix, { recursive: true, force: true });
  mkdirSync(prefix, { recursive: true });
  const args = ["install", "--prefix", prefix, "--no-save", "--force", "--silent", "--ignore-scripts"];
  execFileSync("npm", [...args, `${library}@${version}`], { stdio: "inherit" });
  const installed = readJson(join(prefix, "node_modules", ".package-lock.json"));
  const found = within(installed, "packages", `node_modules/${library}`, "integrity");
  if (typeof found !== "string" || found !== integrity) {
    throw new Error(`${library}@${version} is not what deno.lock pins: ${found}`);
  }
  return join(prefix, "node_modules", library, "index.node");
}

/** A plugin that gives the loader this one library, and fails when the loader has changed. */
function embed(library: string): unknown {
  const replacement = `return require(${JSON.stringify(UNPACKER)}).lazyLibrary(require(${
    JSON.stringify(library)
  }));`;
  return {
    name: "embed-libsql",
    setup(builder: { onLoad(filter: { filter: RegExp }, load: (args: { path: string }) => unknown): void }) {
      builder.onLoad({ filter: /[\\/]libsql[\\/]index\.js$/ }, ({ path }) => {
        const text = readFileSync(path, "utf8");
        if (!text.includes(LOADER)) {
          throw new Error(`${path} does not load its library as expected: ${LOADER}`);
        }
        return { contents: text.replace(LOADER, () => replacement), loader: "js" };
      });
    },
  };
}

function git(...args: string[]): string {
  try {
    return execFileSync("git", args, { cwd: ROOT, encoding: "utf8" }).trim();
  } catch {
    return ""; // a release archive has no history
  }
}

async function build(name: string): Promise<void> {
  const target = TARGETS[name];
  if (target === undefined) {
    throw new Error(`unknown target ${name}; known: ${Object.keys(TARGETS).join(", ")}`);
  }
  const outfile = join(ROOT, "dist", `coldframe-${name}${target.suffix}`);
  const about = `${git("rev-parse", "--short", "HEAD")} ${git("show", "-s", "--format=%cs", "HEAD")}`.trim();
  const result = await bunApi().build({
    entrypoints: [join(ROOT, "scripts", "coldframe.ts")],
    target: "bun",
    minify: true,
    format: "esm", // the only one that keeps `await` at the top of the entry
    bytecode: true, // parsed here, not at every start, which then takes half as long
    define: { COLDFRAME_BUILD: JSON.stringify(about) },
    plugins: [embed(fetchLibrary(target.library))],
    loader: { ".node": "file" }, // a file to unpack, not a module for Bun to load
    compile: { ...ALONE, execArgv: RUNTIME, target: target.bun, outfile },
  });
  if (!result.success) throw new Error(`${name}: ${result.logs.map(String).join("\n")}`);
  process.stdout.write(`${outfile}\n`);
}

const HERE = `${platform() === "win32" ? "windows" : platform()}-${arch()}`;
const names = process.argv.slice(2);
const wanted = names.includes("all") ? Object.keys(TARGETS) : names;
for (const name of wanted.length > 0 ? wanted : [HERE]) await build(name);
