/** Mail from the command line on: settings, a server that is dead for a while, and what arrives in the end. */

import assert from "node:assert/strict";
import { appendFile, rename, writeFile } from "node:fs/promises";
import { put } from "../cli/files.ts";
import { withUser } from "../cli/harness.ts";
import { makeCertificate } from "../servers/certificates.ts";
import { freePort } from "../servers/daemon.ts";
import { withMail } from "../servers/mail.ts";
import { testWith } from "../tools.ts";

testWith(
  ["openssl"],
  "a mail server that is dead when something goes wrong gets the mail when it is back, once",
  () =>
    withUser(async (user) => {
      user.clock = Date.parse("2026-03-03T03:00:00Z");
      await user.ok("init", "--yes", "--classic");
      const certificate = await makeCertificate(user.folder);
      const port = await freePort();
      await writeFile(user.path("home/mail-password"), "correct horse\n", { mode: 0o600 });
      await appendFile(
        user.path("home/config.toml"),
        `\n[alerts.mail]\nhost = "localhost"\nport = ${port}\nuser = "me"\npassword-file = "mail-password"\n` +
          `from = "photos@example.org"\nto = "ada@example.org"\nca-file = "${certificate.caFile}"\n`,
      );
      await put(user, "Photos/a.jpg", "a");
      await user.ok("sync", user.path("Photos"));
      await rename(user.path("Photos"), user.path("Elsewhere"));
      const dead = await user.run("sync");
      assert.match(dead.err, /Warning: An alert was not sent; it is kept: mail by localhost:\d+: /);
      await withMail(
        { certificate, port, user: "me", password: "correct horse" },
        async ({ received, offered }) => {
          user.clock = (user.clock ?? 0) + 3_600_000;
          await user.run("sync");
          await user.run("sync");
          assert.deepEqual(received.map(({ to, user, secure }) => [to, user, secure]), [
            [["ada@example.org"], "me", true],
          ]);
          assert.match(received[0]?.raw ?? "", /^Subject: coldframe: warning: sync failed: /m);
          assert.match(await user.ok("alert", "test"), /^sent {2}mail to ada@example\.org by localhost$/m);
          assert.equal(received.length, 2);
          assert.deepEqual(offered, ["correct horse", "correct horse"]);
        },
      );
      await user.run("sync");
      assert.doesNotMatch(await user.ok("alert", "list"), /waits/);
    }),
);
