/** What the user sets for each channel. Secrets are not among it: only where they are. */

/** How the line to a mail server is protected. `none` is for a server on this machine. */
export type MailSecurity = "starttls" | "tls" | "none";

/** `[alerts.mail]` */
export interface MailSettings {
  readonly host: string;
  readonly port: number;
  readonly security: MailSecurity;
  /** Who logs in; undefined for a server that asks for nothing. */
  readonly user: string | undefined;
  readonly passwordFile: string | undefined;
  readonly from: string;
  readonly to: readonly string[];
  /** A file of certificates in PEM that are trusted beside the usual ones: for a server with its own. */
  readonly caFile: string | undefined;
}

/** `[alerts.ntfy]` */
export interface NtfySettings {
  /** The address of the topic. */
  readonly url: string | undefined;
  /** A file that holds it, where knowing the topic is enough to read along. */
  readonly urlFile: string | undefined;
  readonly tokenFile: string | undefined;
}

/** `[alerts.webhook]` */
export interface WebhookSettings {
  readonly url: string | undefined;
  /** A file that holds it, where the address is itself a key. */
  readonly urlFile: string | undefined;
  /** The header that the secret goes into. */
  readonly header: string;
  readonly secretFile: string | undefined;
}

/** `[alerts.ping]` */
export interface PingSettings {
  readonly urlFile: string | undefined;
}

/** `[alerts]` */
export interface AlertSettings {
  readonly mail: MailSettings | undefined;
  readonly ntfy: NtfySettings | undefined;
  readonly webhook: WebhookSettings | undefined;
  readonly ping: PingSettings | undefined;
  /** Whether a summary is sent each month. */
  readonly digest: boolean;
}

/** Whether a host name is this machine itself. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i.test(host);
}
