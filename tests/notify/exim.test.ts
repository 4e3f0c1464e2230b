/** Mail against Debian's Exim: a server that we did not write. */

import assert from "node:assert/strict";
import { NotifyError } from "../../lib/notify/channel.ts";
import { openMail } from "../../lib/notify/mail.ts";
import type { MailSettings } from "../../lib/notify/settings.ts";
import { type Exim, EXIM_PASSWORD, EXIM_USER, withExim } from "../servers/exim.ts";
import { testWith } from "../tools.ts";
import { contextIn, MESSAGE } from "./tools.ts";

function settingsFor({ port, certificate }: Exim): MailSettings {
  return {
    host: "localhost",
    port,
    security: "starttls",
    user: EXIM_USER,
    passwordFile: undefined,
    from: "Photos <photos@example.org>",
    to: ["ada@example.org"],
    caFile: certificate.caFile,
  };
}

testWith(
  ["openssl", "exim4"],
  "Exim takes mail through STARTTLS and through implicit TLS, with a login, and delivers it",
  () =>
    withExim(async (exim) => {
      const settings = settingsFor(exim);
      const context = contextIn(exim.folder, { COLDFRAME_MAIL_PASSWORD: EXIM_PASSWORD });
      await openMail(settings, context).send(MESSAGE);
      await openMail({ ...settings, security: "tls", port: exim.tlsPort }, context).send(MESSAGE);
      const mails = await exim.mails(2);
      for (const mail of mails) {
        assert.match(mail, /^From: Photos <photos@example\.org>$/m);
        assert.match(mail, /^Message-ID: <0f3a-12@example\.org>$/mi);
        assert.doesNotMatch(mail, /^Bcc:/m);
        assert.match(mail, /^QUIT$/m);
      }
      const taken = (await exim.log()).split("\n").filter((line) => line.includes(" <= "));
      assert.equal(taken.length, 2);
      for (const line of taken) assert.match(line, /P=esmtpsa X=TLS1\.[23]:\S+ .*A=plain:me/);
    }),
);

testWith(
  ["openssl", "exim4"],
  "mail to Exim is refused by us for its certificate, and by it for the password",
  () =>
    withExim(async (exim) => {
      const settings = settingsFor(exim);
      const context = contextIn(exim.folder, { COLDFRAME_MAIL_PASSWORD: EXIM_PASSWORD });
      const untrusted = await openMail({ ...settings, caFile: undefined }, context).send(MESSAGE).catch((e) =>
        e
      );
      assert.ok(untrusted instanceof NotifyError);
      assert.match(untrusted.hint ?? "", /cannot prove who it is/);
      const wrong = contextIn(exim.folder, { COLDFRAME_MAIL_PASSWORD: "wrong" });
      const refused = await openMail(settings, wrong).send(MESSAGE).catch((e) => e);
      assert.ok(refused instanceof NotifyError);
      assert.match(refused.message, /535/);
      assert.match(refused.hint ?? "", /app password/);
      assert.doesNotMatch(await exim.log(), / <= /);
    }),
);
