/** ntfy, webhook and ping against a server of ours: what they send, and what no error says. */

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { NotifyError } from "../../lib/notify/channel.ts";
import { openNtfy, shortened } from "../../lib/notify/ntfy.ts";
import { ping } from "../../lib/notify/ping.ts";
import { openWebhook } from "../../lib/notify/webhook.ts";
import { withRecorder } from "../servers/recorder.ts";
import { withFolder } from "../tools.ts";
import { contextIn, MESSAGE } from "./tools.ts";

const NOWHERE = "http://127.0.0.1:1";
const NTFY = { url: undefined, urlFile: undefined, tokenFile: undefined };
const WEBHOOK = { url: undefined, urlFile: undefined, header: "x-secret", secretFile: undefined };

test("ntfy gets topic, title, text, priority and the token", () =>
  withRecorder(async ({ url, requests }) => {
    const context = contextIn("/nowhere", { COLDFRAME_NTFY_TOKEN: "tk_1" });
    await openNtfy({ ...NTFY, url: `${url}/push/my%20topic` }, context).send(MESSAGE);
    const [request] = requests;
    assert.deepEqual([request?.method, request?.path], ["POST", "/push/"]);
    assert.equal(request?.headers["authorization"], "Bearer tk_1");
    assert.deepEqual(JSON.parse(request?.body ?? ""), {
      topic: "my topic",
      title: "damage: Pictures/a Bcc: eve@example.org .jpg – “schön”",
      message: MESSAGE.text,
      priority: 4,
    });
  }));

test("a long text is cut for ntfy between characters, and never longer than allowed", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 200 }), fc.integer({ min: 8 }), (text, n) => {
      const bytes = 8 + n % 100;
      const cut = shortened(text, bytes);
      assert.ok(new TextEncoder().encode(cut).length <= bytes);
      assert.ok(!cut.includes("\ufffd") || text.includes("\ufffd"));
      assert.ok(cut === text || (cut.endsWith("\n…") && text.startsWith(cut.slice(0, -2))));
    }),
  );
});

test("a webhook gets JSON with stable keys and the secret in its header", () =>
  withFolder((folder) =>
    withRecorder(async ({ url, requests }) => {
      await writeFile(join(folder, "secret"), "s3cret\n", { mode: 0o600 });
      await writeFile(join(folder, "address"), `${url}/hook?key=k\n`, { mode: 0o600 });
      const settings = { ...WEBHOOK, urlFile: "address", secretFile: "secret" };
      await openWebhook(settings, contextIn(folder)).send(MESSAGE);
      const [request] = requests;
      assert.deepEqual([request?.method, request?.path], ["POST", "/hook?key=k"]);
      assert.deepEqual([request?.headers["x-secret"], request?.headers["idempotency-key"]], [
        "s3cret",
        "0f3a-12",
      ]);
      const [problem] = MESSAGE.problems;
      assert.deepEqual(JSON.parse(request?.body ?? ""), {
        format: "coldframe-alert/1",
        ...MESSAGE,
        problems: [{ ...problem, hint: null, closed: null }],
      });
    })
  ));

test("pings go to the address, /start and /fail, with the query kept and nothing told", () =>
  withRecorder(async ({ url, requests }) => {
    const context = contextIn("/nowhere", { COLDFRAME_PING_URL: `${url}/uuid/?create=1` });
    for (const sign of ["start", "success", "fail"] as const) {
      await ping({ urlFile: undefined }, context, sign);
    }
    assert.deepEqual(requests.map(({ method, path, body }) => [method, path, body]), [
      ["GET", "/uuid/start?create=1", ""],
      ["GET", "/uuid/?create=1", ""],
      ["GET", "/uuid/fail?create=1", ""],
    ]);
  }));

/** Status → whether another message may fare better, and what to do. */
const ANSWERS: readonly [status: number, reason: string, hint: RegExp][] = [
  [400, "refused", /^$/],
  [413, "refused", /^$/],
  [401, "failed", /token or secret/],
  [403, "failed", /token or secret/],
  [404, "failed", /Nothing is at that address/],
  [429, "failed", /^$/],
  [500, "failed", /^$/],
  [301, "failed", /the address it leads to/],
];

for (const [status, reason, hint] of ANSWERS) {
  test(`an answer ${status} is a message that was not taken: ${reason}`, () =>
    withRecorder(async (recorder) => {
      recorder.status = status;
      const context = contextIn("/nowhere", { COLDFRAME_WEBHOOK_URL: `${recorder.url}/capability` });
      const error = await openWebhook(WEBHOOK, context).send(MESSAGE).catch((error) => error);
      assert.ok(error instanceof NotifyError);
      assert.deepEqual([error.reason, error.code], [reason, "alert"]);
      assert.match(error.hint ?? "", hint);
      assert.equal(recorder.requests.length, 1, "a redirect is not followed");
    }));
}

test("no error names more of an address than its host, not even where the error came from", async () => {
  const env = Object.fromEntries(
    ["PING", "NTFY", "WEBHOOK"].map((
      name,
    ) => [`COLDFRAME_${name}_URL`, `${NOWHERE}/capability?key=capability`]),
  );
  const context = contextIn("/nowhere", env);
  for (
    const attempt of [
      ping({ urlFile: undefined }, context, "start"),
      openNtfy(NTFY, context).send(MESSAGE),
      openWebhook(WEBHOOK, context).send(MESSAGE),
    ]
  ) {
    const error = await attempt.catch((error) => error);
    assert.ok(error instanceof NotifyError);
    assert.match(error.message, /at 127\.0\.0\.1:1 cannot be reached/);
    assert.doesNotMatch(`${error.stack} ${error.hint} ${String(error.cause)}`, /capability/);
  }
});

test("a token is not sent to another machine without encryption", async () => {
  const context = contextIn("/nowhere", { COLDFRAME_NTFY_TOKEN: "t", COLDFRAME_WEBHOOK_SECRET: "s" });
  const url = "http://push.example.org/topic";
  for (const channel of [openNtfy({ ...NTFY, url }, context), openWebhook({ ...WEBHOOK, url }, context)]) {
    await assert.rejects(channel.send(MESSAGE), /not sent to push\.example\.org without encryption/);
  }
});

test("an address that is missing or none at all is said so, without repeating it", async () => {
  await assert.rejects(
    ping({ urlFile: undefined }, contextIn("/nowhere"), "fail"),
    /address of the ping is not set/,
  );
  const context = contextIn("/nowhere", { COLDFRAME_PING_URL: "file:///capability" });
  await assert.rejects(ping({ urlFile: undefined }, context, "fail"), (error) => {
    assert.ok(error instanceof Error);
    assert.match(error.message, /is not a web address/);
    return !error.message.includes("capability");
  });
});
