/** What is looked at ahead of time, and warned of a week before it bites. */

import assert from "node:assert/strict";
import { appendFile, writeFile } from "node:fs/promises";
import { createServer } from "node:tls";
import { test } from "node:test";
import { certificateEnd } from "../../lib/jobs/certificate.ts";
import { clockTrouble } from "../../lib/jobs/server-clock.ts";
import { put } from "../cli/files.ts";
import { type User, withUser } from "../cli/harness.ts";
import { DAY, withDriveUser } from "../jobs/drive.ts";
import { withArchive } from "../jobs/s3-archive.ts";
import { type Certificate, makeCertificate } from "../servers/certificates.ts";
import { withMail } from "../servers/mail.ts";
import { withRecorder } from "../servers/recorder.ts";
import { testWith, withFolder } from "../tools.ts";
import type { Told } from "./told.ts";

/** Kinds of all that is warned of (`but` is left out), for a user whose alerts go to a webhook from now on. */
async function warnedOf(user: User, sync: () => Promise<unknown>, but?: string): Promise<string[]> {
  return await withRecorder(async (hook) => {
    user.env = { ...user.env, COLDFRAME_WEBHOOK_URL: hook.url };
    await sync();
    return hook.requests.flatMap(({ body }) => {
      const { problems }: Told = JSON.parse(body);
      return problems.map(({ kind, closed }) => closed === null ? kind : `${kind} over`);
    }).filter((kind) => kind !== but).sort();
  });
}

/** The Drive server of the tests has the clock of the real world in its answers. */
const CLOCK = "clock-off";

for (
  const [seconds, says] of [
    [59, undefined],
    [-59, undefined],
    [60, "our clock is 1 minutes behind the server's"],
    [-3600, "our clock is 60 minutes ahead of the server's"],
  ] as const
) {
  test(`a server that is ${seconds} s ahead: ${says ?? "the clocks agree"}`, () => {
    assert.equal(clockTrouble(seconds * 1000)?.message, says);
  });
}

test("a clock that differs from the store's is warned of, and over when it is set", () =>
  withArchive(async ({ user, server, stores }) => {
    await put(user, "Photos/a.jpg", "a");
    user.clock = server.now() - 5 * 60_000;
    const sync = () => user.ok("sync", user.path("Photos"), ...stores);
    assert.deepEqual(await warnedOf(user, sync), ["clock-off"]);
    server.advance(DAY);
    user.clock = server.now();
    assert.deepEqual(await warnedOf(user, sync), ["clock-off over"]);
  }));

test("a sign-in that Google ends within the week is warned of", () =>
  withDriveUser(async ({ user, server, client, pass }) => {
    await put(user, "Photos/a.jpg", "a");
    assert.deepEqual(await warnedOf(user, () => user.ok("sync", user.path("Photos")), CLOCK), []);
    client.testing = true;
    server.oauth.browserUser = "ada@example.com";
    user.answers = [async (shown) => {
      const address = /https?:\/\/\S+\/auth\?\S+/.exec(shown)?.[0] ?? "";
      return (await fetch(address, { redirect: "manual" })).headers.get("location") ?? "";
    }];
    await user.ok("auth", "google", "--no-browser");
    pass(DAY);
    assert.deepEqual(await warnedOf(user, () => user.ok("sync")), ["sign-in-ends"]);
  }));

test("a Drive with less room than makes a volume full is warned of, once a day at most", () =>
  withDriveUser(async ({ user, account, pass }) => {
    await put(user, "Photos/a.jpg", "a");
    const sync = () => user.ok("sync", user.path("Photos"));
    account.limit = 4_000_000_000;
    assert.deepEqual(await warnedOf(user, sync, CLOCK), ["staging-nearly-full"]);
    account.limit = 15_000_000_000;
    assert.deepEqual(await warnedOf(user, sync, CLOCK), [], "not looked at again on that day");
    pass(DAY);
    assert.deepEqual(await warnedOf(user, sync, CLOCK), ["staging-nearly-full over"]);
  }));

test("stores on a disk with less room than a volume are warned of", () =>
  withUser(async (user) => {
    await user.ok("init", "--yes", "--classic");
    await writeFile(
      user.path("home/config.toml"),
      `volume-size = "4000000G"\ncold = "file:${user.path("usb")}"\n`,
    );
    await put(user, "Photos/a.jpg", "a");
    const warned = await warnedOf(user, () => user.ok("sync", user.path("Photos")));
    assert.deepEqual(warned, ["staging-nearly-full", "store-nearly-full"]);
  }));

/** A server of which only the handshake matters. */
async function withTls<T>({ key, cert }: Certificate, body: (port: number) => Promise<T>): Promise<T> {
  const server = createServer({ key, cert }, (socket) => socket.on("error", () => {}).end());
  server.on("tlsClientError", () => {});
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  try {
    return await body(address.port);
  } finally {
    await new Promise((done) => server.close(done));
  }
}

testWith(
  ["openssl"],
  "the end of a certificate is read from TLS and from STARTTLS, without trusting it",
  () =>
    withFolder(async (folder) => {
      const certificate = await makeCertificate(folder, { days: 5 });
      const about = (end: number) => Math.round((end - Date.now()) / DAY);
      await withTls(certificate, async (port) => {
        assert.equal(about(await certificateEnd({ host: "localhost", port, security: "tls" })), 5);
      });
      await withMail({ certificate }, async ({ port, received }) => {
        assert.equal(about(await certificateEnd({ host: "localhost", port, security: "starttls" })), 5);
        assert.deepEqual(received, []);
      });
      await withMail({ certificate, muted: true }, async ({ port }) => {
        await assert.rejects(
          certificateEnd({ host: "localhost", port, security: "starttls" }),
          /cannot look at/,
        );
      });
      await assert.rejects(certificateEnd({ host: "localhost", port: 1, security: "tls" }), /localhost:1/);
    }),
);

testWith(
  ["openssl"],
  "a mail server whose certificate ends within the week is warned of, by mail, too",
  () =>
    withUser(async (user) => {
      await user.ok("init", "--yes", "--classic");
      const certificate = await makeCertificate(user.folder, { days: 5 });
      await withMail({ certificate }, async ({ port, received }) => {
        await appendFile(
          user.path("home/config.toml"),
          `\n[alerts.mail]\nhost = "localhost"\nport = ${port}\nto = "a@b.c"\nca-file = "${certificate.caFile}"\n`,
        );
        await put(user, "Photos/a.jpg", "a");
        assert.deepEqual(await warnedOf(user, () => user.ok("sync", user.path("Photos"))), [
          "certificate-ends",
        ]);
        assert.match(received[0]?.raw ?? "", /certificate of localhost:\d+ ends on/);
      });
    }),
);
