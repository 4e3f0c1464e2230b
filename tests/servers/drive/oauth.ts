/** Google's OAuth endpoints: consent, tokens, revocation. The consent page says yes by itself. */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { importSPKI, jwtVerify } from "jose";
import { type Exchange, json, type Reply } from "./http.ts";
import { type Client, type Grant, token, type World } from "./world.ts";

interface Code {
  readonly email: string;
  readonly client: Client;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  readonly challenge: string | undefined;
  readonly offline: boolean;
}

const JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/** The OAuth side of the server. */
export class OAuth {
  readonly #codes = new Map<string, Code>();
  /** Who sits at the browser; undefined for somebody who declines. */
  browserUser: string | undefined;
  /** The audience that assertions must name. */
  audience = "https://oauth2.googleapis.com/token";

  constructor(private readonly world: World) {}

  /** GET /o/oauth2/v2/auth */
  consent(url: URL): Reply {
    const asked = url.searchParams;
    const client = this.world.clients.get(asked.get("client_id") ?? "");
    const redirectUri = asked.get("redirect_uri") ?? "";
    // Google shows these two as a page: a redirect nobody checked must not be followed.
    if (client === undefined) return { status: 401, body: "Error 401: invalid_client" };
    if (!redirectAllowed(client, redirectUri)) {
      return { status: 400, body: "Error 400: redirect_uri_mismatch" };
    }
    const back = new URL(redirectUri);
    const state = asked.get("state");
    if (state !== null) back.searchParams.set("state", state);
    const error = this.#consentError(asked);
    if (error !== undefined) back.searchParams.set("error", error);
    else back.searchParams.set("code", this.#newCode(client, redirectUri, asked));
    back.searchParams.set("scope", asked.get("scope") ?? "");
    return { status: 302, headers: { location: back.href } };
  }

  #consentError(asked: URLSearchParams): string | undefined {
    if (asked.get("response_type") !== "code") return "unsupported_response_type";
    const method = asked.get("code_challenge_method");
    if (asked.has("code_challenge") && method !== "S256" && method !== "plain") return "invalid_request";
    return this.browserUser === undefined ? "access_denied" : undefined;
  }

