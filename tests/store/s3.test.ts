/** The `s3:` store against the suite of every store, on a strict server and on servers that know less. */

import { type Quirks, startS3 } from "../servers/s3/server.ts";
import { storeConformance } from "./conformance.ts";
import { openOn } from "./s3-open.ts";

function conformance(name: string, quirks: Quirks, query = ""): void {
  storeConformance(name, async () => {
    const server = await startS3({ quirks, buckets: ["bucket"] });
    return {
      store: await openOn(server, { query }),
      reopen: () => openOn(server, { query }),
      close: () => server.stop(),
    };
  });
}

conformance("s3", {});
conformance("s3 by CRC-64/NVME", { requireSignedPayload: true }, "&checksum=crc64nvme");
conformance("s3 that passes over checksums", { noChecksums: true });
conformance("s3 that refuses checksums, with opaque ETags", { refuseChecksums: true, opaqueEtags: true });
