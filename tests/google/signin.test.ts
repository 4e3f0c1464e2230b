/** Signing in: the loopback flow, the pasted address, and everything that must not sign anybody in. */

import assert from "node:assert/strict";
import { readdir, readFile, stat } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import process from "node:process";
import { beginAttempt, codeChallenge, pasteBack, readRedirect } from "../../lib/store/google/attempt.ts";
import { parseOAuthClient } from "../../lib/store/google/credentials.ts";
import { endpoints } from "../../lib/store/google/endpoints.ts";
import { DRIVE_FILE_SCOPE, signIn } from "../../lib/store/google/google.ts";
import type { StoreContext } from "../../lib/store/context.ts";
import { addressOf, type DriveServer, withDrive } from "../servers/drive/server.ts";
import type { Client } from "../servers/drive/world.ts";
import { contextOf, keepClient } from "../store/drive_world.ts";
import { rejectsWith } from "../store/conformance.ts";
import { withFolder } from "../tools.ts";
import { browse } from "./browser.ts";

interface Setting {
  readonly server: DriveServer;
  readonly home: string;
  readonly context: StoreContext;
  readonly client: Client;
}

/** A home with credentials.json, and ada at the browser. */
async function withHome(body: (setting: Setting) => Promise<void>, redirectUris?: string[]): Promise<void> {
  await withDrive((server) =>
    withFolder(async (home) => {
      server.world.addUser("ada@example.com");
      server.oauth.browserUser = "ada@example.com";
      const client = server.world.addClient("cold.apps.googleusercontent.com", redirectUris);
      await keepClient(home, client, redirectUris === undefined ? "installed" : "web");
      await body({ server, home, context: contextOf(server, home), client });
    })
  );
}

/** A port that was free a moment ago. */
function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = addressOf(server.address());
      server.close(() => resolve(port));
    });
  });
}

const open = (address: string) => browse(address).then(() => {});

test("the challenge is the one of RFC 7636, appendix B", () => {
  const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
  assert.equal(codeChallenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
});

test("the address asks for a code, for offline use, with PKCE and a state", () => {
  const attempt = beginAttempt(
    { ...parseOAuthClient(`{"installed":{"client_id":"c"}}`, "f"), clientSecret: "hidden" },
    "https://accounts.google.com/o/oauth2/v2/auth",
    "http://127.0.0.1:7777",
    ["a", "b"],
    (length) => new Uint8Array(length).fill(7),
  );
  const url = new URL(attempt.address);
  assert.equal(url.origin + url.pathname, "https://accounts.google.com/o/oauth2/v2/auth");
  assert.deepEqual(Object.fromEntries(url.searchParams), {
    response_type: "code",
    client_id: "c",
    redirect_uri: "http://127.0.0.1:7777",
    scope: "a b",
    state: "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc",
    code_challenge: codeChallenge("BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"),
    code_challenge_method: "S256",
    access_type: "offline",
    prompt: "consent",
  });
});

test("two sign-ins share neither state nor verifier", () => {
  const client = parseOAuthClient(`{"installed":{"client_id":"c"}}`, "f");
  const [a, b] = [1, 2].map(() => beginAttempt(client, "https://a/", "http://127.0.0.1:1", []));
  assert.notEqual(a?.state, b?.state);
  assert.notEqual(a?.verifier, b?.verifier);
  assert.notEqual(a?.state, a?.verifier);
});

test("a browser on this machine signs in, and the sign-in is kept for its user alone", () =>
  withHome(async ({ context, home, server }) => {
    const shown: string[] = [];
    const token = await signIn(context, {
      show: (address) => {
        shown.push(address);
        return open(address);
      },
    });
    assert.equal(shown.length, 1);
    assert.equal(token.account, "ada@example.com");
    assert.deepEqual(token.scopes, [DRIVE_FILE_SCOPE]);
    assert.equal(server.world.grants.size, 1);
    assert.deepEqual((await readdir(join(home, "google"))).sort(), ["credentials.json", "token.json"]);
    if (process.platform === "win32") return;
    assert.equal((await stat(join(home, "google", "token.json"))).mode & 0o777, 0o600);
  }));

test("a browser that asks for other things first does not end the sign-in", () =>
  withHome(async ({ context }) => {
    const token = await signIn(context, {
      show: async (address) => {
        const back = new URL(address).searchParams.get("redirect_uri");
        const statuses = [];
        for (
          const query of [
            "/favicon.ico",
            "/?code=stolen&state=guessed",
            "/?code=stolen",
            "/?error=access_denied",
          ]
        ) {
          const response = await fetch(back + query);
          await response.text();
          statuses.push(response.status);
        }
        assert.deepEqual(statuses, [404, 400, 400, 400]);
        await open(address);
      },
    });
    assert.equal(token.account, "ada@example.com");
  }));

test("the listener is gone after the sign-in", () =>
  withHome(async ({ context }) => {
    let port = 0;
    await signIn(context, {
      show: (address) => {
        port = Number(new URL(new URL(address).searchParams.get("redirect_uri") ?? "").port);
        return open(address);
      },
    });
    assert.notEqual(port, 0);
    const refused = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.on("connect", () => resolve(false)).on("error", () => resolve(true));
    });
    assert.ok(refused);
  }));

test("a user who declines is told so", () =>
  withHome(async ({ context, server }) => {
    server.oauth.browserUser = undefined;
    await assert.rejects(signIn(context, { show: open }), /access_denied/);
  }));