  #newCode(client: Client, redirectUri: string, asked: URLSearchParams): string {
    const code = `4/0${token(24)}`;
    this.#codes.set(code, {
      email: this.browserUser ?? "",
      client,
      redirectUri,
      scopes: (asked.get("scope") ?? "").split(" "),
      challenge: asked.get("code_challenge") ?? undefined,
      offline: asked.get("access_type") === "offline",
    });
    return code;
  }

  /** POST /token */
  async token(exchange: Exchange): Promise<Reply> {
    const form = new URLSearchParams(Buffer.from(exchange.body).toString("utf8"));
    switch (form.get("grant_type")) {
      case "authorization_code":
        return this.#fromCode(form, exchange);
      case "refresh_token":
        return this.#fromRefresh(form, exchange);
      case JWT_BEARER:
        return await this.#fromAssertion(form);
      default:
        return oauthError("unsupported_grant_type", `Invalid grant_type: ${form.get("grant_type")}`);
    }
  }

  #client(form: URLSearchParams, exchange: Exchange): Client | undefined {
    const basic = /^Basic (.+)$/.exec(exchange.headers["authorization"] ?? "")?.[1];
    const [id, secret] = basic === undefined
      ? [form.get("client_id"), form.get("client_secret")]
      : Buffer.from(basic, "base64").toString("utf8").split(":");
    const client = this.world.clients.get(id ?? "");
    return client?.clientSecret === secret ? client : undefined;
  }

  #fromCode(form: URLSearchParams, exchange: Exchange): Reply {
    const client = this.#client(form, exchange);
    if (client === undefined) return oauthError("invalid_client", "Unauthorized", 401);
    const code = this.#codes.get(form.get("code") ?? "");
    // A code is good for one try.
    this.#codes.delete(form.get("code") ?? "");
    if (code?.client !== client) return oauthError("invalid_grant", "Malformed auth code.");
    if (code.redirectUri !== form.get("redirect_uri")) {
      return oauthError("redirect_uri_mismatch", "Bad Request");
    }
    if (code.challenge !== undefined) {
      const verifier = form.get("code_verifier");
      if (verifier === null) return oauthError("invalid_grant", "Missing code verifier.");
      const challenge = createHash("sha256").update(verifier).digest("base64url");
      if (challenge !== code.challenge) return oauthError("invalid_grant", "Invalid code verifier.");
    }
    const grant = this.world.grant(code.email, client.clientId, code.scopes);
    return this.#answer(
      grant,
      code.offline ? { refresh_token: grant.refreshToken, ...lifetime(grant, this.world) } : {},
    );
  }

  #fromRefresh(form: URLSearchParams, exchange: Exchange): Reply {
    const client = this.#client(form, exchange);
    if (client === undefined) return oauthError("invalid_client", "The OAuth client was not found.", 401);
    const grant = this.world.grants.get(form.get("refresh_token") ?? "");
    if (grant === undefined || grant.app !== client.clientId) {
      return oauthError("invalid_grant", "Bad Request");
    }
    if (!this.world.alive(grant)) return oauthError("invalid_grant", "Token has been expired or revoked.");
    return this.#answer(grant, lifetime(grant, this.world));
  }

  #answer(grant: Grant, more: Record<string, unknown>): Reply {
    return json({
      access_token: this.world.accessToken(grant.email, grant.app, grant.scopes, grant),
      expires_in: 3599,
      scope: grant.scopes.join(" "),
      token_type: "Bearer",
      ...more,
    });
  }

  async #fromAssertion(form: URLSearchParams): Promise<Reply> {
    const assertion = form.get("assertion") ?? "";
    const claims = unverifiedClaims(assertion);
    const key = this.world.publicKeys.get(claims.iss ?? "");
    if (claims.iss === undefined || key === undefined) {
      return oauthError("invalid_grant", "Invalid grant: account not found");
    }
    try {
      const { payload } = await jwtVerify(assertion, await importSPKI(key, "RS256"), {
        algorithms: ["RS256"],
        audience: this.audience,
        issuer: claims.iss,
        currentDate: new Date(this.world.now),
        requiredClaims: ["exp", "iat"],
      });
      if ((payload.exp ?? 0) - (payload.iat ?? 0) > 3600) throw new Error("too long");
    } catch {
      return oauthError("invalid_grant", "Invalid JWT Signature.");
    }
    return this.#forSubject(claims.iss, claims.sub, (claims.scope ?? "").split(" "));
  }

  #forSubject(issuer: string, subject: string | undefined, scopes: readonly string[]): Reply {
    if (subject !== undefined && !this.delegated.has(issuer)) {
      const message =
        "Client is unauthorized to retrieve access tokens using this method, or client not authorized " +
        "for any of the scopes requested.";
      return oauthError("unauthorized_client", message, 401);
    }
    const accessToken = this.world.accessToken(subject ?? issuer, issuer, scopes);
    return json({ access_token: accessToken, expires_in: 3599, token_type: "Bearer" });
  }

  /** Service accounts that may act for users. */
  readonly delegated = new Set<string>();

  /** POST /revoke */
  revoke(exchange: Exchange): Reply {
    const form = new URLSearchParams(Buffer.from(exchange.body).toString("utf8"));
    const text = form.get("token") ?? exchange.url.searchParams.get("token") ?? "";
    const grant = this.world.grants.get(text) ?? this.world.access.get(text)?.grant;
    if (grant === undefined || !this.world.alive(grant)) {
      return oauthError("invalid_token", "Token expired or revoked");
    }
    grant.revoked = true;
    return json({});
  }
}

/** What Google adds for grants that end by themselves. */
function lifetime(grant: Grant, world: World): Record<string, unknown> {
  return grant.ends === undefined
    ? {}
    : { refresh_token_expires_in: Math.floor((grant.ends - world.now) / 1000) };
}

/** Loopback addresses may have any port for clients that registered `http://localhost` (RFC 8252 §7.3). */
function redirectAllowed(client: Client, redirectUri: string): boolean {
  if (client.redirectUris.includes(redirectUri)) return true;
  if (!client.redirectUris.includes("http://localhost") || !URL.canParse(redirectUri)) return false;
  const url = new URL(redirectUri);
  return url.protocol === "http:" && ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
}

function unverifiedClaims(jwt: string): { iss?: string; sub?: string; scope?: string } {
  try {
    const claims: unknown = JSON.parse(Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString("utf8"));
    return typeof claims === "object" && claims !== null ? claims : {};
  } catch {
    return {};
  }
}

function oauthError(error: string, description: string, status = 400): Reply {
  return json({ error, error_description: description }, status);
}
