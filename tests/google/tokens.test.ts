/** Access tokens: renewed in time, once for all who ask, kept whole; and grants that end. */

import assert from "node:assert/strict";
import { chmod, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { StoreError } from "../../lib/errors.ts";
import type { StoreContext } from "../../lib/store/context.ts";
import { openTokenSource, signInState, signOut } from "../../lib/store/google/google.ts";
import { readToken, writeToken } from "../../lib/store/google/tokenfile.ts";
import { BACKEND, FRONTEND } from "../servers/drive/faults.ts";
import { serviceAccountKey } from "../servers/drive/keys.ts";
import { rejectsWith } from "../store/conformance.ts";
import { keepClient, type Setting, withSetting } from "../store/drive_world.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const REFRESH = /^POST \/token$/;

async function kept(context: StoreContext) {
  const token = await readToken(context);
  assert.ok(token !== undefined);
  return token;
}

test("a kept access token is used while it is good", () =>
  withSetting(async ({ context, server }) => {
    const source = await openTokenSource(context);
    assert.equal(await source.accessToken(), (await kept(context)).accessToken);
    assert.equal(server.count(REFRESH), 0);
  }));

test("a token is renewed before its time is up, and the new one kept for other runs", () =>
  withSetting(async ({ context, server }) => {
    const before = await kept(context);
    const source = await openTokenSource(context);
    server.world.now += 56 * MINUTE;
    const renewed = await source.accessToken();
    assert.notEqual(renewed, before.accessToken);
    const after = await kept(context);
    assert.equal(after.accessToken, renewed);
    assert.equal(after.refreshToken, before.refreshToken);
    assert.equal(after.granted, before.granted);
    assert.equal(await (await openTokenSource(context)).accessToken(), renewed);
    assert.equal(server.count(REFRESH), 1);
  }));

test("however many ask at once, the token is renewed once", () =>
  withSetting(async ({ context, server }) => {
    server.world.now += 2 * HOUR;
    const source = await openTokenSource(context);
    const tokens = await Promise.all(Array.from({ length: 20 }, () => source.accessToken()));
    assert.equal(new Set(tokens).size, 1);
    assert.equal(server.count(REFRESH), 1);
  }));

test("a token that another process renewed is taken over", () =>
  withSetting(async ({ context, server }) => {
    const [ours, theirs] = [await openTokenSource(context), await openTokenSource(context)];
    await ours.accessToken();
    server.world.now += 2 * HOUR;
    const renewed = await theirs.accessToken();
    assert.equal(await ours.accessToken(), renewed);
    assert.equal(server.count(REFRESH), 1);
  }));

test("a token that was refused early is renewed", () =>
  withSetting(async ({ context, server }) => {
    const source = await openTokenSource(context);
    const refused = await source.accessToken();
    source.refused(refused);
    assert.notEqual(await source.accessToken(), refused);
    assert.equal(server.count(REFRESH), 1);
  }));

test("trouble at the token endpoint may pass, and the kept sign-in stays", () =>
  withSetting(async ({ context, server }) => {
    server.world.now += 2 * HOUR;
    const source = await openTokenSource(context);
    const isRefresh = ({ url }: { url: URL }) => url.pathname === "/token";
    server.faults.add(isRefresh, { kind: "refuse", reply: BACKEND });
    server.faults.add(isRefresh, { kind: "refuse", reply: FRONTEND });
    for (let i = 0; i < 2; i++) {
      await assert.rejects(source.accessToken(), (error) => error instanceof StoreError && error.transient);
    }
    assert.ok(await source.accessToken());
  }));

test("a grant that Google ended after a week is named, with the way out for projects in Testing", () =>
  withSetting(async ({ context, server, client }) => {
    client.testing = true;
    const grant = server.world.grant("ada@example.com", client.clientId, []);
    await writeToken(context, { ...await kept(context), refreshToken: grant.refreshToken });
    server.world.now += 7 * DAY + 1;
    await assert.rejects((await openTokenSource(context)).accessToken(), (error) => {
      assert.ok(error instanceof StoreError && error.code === "store-denied" && !error.transient);
      assert.match(error.message, /Google ended the sign-in of 7 days ago \(invalid_grant\)/);
      assert.match(error.hint ?? "", /Testing .* “In production” .* coldframe auth google/);
      return true;
    });
    assert.ok(await kept(context), "the sign-in is kept, so that it can be looked at");
  }));

test("the same when the next run comes only a month later", () =>
  withSetting(async ({ context, server }) => {
    server.world.now += 30 * DAY;
    for (const grant of server.world.grants.values()) grant.revoked = true;
    await assert.rejects((await openTokenSource(context)).accessToken(), (error) => {
      assert.ok(error instanceof StoreError);
      assert.match(error.message, /of 30 days ago/);
      assert.match(error.hint ?? "", /Testing/);
      return true;
    });
  }));

test("a grant that was used for a year and then revoked is told as such", () =>
  withSetting(async ({ context, server }) => {
    server.world.now += 200 * DAY;
    await (await openTokenSource(context)).accessToken();
    server.world.now += 165 * DAY;
    for (const grant of server.world.grants.values()) grant.revoked = true;
    await assert.rejects((await openTokenSource(context)).accessToken(), (error) => {
      assert.ok(error instanceof StoreError);
      assert.match(error.hint ?? "", /revoked/);
      assert.doesNotMatch(error.hint ?? "", /Testing/);
      return true;
    });
  }));

test("an exchanged credentials.json asks for a new sign-in instead of a riddle", () =>
  withSetting(async ({ context, server, home }) => {
    await keepClient(home, server.world.addClient("another"));
    server.world.now += 2 * HOUR;
    await assert.rejects((await openTokenSource(context)).accessToken(), /belongs to another OAuth client/);
  }));

test("without a sign-in the way to get one is told", () =>
  withSetting(async ({ context, home }) => {
    const none = { ...context, home: join(home, "other") };
    await rejectsWith("store-denied", (await openTokenSource(none)).accessToken());
    assert.deepEqual(await signInState(none), { kind: "none" });
    assert.equal(await signOut(none), false);
  }));

test("a damaged token file is not taken for none", () =>
  withSetting(async ({ context, home }) => {
    for (const text of ["", "{", `{"refresh_token":1}`]) {
      await writeFile(join(home, "google", "token.json"), text);
      await assert.rejects(readToken(context), /token.json is damaged/);
    }
  }));

test("the token file is replaced whole, for its user alone, and nothing is left beside it", () =>
  withSetting(async ({ context, home }) => {
    const token = await kept(context);
    await Promise.all(
      Array.from({ length: 8 }, (_, i) => writeToken(context, { ...token, accessToken: `t${i}` })),
    );
    assert.match((await kept(context)).accessToken, /^t\d$/);
    assert.deepEqual((await readdir(join(home, "google"))).sort(), ["credentials.json", "token.json"]);
    if (process.platform === "win32") return;
    assert.equal((await stat(join(home, "google", "token.json"))).mode & 0o777, 0o600);
  }));

test("the state tells who, since when, and what will bite", () =>
  withSetting(async ({ context, server }) => {
    const { granted } = await kept(context);
    server.world.now = granted + 2 * DAY;
    const state = await signInState(context);
    assert.ok(state.kind === "user");
    assert.equal(state.account, "ada@example.com");
    assert.equal(state.age, 2 * DAY);
    const end = new Date(granted + 7 * DAY).toISOString().slice(0, 10);
    assert.ok(state.warning?.startsWith(`if the Google project is in Testing, the sign-in ends on ${end}`));
    server.world.now = granted + 8 * DAY;
    const later = await signInState(context);
    assert.equal(later.kind === "user" && later.warning, undefined);
    await writeToken(context, { ...await kept(context), grantExpires: granted + 7 * DAY });
    const ended = await signInState(context);
    assert.ok(ended.kind === "user" && ended.warning?.startsWith(`the sign-in ended on ${end}`));
  }));

test("signing out ends the grant at Google, then here", () =>
  withSetting(async ({ context, server }) => {
    const grants = [...server.world.grants.values()];
    assert.equal(await signOut(context), true);
    assert.deepEqual(grants.map(({ revoked }) => revoked), [true]);
    assert.equal(await readToken(context), undefined);
  }));

test("signing out of a grant that is gone already works; when Google is out of reach the sign-in stays", () =>
  withSetting(async ({ context, server }) => {
    server.faults.add(({ url }) => url.pathname === "/revoke", { kind: "drop" });
    await rejectsWith("store-unreachable", signOut(context));
    await kept(context);
    for (const grant of server.world.grants.values()) grant.revoked = true;
    assert.equal(await signOut(context), true);
    assert.equal(await readToken(context), undefined);
  }));

const ROBOT = "robot@coldframe-1234.iam.gserviceaccount.com";

async function withRobot(setting: Setting, env: Record<string, string> = {}): Promise<StoreContext> {
  const key = await serviceAccountKey(ROBOT);
  setting.server.world.addServiceAccount(ROBOT, key.publicKey);
  const path = join(setting.home, "key.json");
  await writeFile(path, JSON.stringify(key.file), { mode: 0o600 });
  return {
    ...setting.context,
    env: { ...setting.context.env, GOOGLE_APPLICATION_CREDENTIALS: path, ...env },
  };
}

test("a service account gets its token for a signed assertion", () =>
  withSetting(async (setting) => {
    const sent: string[] = [];
    const context = await withRobot(setting);
    const spy: typeof fetch = (input, init) => {
      sent.push(new URLSearchParams(String(init?.body)).get("assertion") ?? "");
      return fetch(input, init);
    };
    const source = await openTokenSource({ ...context, fetch: spy });
    const token = await source.accessToken();
    assert.equal(await source.accessToken(), token);
    assert.equal(source.kind, "service-account");
    const [assertion = ""] = sent;
    assert.deepEqual(decodeProtectedHeader(assertion), { alg: "RS256", typ: "JWT", kid: "0123456789abcdef" });
    const { iat = 0, ...claims } = decodeJwt(assertion);
    assert.deepEqual(claims, {
      scope: "https://www.googleapis.com/auth/drive",
      iss: ROBOT,
      aud: "https://oauth2.googleapis.com/token",
      exp: iat + 3600,
    });
    assert.deepEqual(sent.length, 1);
    assert.deepEqual(await signInState(context), {
      kind: "service-account",
      account: ROBOT,
      subject: undefined,
    });
  }));

test("a service account acts for a user only where the domain was delegated to it", () =>
  withSetting(async (setting) => {
    const context = await withRobot(setting, { COLDFRAME_GOOGLE_SUBJECT: "ada@example.com" });
    await assert.rejects((await openTokenSource(context)).accessToken(), (error) => {
      assert.ok(error instanceof StoreError && error.code === "store-denied");
      assert.match(error.hint ?? "", /delegate .* ada@example.com/);
      return true;
    });
    setting.server.oauth.delegated.add(ROBOT);
    const token = await (await openTokenSource(context)).accessToken();
    assert.equal(setting.server.world.principal(`Bearer ${token}`).account.email, "ada@example.com");
  }));

test("a key that Google does not know any more, or that is no key, is refused", () =>
  withSetting(async (setting) => {
    const context = await withRobot(setting);
    const other = await serviceAccountKey(ROBOT);
    setting.server.world.publicKeys.set(ROBOT, other.publicKey);
    await assert.rejects((await openTokenSource(context)).accessToken(), /Invalid JWT Signature/);
    const path = join(setting.home, "key.json");
    const file = JSON.parse(await readFile(path, "utf8"));
    await writeFile(path, JSON.stringify({ ...file, private_key: "-----BEGIN PRIVATE KEY-----\nAAAA\n" }));
    await assert.rejects((await openTokenSource(context)).accessToken(), (error) => {
      assert.ok(error instanceof StoreError);
      assert.doesNotMatch(`${error.message} ${error.cause}`, /AAAA/);
      return true;
    });
    await writeFile(path, `{"installed":{}}`);
    await rejectsWith("store-denied", openTokenSource(context));
  }));

test("a key file that others can read is used, but told", () =>
  withSetting(async (setting) => {
    if (process.platform === "win32") return;
    const context = await withRobot(setting);
    await openTokenSource(context);
    assert.deepEqual(setting.warnings, []);
    await chmod(join(setting.home, "key.json"), 0o644);
    await openTokenSource(context);
    assert.match(setting.warnings.join(), /can be read by others .* chmod 600/);
  }));