test("nobody at the browser ends the sign-in after its time", () =>
  withHome(async ({ context }) => {
    await assert.rejects(
      signIn(context, { show: () => {}, timeout: 0.05 }),
      /nobody signed in within 0.05 seconds/,
    );
  }));

test("an interrupted run stops waiting", () =>
  withHome(async ({ context }) => {
    const stop = new AbortController();
    const waiting = signIn({ ...context, signal: stop.signal }, {
      show: () => stop.abort(new Error("Ctrl-C")),
    });
    await assert.rejects(waiting, /Ctrl-C/);
  }));

test("a machine without a browser takes the address pasted back, line breaks and all", () =>
  withHome(async ({ context }) => {
    let address = "";
    const token = await signIn(context, {
      show: (shown) => {
        address = shown;
      },
      paste: async () => {
        // Where the browser runs, nothing listens at the redirect: the user copies it from the address bar.
        const response = await fetch(address, { redirect: "manual" });
        const back = response.headers.get("location") ?? "";
        return ` ${back.slice(0, 40)}\n${back.slice(40)} \n`;
      },
    });
    assert.equal(token.account, "ada@example.com");
  }));

test("a pasted address of another sign-in, a lone code and a declined one are refused", () => {
  const client = parseOAuthClient(`{"installed":{"client_id":"c"}}`, "f");
  const attempt = beginAttempt(client, "https://a/", "http://127.0.0.1:1", []);
  const right = `http://127.0.0.1:1/?state=${attempt.state}`;
  assert.equal(pasteBack(attempt, `${right}&code=4/0xyz`), "4/0xyz");
  for (const pasted of ["", "4/0xyz", "http://127.0.0.1:1/?state=other&code=4/0xyz", right]) {
    assert.throws(() => pasteBack(attempt, pasted), /not the address this sign-in was sent to/);
  }
  assert.throws(() => pasteBack(attempt, `${right}&error=access_denied`), /access_denied/);
  assert.equal(readRedirect(attempt, new URLSearchParams("code=x")).kind, "foreign");
});

test("a text from the address bar never gets into an error as it is", () => {
  const client = parseOAuthClient(`{"installed":{"client_id":"c"}}`, "f");
  const attempt = beginAttempt(client, "https://a/", "http://127.0.0.1:1", []);
  const evil = `http://127.0.0.1:1/?state=${attempt.state}&error=${encodeURIComponent("\u001b[31mrun this")}`;
  assert.throws(() => pasteBack(attempt, evil), /unknown error/);
});

test("a web client goes back to the loopback address that it registered, letter by letter", async () =>
  await withHome(async ({ context, server }) => {
    const token = await signIn(context, { show: open });
    assert.equal(token.account, "ada@example.com");
    assert.equal(server.world.grants.size, 1);
  }, ["https://example.com/cb", `http://localhost:${await freePort()}/oauth/`]));

test("a port and a path can be chosen", () =>
  withHome(async ({ context }) => {
    const redirectPort = await freePort();
    const show = (address: string) => {
      assert.equal(
        new URL(address).searchParams.get("redirect_uri"),
        `http://127.0.0.1:${redirectPort}/back`,
      );
      return open(address);
    };
    await signIn(context, { show, redirectPort, redirectPath: "/back" });
  }));

test("a grant without the access to Drive is not kept", () =>
  withHome(async ({ context, home, server }) => {
    const untick = async (address: string) => {
      const url = new URL(address);
      url.searchParams.set("scope", "openid");
      await open(url.href);
    };
    await assert.rejects(signIn(context, { show: untick }), /lacks the access to Drive/);
    assert.equal(server.world.grants.size, 1);
    assert.deepEqual(await readdir(join(home, "google")), ["credentials.json"]);
  }));

test("a code without its verifier is worth nothing", () =>
  withHome(async ({ context, home }) => {
    const swap = async (address: string) => {
      const url = new URL(address);
      url.searchParams.set("code_challenge", codeChallenge("x".repeat(43)));
      await open(url.href);
    };
    await assert.rejects(signIn(context, { show: swap }), /Invalid code verifier/);
    assert.deepEqual(await readdir(join(home, "google")), ["credentials.json"]);
  }));

test("no secret is in the address that the browser is sent to", () =>
  withHome(async ({ context, client, home }) => {
    let address = "";
    await signIn(context, {
      show: (shown) => {
        address = shown;
        return open(shown);
      },
    });
    const kept = JSON.parse(await readFile(join(home, "google", "token.json"), "utf8"));
    for (const secret of [client.clientSecret, kept.refresh_token, kept.access_token]) {
      assert.ok(!address.includes(secret));
    }
  }));

test("without credentials.json the way to get one is told", () =>
  withDrive((server) =>
    withFolder(async (home) => {
      await rejectsWith("store-denied", signIn(contextOf(server, home), { show: open }));
    })
  ));

test("what is no credentials.json is refused", () => {
  for (const text of ["", "{}", "[]", `{"installed":{}}`, `{"type":"service_account"}`, "{"]) {
    assert.throws(() => parseOAuthClient(text, "credentials.json"), /not the JSON of an OAuth client/);
  }
});

test("tokens go to no address without TLS but this machine's", () => {
  assert.throws(
    () => endpoints({ COLDFRAME_GOOGLE_TOKEN_URL: "http://example.com/token" }),
    /not an https address/,
  );
  assert.throws(() => endpoints({}, { tokenUri: "http://127.0.0.1.example.com/" }), /not an https address/);
  assert.equal(
    endpoints({}, { tokenUri: "https://oauth2.googleapis.com/token" }).api,
    "https://www.googleapis.com",
  );
});
