/** Google's own client library judges the server: requests as Google makes them, answers as Google reads them. */

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run, testWith } from "../../tools.ts";
import { installed } from "./npm.ts";
import { withDrive } from "./server.ts";

const TOOLS = ["node", "npm"];
/** The first run installs the library. */
const PATIENT = { timeout: 180_000 };
const LIBRARY = ["@googleapis/drive@22.0.0"];

/** Runs a script in node beside the library and gives the JSON it printed. */
async function judge(script: string, ...args: string[]): Promise<unknown> {
  const folder = await installed("googleapis", LIBRARY);
  const file = join(folder, `judge-${crypto.randomUUID()}.mjs`);
  await writeFile(file, script);
  try {
    const { stdout } = await run("node", [file, ...args]);
    return JSON.parse(stdout);
  } finally {
    await run("rm", [file]);
  }
}

const FILES = `
import { drive, auth } from "@googleapis/drive";
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
const [origin, token] = process.argv.slice(2);
const login = new auth.OAuth2();
login.setCredentials({ access_token: token });
const api = drive({ version: "v3", auth: login, rootUrl: origin + "/" });
const { data: { ids } } = await api.files.generateIds({ count: 3 });
const folder = await api.files.create({
  requestBody: { id: ids[0], name: "It's \\\\ mine", mimeType: "application/vnd.google-apps.folder", appProperties: { mark: "o'k" } },
});
const body = Buffer.alloc(300000, 7);
const file = await api.files.create({
  requestBody: { id: ids[1], name: "a.bin", parents: [ids[0]] },
  media: { mimeType: "application/octet-stream", body: Readable.from([body]) },
  fields: "id,size,md5Checksum,sha256Checksum,parents,appProperties",
}, { rootUrl: origin + "/" });
const again = await api.files.create({ requestBody: { id: ids[1], name: "a.bin" } }).catch((error) => error);
const update = await api.files.update({
  fileId: ids[1], requestBody: { appProperties: { key: "1", gone: "x" } }, fields: "appProperties",
});
await api.files.update({ fileId: ids[1], requestBody: { appProperties: { gone: null } } });
const q = "name = 'It\\\\'s \\\\\\\\ mine' and trashed = false and appProperties has { key='mark' and value='o\\\\'k' }";
const found = await api.files.list({ q, fields: "files(id)" });
const inside = await api.files.list({ q: "'" + ids[0] + "' in parents", fields: "files(id,appProperties)" });
const foreign = await api.files.list({ q: "modifiedTime > '2012-06-04T12:00:00'" }).catch((error) => error);
const part = await api.files.get({ fileId: ids[1], alt: "media" }, { responseType: "arraybuffer", headers: { Range: "bytes=5-9" } });
await api.files.update({ fileId: ids[0], requestBody: { trashed: true } });
const trashed = await api.files.get({ fileId: ids[1], fields: "trashed,explicitlyTrashed" });
await api.files.delete({ fileId: ids[0] });
const gone = await api.files.get({ fileId: ids[1] }).catch((error) => error);
const about = await api.about.get({ fields: "user(emailAddress),storageQuota" });
console.log(JSON.stringify({
  folder: folder.data.name, size: file.data.size, parents: file.data.parents[0] === ids[0],
  md5: file.data.md5Checksum === createHash("md5").update(body).digest("hex"),
  sha256: file.data.sha256Checksum === createHash("sha256").update(body).digest("hex"),
  again: [again.status, again.response.data.error.errors[0].reason],
  update: update.data.appProperties, found: found.data.files.length, inside: inside.data.files[0].appProperties,
  foreign: [foreign.status, foreign.response.data.error.errors[0].location],
  part: [part.status, part.data.byteLength], trashed: trashed.data,
  gone: [gone.status, gone.message], user: about.data.user.emailAddress, limit: about.data.storageQuota.limit,
  kept: gone.message.includes(ids[1]),
}));
`;

testWith(
  TOOLS,
  "Google's library makes, finds, reads, bins and removes files",
  () =>
    withDrive(async (server) => {
      server.world.addUser("ada@example.com");
      const scopes = ["https://www.googleapis.com/auth/drive.file"];
      const token = server.world.accessToken("ada@example.com", "app", scopes);
      const { gone, ...result } = Object(await judge(FILES, server.origin, token));
      assert.deepEqual(result, {
        folder: "It's \\ mine",
        size: "300000",
        parents: true,
        md5: true,
        sha256: true,
        again: [409, "fileIdInUse"],
        update: { key: "1", gone: "x" },
        found: 1,
        inside: { key: "1" },
        foreign: [400, "q"],
        part: [206, 5],
        trashed: { trashed: true, explicitlyTrashed: false },
        user: "ada@example.com",
        limit: "15000000000",
        kept: true,
      });
      assert.equal(gone[0], 404);
    }),
  PATIENT,
);

const SIGN_IN = `
import { drive, auth } from "@googleapis/drive";
const [origin, clientId, clientSecret] = process.argv.slice(2);
const redirectUri = "http://127.0.0.1:5555";
const login = new auth.OAuth2({
  clientId, clientSecret, redirectUri,
  endpoints: { oauth2AuthBaseUrl: origin + "/o/oauth2/v2/auth", oauth2TokenUrl: origin + "/token", oauth2RevokeUrl: origin + "/revoke" },
});
const { codeVerifier, codeChallenge } = await login.generateCodeVerifierAsync();
const url = login.generateAuthUrl({
  access_type: "offline", scope: "https://www.googleapis.com/auth/drive.file", state: "s1",
  code_challenge_method: "S256", code_challenge: codeChallenge,
});
const answer = await fetch(url, { redirect: "manual" });
const back = new URL(answer.headers.get("location"));
const code = back.searchParams.get("code");
const { tokens } = await login.getToken({ code, codeVerifier });
const stale = await login.getToken({ code, codeVerifier }).catch((error) => error);
login.setCredentials({ refresh_token: tokens.refresh_token });
const api = drive({ version: "v3", auth: login, rootUrl: origin + "/" });
const about = await api.about.get({ fields: "user" });
await login.revokeToken(tokens.refresh_token);
login.setCredentials({ refresh_token: tokens.refresh_token });
const revoked = await api.about.get({ fields: "user" }).catch((error) => error);
console.log(JSON.stringify({
  state: back.searchParams.get("state"), scope: tokens.scope, type: tokens.token_type,
  stale: stale.response.data.error, user: about.data.user.emailAddress, revoked: revoked.response.data.error,
}));
`;

testWith(
  TOOLS,
  "Google's library signs in with PKCE, refreshes, and meets a revoked grant",
  () =>
    withDrive(async (server) => {
      server.world.addUser("ada@example.com");
      server.oauth.browserUser = "ada@example.com";
      const { clientId, clientSecret } = server.world.addClient("app");
      assert.deepEqual(await judge(SIGN_IN, server.origin, clientId, clientSecret), {
        state: "s1",
        scope: "https://www.googleapis.com/auth/drive.file",
        type: "Bearer",
        stale: "invalid_grant",
        user: "ada@example.com",
        revoked: "invalid_grant",
      });
    }),
  PATIENT,
);
