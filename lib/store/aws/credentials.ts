/**
 * Where AWS credentials and settings come from: the environment first, then the profile in the shared
 * files, in the order every AWS tool keeps ("Standardized credential providers", AWS SDKs and Tools
 * Reference Guide). Secrets come from nowhere else: never from a URL or an argument.
 */

import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { messageOf, StoreError, systemCode } from "../../errors.ts";
import { type IniFile, type IniSection, parseIni } from "./ini.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** What signs a request. Never shown. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
}

/** Everything the surroundings say about how to reach S3. */
export interface AwsSettings {
  readonly credentials: AwsCredentials;
  readonly region: string | undefined;
  readonly endpoint: string | undefined;
}

/**
 * Reads credentials, region and endpoint.
 *
 * @param profile named in the store's URL: then the keys in the environment do not count
 * @throws StoreError `store-denied` when there are no credentials, or none that can be read here
 */
export async function loadAws(env: Env, profile?: string): Promise<AwsSettings> {
  const name = profile ?? set(env["AWS_PROFILE"]) ?? set(env["AWS_DEFAULT_PROFILE"]) ?? "default";
  const files = await readFiles(env);
  const settings = new Map([...section(files.config, name), ...(files.credentials.get(name) ?? [])]);
  const fromEnv = profile === undefined ? fromEnvironment(env) : undefined;
  return {
    credentials: fromEnv ?? fromProfile(name, settings, files),
    region: set(env["AWS_REGION"]) ?? set(env["AWS_DEFAULT_REGION"]) ?? set(settings.get("region")),
    endpoint: endpointOf(env, settings, files.config),
  };
}

interface SharedFiles {
  readonly credentials: IniFile;
  readonly config: IniFile;
  /** Paths, for errors. */
  readonly looked: readonly string[];
}

async function readFiles(env: Env): Promise<SharedFiles> {
  const home = join(set(env["HOME"]) ?? set(env["USERPROFILE"]) ?? homedir(), ".aws");
  const credentials = set(env["AWS_SHARED_CREDENTIALS_FILE"]) ?? join(home, "credentials");
  const config = set(env["AWS_CONFIG_FILE"]) ?? join(home, "config");
  const [a, b] = await Promise.all([readIni(credentials), readIni(config)]);
  return { credentials: a, config: b, looked: [credentials, config] };
}

async function readIni(path: string): Promise<IniFile> {
  try {
    return parseIni(await readFile(path, "utf8"));
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return new Map();
    throw new StoreError("store-denied", `cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** In the config file every section but `default` is called `profile NAME`. */
function section(config: IniFile, name: string): IniSection {
  const bare = name === "default" ? config.get("default") : undefined;
  return config.get(`profile ${name}`) ?? bare ?? new Map();
}

function fromEnvironment(env: Env): AwsCredentials | undefined {
  const accessKeyId = set(env["AWS_ACCESS_KEY_ID"]);
  const secretAccessKey = set(env["AWS_SECRET_ACCESS_KEY"]);
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined;
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    const missing = accessKeyId === undefined ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY";
    throw new StoreError("store-denied", `${missing} is not set, though its other half is`);
  }
  return { accessKeyId, secretAccessKey, sessionToken: set(env["AWS_SESSION_TOKEN"]) };
}

function fromProfile(name: string, settings: IniSection, files: SharedFiles): AwsCredentials {
  const accessKeyId = set(settings.get("aws_access_key_id"));
  const secretAccessKey = set(settings.get("aws_secret_access_key"));
  if (accessKeyId !== undefined && secretAccessKey !== undefined) {
    return { accessKeyId, secretAccessKey, sessionToken: set(settings.get("aws_session_token")) };
  }
  throw indirect(name, settings) ?? new StoreError(
    "store-denied",
    `no S3 credentials: not in the environment, and no profile "${name}" with keys in ${
      files.looked.join(" or ")
    }`,
    { hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run `aws configure`" },
  );
}

/** Profiles that get their keys by another program or service, which an unattended box should not need. */
function indirect(name: string, settings: IniSection): StoreError | undefined {
  const by = ["sso_session", "sso_start_url", "role_arn", "credential_process", "web_identity_token_file"]
    .find((key) => settings.has(key));
  if (by === undefined) return undefined;
  return new StoreError(
    "store-denied",
    `the AWS profile "${name}" gets its keys by ${by}, not from the file`,
    {
      hint: `run: eval "$(aws configure export-credentials --profile ${name} --format env)"`,
    },
  );
}

function endpointOf(env: Env, settings: IniSection, config: IniFile): string | undefined {
  if (env["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"]?.toLowerCase() === "true") return undefined;
  const services = config.get(`services ${settings.get("services") ?? ""}`);
  return set(env["AWS_ENDPOINT_URL_S3"]) ?? set(env["AWS_ENDPOINT_URL"]) ??
    set(services?.get("s3.endpoint_url")) ?? set(settings.get("endpoint_url"));
}

/** An empty variable counts as none, as in every AWS tool. */
function set(value: string | undefined): string | undefined {
  return value === undefined || value === "" ? undefined : value;
}
