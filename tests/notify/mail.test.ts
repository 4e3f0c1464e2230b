/** Mail against the `smtp-server` package: TLS, login, and what is never said without them. */

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { NotifyContext } from "../../lib/notify/channel.ts";
import { NotifyError } from "../../lib/notify/channel.ts";
import { openMail } from "../../lib/notify/mail.ts";
import type { MailSettings } from "../../lib/notify/settings.ts";
import { type Certificate, makeCertificate } from "../servers/certificates.ts";
import { type MailServer, type MailServerOptions, withMail } from "../servers/mail.ts";
import { testWith, withFolder } from "../tools.ts";
import { contextIn, MESSAGE } from "./tools.ts";

const PASSWORD = "correct horse";

interface Setting {
  readonly folder: string;
  readonly certificate: Certificate;
  readonly server: MailServer;
  readonly settings: MailSettings;
  readonly context: NotifyContext;
}

/** A server that wants a login, and settings that fit it. */
function withServer(
  { host, ...options }: Partial<MailServerOptions> & { host?: string },
  body: (setting: Setting) => Promise<void>,
): Promise<void> {
  return withFolder(async (folder) => {
    const certificate = await makeCertificate(folder, host === undefined ? {} : { host });
    const all = { certificate, user: "me", password: PASSWORD, ...options };
    await withMail(all, (server) =>
      body({
        folder,
        certificate,
        server,
        context: contextIn(folder, { COLDFRAME_MAIL_PASSWORD: PASSWORD }),
        settings: {
          host: "localhost",
          port: server.port,
          security: options.implicit === true ? "tls" : "starttls",
          user: "me",
          passwordFile: undefined,
          from: "Photos <photos@example.org>",
          to: ["ada@example.org", "Bob <bob@example.org>"],
          caFile: certificate.caFile,
        },
      }));
  });
}

/** The error of a send that must fail. */
async function failure(settings: MailSettings, context: NotifyContext): Promise<NotifyError> {
  const error = await openMail(settings, context).send(MESSAGE).catch((error) => error);
  assert.ok(error instanceof NotifyError, String(error));
  assert.ok(!`${error.message} ${error.hint}`.includes(PASSWORD));
  return error;
}

for (const implicit of [false, true]) {
  testWith(
    ["openssl"],
    `mail goes through ${implicit ? "implicit TLS" : "STARTTLS"} with a login`,
    () =>
      withServer({ implicit }, async ({ server, settings, context }) => {
        await openMail(settings, context).send(MESSAGE);
        const [mail] = server.received;
        assert.deepEqual([mail?.user, mail?.secure, server.received.length], ["me", true, 1]);
        assert.deepEqual([mail?.from, mail?.to], ["photos@example.org", [
          "ada@example.org",
          "bob@example.org",
        ]]);
      }),
  );

  testWith(
    ["openssl"],
    `${
      implicit ? "implicit TLS" : "STARTTLS"
    } with a certificate that nobody trusts is refused, and hears no password`,
    () =>
      withServer({ implicit }, async ({ server, settings, context }) => {
        const error = await failure({ ...settings, caFile: undefined }, context);
        assert.match(error.hint ?? "", /cannot prove who it is.*ca-file/);
        assert.deepEqual([server.offered, server.received], [[], []]);
      }),
  );
}

testWith(
  ["openssl"],
  "a certificate for another name is refused",
  () =>
    withServer({ host: "mail.example.org" }, async ({ server, settings, context }) => {
      const error = await failure(settings, context);
      assert.match(error.hint ?? "", /cannot prove who it is/);
      assert.deepEqual([server.offered, server.received], [[], []]);
    }),
);

testWith(
  ["openssl"],
  "a server that offers no STARTTLS gets neither password nor mail",
  () =>
    withServer({ muted: true }, async ({ server, settings, context }) => {
      const error = await failure(settings, context);
      assert.match(error.hint ?? "", /security = "tls"/);
      assert.deepEqual([server.offered, server.received], [[], []]);
    }),
);

testWith(
  ["openssl"],
  "a wrong password is said to be one, and stays out of the error though the server repeats it",
  () =>
    withServer({ password: "another" }, async ({ server, settings, context }) => {
      const error = await failure(settings, context);
      assert.equal(error.reason, "failed");
      assert.match(error.hint ?? "", /app password/);
      assert.deepEqual([server.offered, server.received], [[PASSWORD], []]);
    }),
);

testWith(
  ["openssl"],
  "a newline in a subject makes no header, and a lone dot does not end the mail",
  () =>
    withServer({}, async ({ server, settings, context }) => {
      await openMail(settings, context).send(MESSAGE);
      const [head = "", ...body] = (server.received[0]?.raw ?? "").split("\r\n\r\n");
      assert.doesNotMatch(head, /^Bcc:/im);
      assert.deepEqual(server.received[0]?.to.includes("eve@example.org"), false);
      assert.match(head, /^Subject: .*damage/im);
      assert.match(head, /^Auto-Submitted: auto-generated$/im);
      assert.match(head, /^Message-ID: <0f3a-12@example\.org>$/im);
      assert.match(head, /^Date: Mon, 02 Mar 2026 08:00:00/im);
      assert.match(body.join(), /Pictures\/(Ü|=C3=9C)bung\.jpg/);
      assert.match(body.join(), /QUIT/);
    }),
);

testWith(
  ["openssl"],
  "a recipient that the server will not have is a refusal of this message",
  () =>
    withServer({ refuse: ["ada@example.org", "bob@example.org"] }, async ({ settings, context }) => {
      const error = await failure(settings, context);
      assert.equal(error.reason, "refused");
      assert.match(error.hint ?? "", /from and to/);
    }),
);

testWith(
  ["openssl"],
  "the password may stand in a file of mode 0600, and in no other",
  () =>
    withServer({}, async ({ folder, server, settings }) => {
      const path = join(folder, "mail-password");
      await writeFile(path, `${PASSWORD}\n`, { mode: 0o600 });
      const inFile = { ...settings, passwordFile: "mail-password" };
      await openMail(inFile, contextIn(folder)).send(MESSAGE);
      assert.equal(server.received.length, 1);
      await writeFile(join(folder, "open-to-all"), PASSWORD, { mode: 0o644 });
      const open = { ...settings, passwordFile: "open-to-all" };
      await assert.rejects(
        openMail(open, contextIn(folder)).send(MESSAGE),
        /others on this machine can read/,
      );
      await assert.rejects(openMail(settings, contextIn(folder)).send(MESSAGE), /password of me is not set/);
      assert.equal(server.received.length, 1);
    }),
);

testWith(
  ["openssl"],
  "a server that is not there is an error with the next thing to try",
  () =>
    withServer({}, async ({ settings, context }) => {
      const error = await failure({ ...settings, port: 1 }, context);
      assert.equal(error.reason, "failed");
      assert.match(error.message, /^mail by localhost:1: /);
      assert.match(error.hint ?? "", /port 465/);
    }),
);

testWith(
  ["openssl"],
  "mail without encryption goes to this machine only",
  () =>
    withServer({ muted: true, user: undefined }, async ({ server, settings, context }) => {
      const plain = { ...settings, security: "none" as const, user: undefined };
      await openMail(plain, context).send(MESSAGE);
      assert.equal(server.received.length, 1);
      const away = openMail({ ...plain, host: "mail.example.org" }, context);
      await assert.rejects(away.send(MESSAGE), /not sent to mail\.example\.org without encryption/);
    }),
);
