/** `config.toml`: every key, and every mistake with its line. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ColdframeError, hasCode } from "../../lib/errors.ts";
import { NO_ALERTS } from "../../lib/home/config-alerts.ts";
import { DEFAULT_CHECKS } from "../../lib/home/config-checks.ts";
import { DEFAULT_CONFIG, parseConfig, renderConfig } from "../../lib/home/config.ts";

test("an empty file is the defaults", () => {
  assert.deepEqual(parseConfig("", "config.toml"), DEFAULT_CONFIG);
  assert.deepEqual(DEFAULT_CONFIG, {
    staging: undefined,
    cold: undefined,
    volumeSize: 5_000_000_000,
    udf: true,
    sources: [],
    ignore: [],
    catalog: undefined,
    limitRate: undefined,
    stagingLimit: undefined,
    prices: undefined,
    mirrors: [],
    checks: DEFAULT_CHECKS,
    alerts: NO_ALERTS,
  });
});

test("every key can be set", () => {
  const text = `
staging = "file:/mnt/usb/store"
cold = "s3://bucket/prefix"
volume-size = "4.5Gi"
udf = false
sources = ["/home/me/Pictures", "/home/me/Videos"]
ignore = ["*.tmp"]
catalog = "libsql://photos.example.org"
limit-rate = "2M"
staging-limit = "10G"
prices = "prices.json"

[checks]
volumes = "2w"

[alerts]
digest = false
`;
  assert.deepEqual(parseConfig(text, "config.toml"), {
    staging: "file:/mnt/usb/store",
    cold: "s3://bucket/prefix",
    volumeSize: 4_831_838_208,
    udf: false,
    sources: ["/home/me/Pictures", "/home/me/Videos"],
    ignore: ["*.tmp"],
    catalog: "libsql://photos.example.org",
    limitRate: { otherwise: 2_000_000, windows: [] },
    stagingLimit: 10_000_000_000,
    prices: "prices.json",
    mirrors: [],
    checks: { ...DEFAULT_CHECKS, volumes: 14 * 86_400_000 },
    alerts: { ...NO_ALERTS, digest: false },
  });
});

test("a volume size may be a plain number of bytes", () => {
  assert.equal(parseConfig("volume-size = 700000000", "config.toml").volumeSize, 700_000_000);
});

/** Text → what the error says. The mistake is always on line 2. */
const MISTAKES: readonly [text: string, says: RegExp][] = [
  [`volumesize = "5G"`, /unknown key "volumesize"; did you mean "volume-size"\?/],
  [`stagin = "file:/x"`, /unknown key "stagin"; did you mean "staging"\?/],
  [`"colt" = "file:/x"`, /unknown key "colt"; did you mean "cold"\?/],
  [`something = 1`, /unknown key "something"; the keys are staging, cold, /],
  [`[stores]`, /unknown key "stores"; the keys are/],
  [`constructor = 1`, /unknown key "constructor"; the keys are/],
  [`volume-size = "5X"`, /volume-size: "5X" is not a size/],
  [`volume-size = "1k"`, /volume-size: 1k is too small/],
  [`volume-size = true`, /volume-size must be a size such as "5G"/],
  [`volume-size = -5`, /volume-size: "-5" is not a size/],
  [`staging = 5`, /staging must be a text in quotes/],
  [`cold = ""`, /cold must be a text in quotes/],
  [`udf = "no"`, /udf must be true or false/],
  [`sources = "/home/me"`, /sources must be a list of texts/],
  [`ignore = [1]`, /ignore must be a list of texts/],
  [`limit-rate = "fast"`, /cannot use the rate "fast"/],
  [`checks = 5`, /checks must be a table: a line \[checks\]/],
  [`checks = { volume = "1d" }`, /unknown key "volume" in \[checks\]; the keys are staging, volumes, /],
  [`checks = { volumes = 30 }`, /checks\.volumes must be a time such as "12h", "30d" or "2w", or "never"/],
  [`checks = { volumes = "0d" }`, /checks\.volumes must be a time/],
  [`checks = { volumes = "1 month" }`, /checks\.volumes must be a time/],
  [`alerts = 5`, /alerts must be a table: a line \[alerts\]/],
  [`alerts = { sms = 1 }`, /unknown key "sms" in \[alerts\]; the keys are mail, ntfy, webhook, ping, digest/],
  [`alerts = { digest = 1 }`, /alerts\.digest must be true or false/],
  [`[alerts.mail]`, /alerts\.mail\.host is missing/],
  [`alerts.mail = { host = "h" }`, /alerts\.mail\.to is missing/],
  [`alerts.mail = { host = "h", to = "me" }`, /alerts\.mail\.to: "me" is not a mail address/],
  [`alerts.mail = { host = "h", to = "a@b\\nBcc: c@d" }`, /alerts\.mail\.to: .* is not a mail address/],
  [`alerts.mail = { host = "h", to = "a@b", port = 0 }`, /alerts\.mail\.port must be a number from 1 to/],
  [`alerts.mail = { host = "h", to = "a@b", security = "ssl" }`, /security must be "starttls", "tls" or/],
  [`alerts.mail = { host = "h", to = "a@b", password = "x" }`, /unknown key "password" in \[alerts\.mail\]/],
  [`alerts.ntfy = { url = "ntfy.sh/x" }`, /alerts\.ntfy\.url must be a web address/],
  [`alerts.webhook = { header = "a b" }`, /alerts\.webhook\.header must be the name of a header/],
  [`alerts.ping = { url = "https://hc-ping.com/x" }`, /forge pings: put the address into a file/],
  [`checks = { reread = "never" }`, /checks\.reread cannot be "never"/],
  [`catalog = ["a"]`, /catalog must be a text in quotes/],
  [`staging = file:/mnt/usb`, /./],
  [`staging = "file:/mnt`, /./],
  [`staging`, /./],
  [`cold = "a"\ncold = "b"`, /./],
];

