/** The sign-in flow against a certified OpenID provider, which is stricter than Google about most things. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { renewSignIn, signIn } from "../../lib/store/google/google.ts";
import { readOAuthClient } from "../../lib/store/google/credentials.ts";
import type { StoreContext } from "../../lib/store/context.ts";
import { installed } from "../servers/drive/npm.ts";
import { testContext } from "../store/context.ts";
import { keepClient } from "../store/drive_world.ts";
import { testWith, withFolder } from "../tools.ts";
import { browse } from "./browser.ts";

const PROVIDER = `
import { createServer } from "node:http";
import { Provider } from "oidc-provider";
const server = createServer((request, response) => handle(request, response));
let handle = () => {};
server.listen(0, "127.0.0.1", () => {
  const issuer = "http://127.0.0.1:" + server.address().port;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: "app", client_secret: "not so secret", application_type: "native",
      redirect_uris: ["http://127.0.0.1/back"], grant_types: ["authorization_code", "refresh_token"],
      token_endpoint_auth_method: "client_secret_post",
    }],
    pkce: { required: () => true },
    rotateRefreshToken: true,
  });
  handle = provider.callback();
  console.log(issuer);
});
`;

/** Runs a provider in node; it ends when the test does. */
async function withProvider(body: (issuer: string) => Promise<void>): Promise<void> {
  const folder = await installed("oidc", ["oidc-provider@9.13.3"]);
  const script = join(folder, `provider-${crypto.randomUUID()}.mjs`);
  await writeFile(script, PROVIDER);
  const child = spawn("node", [script], { stdio: ["ignore", "pipe", "ignore"] });
  try {
    const [line] = await once(child.stdout, "data");
    await body(String(line).trim());
  } finally {
    child.kill();
    await once(child, "exit");
    await rm(script);
  }
}

async function homeOf(home: string, issuer: string): Promise<StoreContext> {
  await keepClient(home, {
    clientId: "app",
    clientSecret: "not so secret",
    redirectUris: [],
    testing: false,
  });
  const env = {
    COLDFRAME_GOOGLE_AUTH_URL: `${issuer}/auth`,
    COLDFRAME_GOOGLE_TOKEN_URL: `${issuer}/token`,
    // Nobody's API: the sign-in must do without the account's name.
    COLDFRAME_GOOGLE_API_URL: `${issuer}/none`,
  };
  return testContext({ env, home });
}

testWith(
  ["node", "npm"],
  "the flow signs in at oidc-provider and renews, taking over each new refresh token",
  () =>
    withProvider((issuer) =>
      withFolder(async (home) => {
        const context = await homeOf(home, issuer);
        const pages: number[] = [];
        const token = await signIn(context, {
          scopes: ["openid", "offline_access"],
          redirectPath: "/back",
          show: async (address) => {
            pages.push((await browse(address, { login: "ada", password: "any" })).status);
          },
        });
        assert.deepEqual(pages, [200]);
        assert.deepEqual([...token.scopes].sort(), ["offline_access", "openid"]);
        const client = await readOAuthClient(context);
        const second = await renewSignIn(context, client);
        assert.notEqual(second.refreshToken, token.refreshToken);
        const third = await renewSignIn(context, client);
        assert.notEqual(third.accessToken, second.accessToken);
      })
    ),
  { timeout: 180_000 },
);
