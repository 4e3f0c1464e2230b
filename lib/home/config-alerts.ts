/** `[alerts]` in `config.toml`: whom to tell, and by which channels. Secrets stand elsewhere: see `lib/notify/`. */

import type {
  AlertSettings,
  MailSecurity,
  MailSettings,
  NtfySettings,
  PingSettings,
  WebhookSettings,
} from "../notify/settings.ts";

/** What holds where the settings say nothing: nobody is told. */
export const NO_ALERTS: AlertSettings = {
  mail: undefined,
  ntfy: undefined,
  webhook: undefined,
  ping: undefined,
  digest: true,
};

/** RFC 6409 and RFC 8314; 25 is for a server on the same machine. */
const PORTS: Readonly<Record<MailSecurity, number>> = { starttls: 587, tls: 465, none: 25 };

/**
 * Reads the table.
 *
 * @throws RangeError naming the key that is wrong
 */
export function parseAlerts(value: unknown): AlertSettings {
  const table = new Table("alerts", value, ["mail", "ntfy", "webhook", "ping", "digest"]);
  return {
    mail: table.part("mail", parseMail),
    ntfy: table.part("ntfy", parseNtfy),
    webhook: table.part("webhook", parseWebhook),
    ping: table.part("ping", parsePing),
    digest: table.flag("digest") ?? true,
  };
}

function parseMail(name: string, value: unknown): MailSettings {
  const keys = ["host", "port", "security", "user", "password-file", "from", "to", "ca-file"];
  const table = new Table(name, value, keys);
  const security = parseSecurity(table.text("security") ?? "starttls", name);
  const to = table.texts("to").map((one) => address(one, `${name}.to`));
  const user = table.text("user");
  const from = table.text("from") ?? (user !== undefined && /@/.test(user) ? user : to[0]);
  const host = table.text("host");
  if (host === undefined) throw new RangeError(`${name}.host is missing: the name of your mail server`);
  if (from === undefined) {
    throw new RangeError(`${name}.to is missing: where mail goes, such as "me@example.org"`);
  }
  return {
    host,
    port: table.port("port") ?? PORTS[security],
    security,
    user,
    passwordFile: table.text("password-file"),
    from: address(from, `${name}.from`),
    to: to.length > 0 ? to : [from],
    caFile: table.text("ca-file"),
  };
}

function parseSecurity(text: string, name: string): MailSecurity {
  if (text === "starttls" || text === "tls" || text === "none") return text;
  throw new RangeError(`${name}.security must be "starttls", "tls" or "none"`);
}

/** As much as keeps mistakes out: one address, with or without a name before it. */
function address(text: string, key: string): string {
  if (/^([^<>@\p{Cc},]*<[^<>@\s,]+@[^<>@\s,]+>|[^<>@\s,]+@[^<>@\s,]+)$/u.test(text)) return text;
  throw new RangeError(`${key}: ${JSON.stringify(text)} is not a mail address`);
}

function parseNtfy(name: string, value: unknown): NtfySettings {
  const table = new Table(name, value, ["url", "url-file", "token-file"]);
  return { url: table.url("url"), urlFile: table.text("url-file"), tokenFile: table.text("token-file") };
}

function parseWebhook(name: string, value: unknown): WebhookSettings {
  const table = new Table(name, value, ["url", "url-file", "header", "secret-file"]);
  const header = table.text("header") ?? "authorization";
  if (!/^[a-z0-9-]+$/i.test(header)) throw new RangeError(`${name}.header must be the name of a header`);
  return {
    url: table.url("url"),
    urlFile: table.text("url-file"),
    header,
    secretFile: table.text("secret-file"),
  };
}

function parsePing(name: string, value: unknown): PingSettings {
  if (typeof value === "object" && value !== null && "url" in value) {
    throw new RangeError(
      `${name}.url would let whoever reads this file forge pings: put the address into a file of mode 0600 and name it with url-file`,
    );
  }
  return { urlFile: new Table(name, value, ["url-file"]).text("url-file") };
}

/** A table of settings, with what is wrong in it said by its full name. */
class Table {
  readonly #name: string;
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(name: string, value: unknown, keys: readonly string[]) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new RangeError(`${name} must be a table: a line [${name}], and the settings below it`);
    }
    this.#name = name;
    this.#values = { ...value };
    const unknown = Object.keys(value).find((key) => !keys.includes(key));
    if (unknown === undefined) return;
    throw new RangeError(`unknown key "${unknown}" in [${name}]; the keys are ${keys.join(", ")}`);
  }

  part<T>(key: string, parse: (name: string, value: unknown) => T): T | undefined {
    const value = this.#values[key];
    return value === undefined ? undefined : parse(`${this.#name}.${key}`, value);
  }

  text(key: string): string | undefined {
    const value = this.#values[key];
    if (value === undefined) return undefined;
    if (typeof value === "string" && value !== "") return value;
    throw new RangeError(`${this.#name}.${key} must be a text in quotes`);
  }

  /** One text or a list of them. */
  texts(key: string): string[] {
    const value = this.#values[key];
    const list: unknown[] = value === undefined ? [] : Array.isArray(value) ? value : [value];
    return list.map((item) => {
      if (typeof item === "string") return item;
      throw new RangeError(`${this.#name}.${key} must be a text in quotes, or a list of such`);
    });
  }

  url(key: string): string | undefined {
    const text = this.text(key);
    if (text === undefined || URL.canParse(text) && /^https?:/.test(text)) return text;
    throw new RangeError(`${this.#name}.${key} must be a web address; it begins with https://`);
  }

  flag(key: string): boolean | undefined {
    const value = this.#values[key];
    if (value === undefined || typeof value === "boolean") return value;
    throw new RangeError(`${this.#name}.${key} must be true or false`);
  }

  port(key: string): number | undefined {
    const value = this.#values[key];
    if (value === undefined) return undefined;
    if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= 65_535) return value;
    throw new RangeError(`${this.#name}.${key} must be a number from 1 to 65535`);
  }
}