for (const [text, says] of MISTAKES) {
  test(`${JSON.stringify(text)} is a mistake on its line`, () => {
    const line = text.includes("\n") ? 3 : 2;
    assert.throws(
      () => parseConfig(`# a comment\n${text}\n`, "/home/me/config.toml"),
      (error) => {
        assert.ok(hasCode(error, "config"), String(error));
        assert.match(error.message, new RegExp(`^/home/me/config\\.toml, line ${line}: `));
        assert.match(error.message, says);
        assert.doesNotMatch(error.message, /\n/);
        return error.hint !== undefined;
      },
    );
  });
}

test("a mistake on a key that is also in a comment is named on its own line", () => {
  const text = `# cold = "file:/x"\nudf = true\ncold = 5\n`;
  assert.throws(
    () => parseConfig(text, "c"),
    (error) => error instanceof ColdframeError && /line 3/.test(error.message),
  );
});

test("what init writes can be read, and says what was chosen", () => {
  fc.assert(fc.property(
    fc.record({
      staging: fc.option(fc.string({ minLength: 1 }), { nil: undefined }),
      cold: fc.option(fc.string({ minLength: 1 }), { nil: undefined }),
      sources: fc.array(fc.string()),
    }),
    (choices) => {
      const config = parseConfig(renderConfig({ ...choices, volumeSize: "2G" }), "config.toml");
      assert.deepEqual(config, { ...DEFAULT_CONFIG, ...choices, volumeSize: 2_000_000_000 });
    },
  ));
});

test("every example in what init writes is right when its # is taken away", () => {
  const text = renderConfig({}).replace(/^# (?=[a-z-]+ = )/gm, "");
  const config = parseConfig(text, "config.toml");
  assert.notEqual(config.staging, undefined);
  assert.notEqual(config.catalog, undefined);
  assert.equal(config.ignore.length > 0 && config.sources.length > 0, true);
});

test("mail needs a host and an address; the rest is what most servers want", () => {
  const mail = (text: string) => parseConfig(`[alerts.mail]\nhost = "h"\n${text}`, "c").alerts.mail;
  const usual = {
    host: "h",
    port: 587,
    security: "starttls",
    user: undefined,
    passwordFile: undefined,
    from: "a@b.c",
    to: ["a@b.c"],
    caFile: undefined,
  };
  assert.deepEqual(mail(`to = "a@b.c"`), usual);
  assert.deepEqual(mail(`user = "a@b.c"`), { ...usual, user: "a@b.c" });
  assert.deepEqual(mail(`to = ["a@b.c", "Bo <d@e.f>"]\nsecurity = "tls"`), {
    ...usual,
    port: 465,
    security: "tls",
    to: ["a@b.c", "Bo <d@e.f>"],
  });
});

test("the alerts in what init writes are right when their # is taken away", () => {
  const text = renderConfig({}).replace(/^[^]*(?=# \[alerts\.mail\])/, "").replace(/^# /gm, "");
  const { mail, ntfy, ping } = parseConfig(text, "config.toml").alerts;
  assert.deepEqual([mail?.to, ntfy?.url, ping?.urlFile], [
    ["me@example.org"],
    "https://ntfy.example.org/photos",
    "ping-url",
  ]);
});
