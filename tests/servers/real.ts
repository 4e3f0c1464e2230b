/** The S3 servers of others, one function each: start, make a bucket, run the body, leave nothing behind. */

import { AwsClient } from "aws4fetch";
import { startCeph } from "./ceph.ts";
import { type Daemons, type RealServer, withDaemons } from "./daemon.ts";
import { startMoto } from "./moto.ts";
import { startVersity } from "./versitygw.ts";

export { CEPH_TOOLS } from "./ceph.ts";
export type { RealServer } from "./daemon.ts";
export { MOTO_TOOLS } from "./moto.ts";
export { VERSITY_TOOLS } from "./versitygw.ts";

const KEYS = { accessKey: "AKIAREALSERVERTEST00", secretKey: "real+server/secret+key0000000000000000000" };
const REGION = "us-east-1";
const BUCKET = "coldframe-test";

/** Ceph RGW: signatures, body hashes, conditional writes. */
export async function withCeph<T>(body: (server: RealServer) => Promise<T>): Promise<T> {
  return await withServer((daemons) => startCeph(daemons, KEYS), body);
}

/** moto: storage classes and restores. */
export async function withMoto<T>(body: (server: RealServer) => Promise<T>): Promise<T> {
  return await withServer(startMoto, body);
}

/** versitygw: checksums, conditional writes. */
export async function withVersity<T>(body: (server: RealServer) => Promise<T>): Promise<T> {
  return await withServer((daemons) => startVersity(daemons, { ...KEYS, region: REGION }), body);
}

async function withServer<T>(
  start: (daemons: Daemons) => Promise<string>,
  body: (server: RealServer) => Promise<T>,
): Promise<T> {
  return await withDaemons(async (daemons) => {
    const endpoint = await start(daemons);
    await makeBucket(endpoint);
    return await body({ endpoint, region: REGION, ...KEYS, bucket: BUCKET });
  });
}

async function makeBucket(endpoint: string): Promise<void> {
  const client = new AwsClient({
    accessKeyId: KEYS.accessKey,
    secretAccessKey: KEYS.secretKey,
    region: REGION,
    service: "s3",
  });
  const response = await client.fetch(`${endpoint}/${BUCKET}`, { method: "PUT" });
  const text = await response.text();
  if (!response.ok) throw new Error(`the bucket cannot be made: ${response.status} ${text}`);
}
