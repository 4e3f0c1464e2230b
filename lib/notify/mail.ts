/** Mail through SMTP (RFC 5321), by nodemailer. */

import { Buffer } from "node:buffer";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { rootCertificates } from "node:tls";
import { createTransport } from "nodemailer";
import { ColdframeError, messageOf, systemCode } from "../errors.ts";
import { type Channel, type Message, type NotifyContext, NotifyError, oneLine, PATIENCE } from "./channel.ts";
import { readSecret } from "./secret.ts";
import { isLoopback, type MailSettings } from "./settings.ts";

/** Opens the channel. Nothing is read or asked before something is sent. */
export function openMail(settings: MailSettings, context: NotifyContext): Channel {
  return {
    name: "mail",
    place: `${settings.to.join(", ")} by ${settings.host}`,
    send: (message) => send(settings, context, message),
  };
}

async function send(settings: MailSettings, context: NotifyContext, message: Message): Promise<void> {
  assertProtected(settings);
  const login = await loginOf(settings, context);
  const transport = createTransport({
    host: settings.host,
    port: settings.port,
    secure: settings.security === "tls",
    requireTLS: settings.security === "starttls",
    ignoreTLS: settings.security === "none",
    ...(login === undefined ? {} : { auth: login }),
    tls: await trustOf(settings, context),
    connectionTimeout: PATIENCE,
    greetingTimeout: PATIENCE,
    socketTimeout: PATIENCE,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const stop = () => transport.close();
  context.signal.addEventListener("abort", stop, { once: true });
  try {
    await transport.sendMail(mailOf(settings, message, context.now()));
  } catch (error) {
    context.signal.throwIfAborted();
    throw explain(error, settings, login?.pass);
  } finally {
    context.signal.removeEventListener("abort", stop);
    transport.close();
  }
}

/** What is sent; the date is that of sending, since readers sort by it. */
function mailOf({ from, to }: MailSettings, message: Message, now: number) {
  const { id, subject, text, urgency } = message;
  return {
    from: oneLine(from),
    to: to.map(oneLine),
    subject: oneLine(subject),
    text,
    date: new Date(now),
    messageId: `<${id}@${domainOf(from)}>`, // a copy sent after a crash is known for one (RFC 5322, 3.6.4)
    priority: urgency,
    headers: { "Auto-Submitted": "auto-generated" }, // no holiday notice shall answer (RFC 3834, 5)
  };
}

function domainOf(address: string): string {
  return /@([a-z0-9.-]+)/i.exec(address)?.[1] ?? "localhost";
}

/**
 * Without encryption, anybody on the way reads file names and passwords.
 *
 * @throws ColdframeError `config`
 */
function assertProtected({ security, host }: MailSettings): void {
  if (security !== "none" || isLoopback(host)) return;
  throw new ColdframeError("config", `mail is not sent to ${host} without encryption`, {
    hint: 'Set security = "starttls" or "tls" in [alerts.mail].',
  });
}

async function loginOf({ user, passwordFile }: MailSettings, context: NotifyContext) {
  if (user === undefined) return undefined;
  const variable = "COLDFRAME_MAIL_PASSWORD";
  const pass = await readSecret(context, { what: "the mail password", variable, file: passwordFile });
  if (pass !== undefined) return { user, pass };
  throw new ColdframeError("config", `the mail password of ${user} is not set`, {
    hint: `Set ${variable}, or name a file that holds it with password-file in [alerts.mail].`,
  });
}

async function trustOf({ caFile }: MailSettings, { home }: NotifyContext) {
  const minVersion = "TLSv1.2" as const; // RFC 8996 did away with what is older
  if (caFile === undefined) return { minVersion };
  const path = resolve(home, caFile);
  const own = await readFile(path, "utf8").catch((error) => {
    throw new ColdframeError("config", `cannot read certificates from ${path}: ${messageOf(error)}`);
  });
  return { minVersion, ca: [...rootCertificates, own] };
}

function explain(error: unknown, { host, port, security }: MailSettings, password?: string): NotifyError {
  const code = systemCode(error) ?? "";
  const said = withoutSecret(oneLine(messageOf(error)), password);
  const status: unknown = error instanceof Error ? Reflect.get(error, "responseCode") : undefined;
  const isTheMessage = ["EENVELOPE", "EMESSAGE"].includes(code) && typeof status === "number" &&
    status >= 500;
  return new NotifyError(isTheMessage ? "refused" : "failed", `mail by ${host}:${port}: ${said}`, {
    hint: hintFor(code, said, security),
  });
}

/** Some servers repeat what they were sent. */
function withoutSecret(text: string, password: string | undefined): string {
  if (password === undefined) return text;
  return text.replaceAll(password, "…").replaceAll(Buffer.from(password).toString("base64"), "…");
}

function hintFor(code: string, said: string, security: MailSettings["security"]): string {
  if (code === "EAUTH") return "Check user and password; many providers want an app password.";
  if (code === "EENVELOPE") return "Check from and to in [alerts.mail].";
  if (/certificate|altnames|self.signed|issuer/i.test(said)) {
    return "The server cannot prove who it is. If it is your own, name its certificate with ca-file.";
  }
  if (code === "ETLS" || /STARTTLS/.test(said)) {
    return 'The server offers no STARTTLS here; try port 465 with security = "tls".';
  }
  const other = security === "tls" ? 'port 587 with security = "starttls"' : 'port 465 with security = "tls"';
  return `Check host and port (perhaps ${other}). The message is kept and sent later.`;
}
