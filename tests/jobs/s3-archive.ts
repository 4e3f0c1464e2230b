/** A user whose archive is in a bucket of the strict server, with volumes of several parts. */

import assert from "node:assert/strict";
import { mkdir, readdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { decryptAccess } from "../../lib/age/access.ts";
import { sha256Hex } from "../../lib/store/checksum.ts";
import type { RandomAccess } from "../../lib/types.ts";
import { type User, withUser } from "../cli/harness.ts";
import { verifyImage } from "../iso/verify.ts";
import { type S3Options, type S3Server, withS3 } from "../servers/s3/server.ts";
import { pseudoRandom } from "../tools.ts";

/** Bytes of a part of the s3: store. */
export const PART = 8 * 1024 * 1024;

/** How a server stalls. */
export interface Stalling {
  /** Called when an upload is begun. */
  meanwhile?(): void;
  /** How many requests must have come that are not answered; 1 unless said otherwise. */
  readonly stalled?: number;
}

/** A user, a bucket, and how they find each other. */
export class S3Archive {
  readonly user: User;
  readonly server: S3Server;
  readonly url: string;

  constructor(user: User, server: S3Server, query = "") {
    this.user = user;
    this.server = server;
    this.url = `s3://bucket/family?region=${server.region}&endpoint=${server.url}${query}`;
    user.env = {
      AWS_ACCESS_KEY_ID: server.accessKey,
      AWS_SECRET_ACCESS_KEY: server.secretKey,
      HOME: user.folder, // no ~/.aws of whoever runs the tests
    };
  }

  /** The flags that put everything into the bucket. */
  get stores(): string[] {
    return ["--cold", this.url, "--staging", this.url];
  }

  /** Keys of the objects below a folder of the store. */
  keys(folder: string): string[] {
    const all = [...this.server.buckets.get("bucket")?.objects.keys() ?? []];
    return all.filter((key) => key.startsWith(`family/${folder}`)).map((key) => key.slice("family/".length));
  }

  /** Uploads that are not finished. */
  get uploads(): number {
    return this.server.buckets.get("bucket")?.uploads.size ?? 0;
  }

  /** The SHA-256s of the parts of the uploads that are not finished. */
  get sentParts(): string[] {
    const uploads = [...this.server.buckets.get("bucket")?.uploads.values() ?? []];
    return uploads.flatMap(({ parts }) => [...parts.values()].map(({ sha256 }) => sha256));
  }

  /** Writes a file of a source; large ones of repeatable bytes. */
  async put(path: string, size: number, seed: number): Promise<void> {
    const full = this.user.path("Photos", path);
    await mkdir(dirname(full), { recursive: true });
    await writeFile(full, pseudoRandom(size, seed));
    const time = new Date("2024-05-01T10:00:00.123Z");
    await utimes(full, time, time);
  }

  /**
   * Ends the run, as Ctrl-C does, once the first so many parts are confirmed: the server answers no others,
   * up to three of which are on their way.
   */
  interruptAfterParts(parts: number, how?: Stalling): void {
    const controller = new AbortController();
    this.user.signal = controller.signal;
    void this.stallAfterParts(parts, how).then(() => controller.abort(new Error("killed")));
  }

  /** Lets the server answer the first so many parts and no others; waits until these are confirmed. */
  async stallAfterParts(parts: number, { meanwhile, stalled = 1 }: Stalling = {}): Promise<void> {
    let left = stalled;
    await new Promise<void>((stalling) =>
      this.server.faults.schedule(({ operation, part = 0 }) => {
        if (operation === "CreateMultipartUpload") meanwhile?.();
        const isLater = operation === "UploadPart" && part > parts;
        if (operation !== "CompleteMultipartUpload" && !isLater) return undefined;
        if (--left === 0) stalling();
        return { kind: "stall", when: "before" };
      })
    );
    while (await this.confirmedParts() < parts) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  /** Parts that the catalog knows to be confirmed. */
  async confirmedParts(): Promise<number> {
    const lines = (await this.user.ok("ls", "uploads", "--json")).split("\n").filter((line) => line !== "");
    return lines.reduce((sum, line) => sum + Number(JSON.parse(line).parts), 0);
  }

  /** Lets runs go on undisturbed. */
  calm(): void {
    this.server.faults.clear();
    this.user.signal = new AbortController().signal;
  }

  /**
   * The store must hold volumes whose images are right in every byte, nothing unfinished, and all the
   * files as they are now.
   */
  async assertWhole(volumes = 1): Promise<void> {
    const keys = this.keys("volumes/");
    assert.equal(keys.length, volumes, "volumes");
    for (const key of keys) assert.deepEqual(await verifyImage(await this.image(key)), [], key);
    assert.equal(this.keys("manifests/").length, volumes, "manifests");
    assert.equal(this.uploads, 0, "uploads left over");
    assert.deepEqual(this.server.crashes, []);
    const out = this.user.path(`out-${Math.random()}`);
    await this.user.ok("restore", "**", "--to", out);
    assert.deepEqual(await hashes(join(out, "Photos")), await hashes(this.user.path("Photos")));
  }

  /** The plaintext of a stored volume. */
  async image(key: string): Promise<RandomAccess> {
    const bytes = this.server.bytes("bucket", `family/${key}`);
    const object = {
      size: bytes.length,
      readAt: (at: number, length: number) =>
        Promise.resolve(new Uint8Array(bytes.subarray(at, at + length))),
    };
    if (!key.endsWith(".age")) return object;
    const identity = await readFile(this.user.path("home/keys/identity.txt"), "utf8");
    const identities = identity.split("\n").filter((line) => line.startsWith("AGE-SECRET-KEY"));
    return await decryptAccess(object, { identities });
  }
}

/** Runs `body` with a new user and an empty bucket. */
export function withArchive<T>(
  body: (archive: S3Archive) => Promise<T>,
  { query, ...options }: S3Options & { query?: string } = {},
): Promise<T> {
  return withUser((user) =>
    withS3({ buckets: ["bucket"], ...options }, (server) => body(new S3Archive(user, server, query)))
  );
}

/** The SHA-256 and time of every file below a folder. */
export async function hashes(root: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const { mtime } = await stat(path);
    found[path.slice(root.length + 1)] = `${mtime.toISOString()} ${sha256Hex(await readFile(path))}`;
  }
  return found;
}
