/** The `s3:` store against the suite of every store, on a strict server and on servers that know less. */

import { openS3, type S3Options, type S3Store } from "../../lib/store/s3/s3.ts";
import { type Quirks, type S3Server, startS3 } from "../servers/s3/server.ts";
import { storeConformance } from "./conformance.ts";
import { testContext } from "./context.ts";

/** The smallest part that S3 takes. */
const PART = 5 * 1024 * 1024;

function open(server: S3Server, query = "", warn?: (message: string) => void): Promise<S3Store> {
  const url = `s3://bucket/some%20photos?region=${server.region}&endpoint=${server.url}${query}`;
  const env = {
    AWS_ACCESS_KEY_ID: server.accessKey,
    AWS_SECRET_ACCESS_KEY: server.secretKey,
    HOME: "/nowhere",
  };
  const options: S3Options = { partSize: PART };
  return openS3(url, testContext(warn === undefined ? { env } : { env, warn }), options);
}

function conformance(name: string, quirks: Quirks, query = "", warn?: (message: string) => void): void {
  storeConformance(name, async () => {
    const server = await startS3({ quirks });
    server.addBucket("bucket");
    return {
      store: await open(server, query, warn),
      reopen: () => open(server, query, warn),
      close: () => server.stop(),
    };
  });
}

conformance("s3", {});
conformance("s3 by CRC-64/NVME", { requireSignedPayload: true }, "&checksum=crc64nvme");
conformance("s3 that passes over checksums", { noChecksums: true });
conformance("s3 that refuses checksums, with opaque ETags", { refuseChecksums: true, opaqueEtags: true });
