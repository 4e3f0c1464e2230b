/** What gpg's status lines add up to, and which file an object of savethepictures holds. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseGpgStatus, pathOfGpg } from "../../lib/import/gpg.ts";

const PATHS = [
  ["IMG_1.jpg.gpg", "IMG_1.jpg"],
  ["2019/IMG_1.jpg.gpg", "2019/IMG_1.jpg"],
  ["a  b\nc.jpg.gpg", "a  b\nc.jpg"],
  ["letter.gpg.gpg", "letter.gpg"],
  ["IMG_1.jpg", undefined],
  [".gpg", undefined],
  ["2019/.gpg", undefined],
  ["IMG_1.jpg.GPG", undefined], // the script wrote it in small letters
] as const;

for (const [key, path] of PATHS) {
  test(`the object ${JSON.stringify(key)} holds ${JSON.stringify(path)}`, () => {
    assert.equal(pathOfGpg(key), path);
  });
}

// As GnuPG 2.2 of Debian wrote them.
const GOOD = `[GNUPG:] NEED_PASSPHRASE_SYM 9 3 2
[GNUPG:] BEGIN_DECRYPTION
[GNUPG:] DECRYPTION_INFO 2 9 0
[GNUPG:] PLAINTEXT 62 1795393851 
[GNUPG:] DECRYPTION_OKAY
[GNUPG:] GOODMDC
[GNUPG:] END_DECRYPTION
`;

test("a whole message is proven, and says when it was made", () => {
  const { proven, wrongPassphrase, date, said } = parseGpgStatus(GOOD);
  assert.deepEqual({ proven, wrongPassphrase, said }, { proven: true, wrongPassphrase: false, said: "" });
  assert.equal(date, 1795393851_000);
});

for (
  const [what, text] of [
    ["without an MDC", GOOD.replace("[GNUPG:] GOODMDC\n", "")],
    ["without a last word of success", GOOD.replace("[GNUPG:] DECRYPTION_OKAY\n", "")],
    ["that failed after it went well", GOOD + "[GNUPG:] DECRYPTION_FAILED\n"],
    ["with a bad MDC", GOOD.replace("GOODMDC", "BADMDC")],
    ["that gpg said nothing about", ""],
    ["whose file name claims success", "[GNUPG:] PLAINTEXT 62 1 DECRYPTION_OKAY%0A[GNUPG:] GOODMDC\n"],
  ] as const
) {
  test(`a message ${what} is not proven`, () => {
    assert.equal(parseGpgStatus(text).proven, false);
  });
}

test("a wrong passphrase is told from a broken message", () => {
  const text = "[GNUPG:] ERROR symkey_decrypt.maybe_error 11_BAD_PASSPHRASE\n[GNUPG:] DECRYPTION_FAILED\n" +
    "gpg: decryption failed: Bad session key\n";
  const status = parseGpgStatus(text);
  assert.equal(status.wrongPassphrase, true);
  assert.equal(status.said, "gpg: decryption failed: Bad session key");
});

test("a message without a date has none", () => {
  assert.equal(parseGpgStatus(GOOD.replace("1795393851", "0")).date, undefined);
});
