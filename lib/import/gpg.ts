/** What `gpg --status-fd` says (GnuPG, doc/DETAILS, "Format of the --status-fd output"). Pure. */

/** The file that an object of savethepictures holds: its key without `.gpg`; undefined for another object. */
export function pathOfGpg(key: string): string | undefined {
  const path = /^(.+)\.gpg$/s.exec(key)?.[1];
  return path === undefined || path.endsWith("/") ? undefined : path;
}

/** What the status lines of one decryption add up to. */
export interface GpgStatus {
  /** The whole message was decrypted, and its MDC (a SHA-1 of the plaintext, RFC 4880 §5.14) agreed. */
  readonly proven: boolean;
  readonly wrongPassphrase: boolean;
  /** When it was encrypted, ms since 1970, as the literal packet says; undefined where it does not. */
  readonly date: number | undefined;
  /** What gpg said beside the status lines, for the error message. */
  readonly said: string;
}

const PREFIX = "[GNUPG:] ";

/**
 * Reads what gpg wrote to a descriptor that carries both its status and its messages.
 *
 * Proven takes both DECRYPTION_OKAY and GOODMDC: an old message without an MDC decrypts, and a later word of
 * failure takes back an earlier one of success.
 */
export function parseGpgStatus(text: string): GpgStatus {
  const lines = text.split("\n");
  const status = lines.filter((line) => line.startsWith(PREFIX)).map((line) => line.slice(PREFIX.length));
  const has = (word: string) => status.some((line) => line === word || line.startsWith(`${word} `));
  const seconds = /^PLAINTEXT [0-9A-Fa-f]+ (\d+)/.exec(status.find((line) => /^PLAINTEXT /.test(line)) ?? "")
    ?.[1];
  const bad = ["DECRYPTION_FAILED", "BADMDC", "FAILURE", "NODATA", "UNEXPECTED"].some(has);
  return {
    proven: has("DECRYPTION_OKAY") && has("GOODMDC") && !bad,
    wrongPassphrase: status.some((line) => /^ERROR symkey_decrypt\S* \d*_?BAD_PASSPHRASE/.test(line)),
    date: seconds === undefined || seconds === "0" ? undefined : Number(seconds) * 1000,
    said: lines.filter((line) => line !== "" && !line.startsWith(PREFIX)).join("; "),
  };
}
