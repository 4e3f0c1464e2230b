/** A mail server of this process, by the `smtp-server` package, that writes down what it is given. */

import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { text } from "node:stream/consumers";
import type { Certificate } from "./certificates.ts";

/** A mail that was taken. */
export interface Received {
  readonly from: string;
  readonly to: readonly string[];
  /** Header lines and body as they came. */
  readonly raw: string;
  readonly user: string | undefined;
  readonly secure: boolean;
}

/** What it is like. */
export interface MailServerOptions {
  readonly certificate: Certificate;
  /** TLS from the first byte. */
  readonly implicit?: boolean;
  /** Offers no STARTTLS, as a server does that somebody on the way has muted. */
  readonly muted?: boolean;
  readonly user?: string | undefined;
  readonly password?: string;
  /** Recipients that it refuses. */
  readonly refuse?: readonly string[];
  /** 0 for any free port. */
  readonly port?: number;
}

/** A server that runs. */
export interface MailServer {
  readonly port: number;
  readonly received: Received[];
  /** Passwords that were offered to it, right or wrong, also before any encryption. */
  readonly offered: string[];
}

/** Runs `body` with a mail server. */
export async function withMail<T>(
  options: MailServerOptions,
  body: (server: MailServer) => Promise<T>,
): Promise<T> {
  const received: Received[] = [];
  const offered: string[] = [];
  const server = new SMTPServer(settings(options, received, offered));
  server.on("error", () => {}); // a client that leaves in the middle of TLS is what some tests are about
  await new Promise<void>((done) => server.listen(options.port ?? 0, "127.0.0.1", () => done()));
  const address = server.server.address();
  if (address === null || typeof address === "string") throw new Error("the mail server has no port");
  try {
    return await body({ port: address.port, received, offered });
  } finally {
    await new Promise<void>((done) => server.close(() => done()));
  }
}

function settings(options: MailServerOptions, received: Received[], offered: string[]): SMTPServerOptions {
  const { certificate: { key, cert }, implicit, muted, user, password, refuse = [] } = options;
  return {
    key,
    cert,
    secure: implicit === true,
    allowInsecureAuth: true, // so that a client that gives its password away is seen to
    disabledCommands: [...(muted === true ? ["STARTTLS"] : []), ...(user === undefined ? ["AUTH"] : [])],
    authOptional: user === undefined,
    closeTimeout: 1000,
    onAuth({ username, password: given }, _session, done) {
      offered.push(given ?? "");
      if (username === user && given === password) done(null, { user: username });
      else done(new Error(`Invalid login, you said ${given}`));
    },
    onRcptTo({ address }, _session, done) {
      done(refuse.includes(address) ? new Error("no such user here") : null);
    },
    onData(stream, session, done) {
      text(stream).then((raw) => {
        const { mailFrom, rcptTo } = session.envelope;
        received.push({
          from: mailFrom === false ? "" : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          raw,
          user: session.user,
          secure: session.secure,
        });
        done();
      }, done);
    },
  };
}
