/**
 * Google's Python library judges the sessions, since it is the one client that heeds how much of a part was
 * kept. It is large, so it only comes where COLDFRAME_TEST_PYTHON names a Python that has
 * google-api-python-client.
 */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import process from "node:process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { pseudoRandom, run, withFolder } from "../../tools.ts";
import type { Exchange } from "./http.ts";
import { withDrive } from "./server.ts";

const PYTHON = process.env["COLDFRAME_TEST_PYTHON"];
const QUANTUM = 256 * 1024;

const UPLOAD = `
import sys
from googleapiclient.discovery import build
from googleapiclient.http import MediaFileUpload
from google.api_core.client_options import ClientOptions
from google.oauth2.credentials import Credentials
origin, token, path = sys.argv[1:]
drive = build("drive", "v3", credentials=Credentials(token), client_options=ClientOptions(api_endpoint=origin + "/drive/v3/"))
media = MediaFileUpload(path, mimetype="application/octet-stream", chunksize=512 * 1024, resumable=True)
request = drive.files().create(body={"name": "a.bin"}, media_body=media, fields="id,sha256Checksum")
# api_endpoint does not move the address of uploads.
request.uri = origin + request.uri[request.uri.index("/upload/"):]
sent = []
answer = None
while answer is None:
    status, answer = request.next_chunk()
    sent.append(request.resumable_progress)
print(answer["sha256Checksum"], *sent)
`;

const isPart = ({ url }: Exchange) => url.searchParams.has("upload_id");

test(`Google's Python library goes on from what a session kept${PYTHON === undefined ? " (left out)" : ""}`, {
  timeout: 180_000,
}, async () => {
  if (PYTHON === undefined) return;
  await withFolder((folder) =>
    withDrive(async (server) => {
      const [path, script] = [join(folder, "a.bin"), join(folder, "judge.py")];
      const body = pseudoRandom(5 * QUANTUM + 77);
      await writeFile(path, body);
      await writeFile(script, UPLOAD);
      server.world.addUser("ada@example.com");
      const token = server.world.accessToken("ada@example.com", "app", [
        "https://www.googleapis.com/auth/drive",
      ]);
      server.faults.add(isPart, { kind: "keep", bytes: QUANTUM });
      const { stdout } = await run(PYTHON, [script, server.origin, token, path]);
      const [sha256, ...sent] = stdout.trim().split(" ");
      assert.equal(server.faults.waiting, 0);
      assert.equal(sha256, createHash("sha256").update(body).digest("hex"));
      assert.deepEqual(sent.slice(0, 2), [String(QUANTUM), String(3 * QUANTUM)]);
    })
  );
});
