/**
 * The strict server in a process of its own, which keeps digests and no bytes: for measuring the memory of
 * who sends to it. Prints its URL, and runs until it is killed or its standard input ends.
 */

import process from "node:process";
import { startS3 } from "./s3/server.ts";

const server = await startS3({ buckets: ["bucket"], bodies: "hash" });
process.stdout.write(`${server.url}\n`);
process.stdin.resume().once("end", () => void server.stop().then(() => process.exit(0)));
