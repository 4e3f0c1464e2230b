/** What an unfinished upload is to become, kept beside its bytes so that any process can go on with it. */

import { readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { utf8 } from "../../bytes.ts";
import { messageOf } from "../../errors.ts";
import { type ByteRange, partCount, partRange } from "../store.ts";
import type { Disk } from "./disk.ts";
import { undefinedIfAbsent, writeNewFile } from "./io.ts";

/** What `<token>.json` holds. */
export interface Plan {
  readonly key: string;
  /** Whether the object is for its owner only. */
  readonly secret: boolean;
  /** Bytes. */
  readonly size: number;
  readonly partSize: number;
  /** Ms since 1970. */
  readonly started: number;
}

/** Also a guard: a token is part of a path, and comes back from outside. */
const TOKEN = /^upload-[0-9a-f]{32}$/;

/** Whether a token may be one of ours. */
export function isToken(token: string): boolean {
  return TOKEN.test(token);
}

/** The token of a plan's file name, or undefined for any other file. */
export function tokenOfPlan(name: string): string | undefined {
  const token = name.endsWith(".json") ? name.slice(0, -".json".length) : "";
  return isToken(token) ? token : undefined;
}

/** The file that grows into the object. */
export function partPath(disk: Disk, token: string): string {
  return join(disk.temp, `${token}.part`);
}

/** The file of the plan. */
export function planPath(disk: Disk, token: string): string {
  return join(disk.temp, `${token}.json`);
}

/** The bytes of a part, or undefined when the object has no such part. */
export function partAt({ size, partSize }: Plan, index: number): ByteRange | undefined {
  const there = Number.isInteger(index) && index >= 0 && index < partCount(size, partSize);
  return there ? partRange(size, partSize, index) : undefined;
}

/** Writes a plan whole; its name is on the disk once `disk.syncTemp` returns. */
export async function writePlan(disk: Disk, token: string, plan: Plan): Promise<void> {
  const temp = disk.tempPath();
  await writeNewFile(temp, utf8(JSON.stringify(plan)), 0o666);
  await rename(temp, planPath(disk, token));
}

/** Undefined when it is not there, or not what we wrote. */
export async function readPlan(disk: Disk, token: string): Promise<Plan | undefined> {
  const path = planPath(disk, token);
  const text = await readFile(path, "utf8").catch(undefinedIfAbsent);
  if (text === undefined) return undefined;
  try {
    return parsePlan(JSON.parse(text));
  } catch (error) {
    disk.context.warn(`${path} is not a plan of an upload and is left alone: ${messageOf(error)}`);
    return undefined;
  }
}

function parsePlan(value: unknown): Plan {
  if (typeof value !== "object" || value === null) throw new TypeError("not an object");
  const { key, secret, size, partSize, started }: Partial<Record<string, unknown>> = { ...value };
  if (typeof key !== "string" || typeof secret !== "boolean") throw new TypeError("no key");
  if (!isCount(size) || !isCount(partSize) || partSize === 0 || !isCount(started)) {
    throw new TypeError("no sizes");
  }
  return { key, secret, size, partSize, started };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
