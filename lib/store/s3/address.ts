/** Where a bucket's requests go: path-style or virtual-hosted, at AWS or elsewhere. */

/** The parts of a URL that are the same for every request to a bucket. */
export interface Address {
  readonly bucket: string;
  /** For messages: the server's host and port. */
  readonly host: string;
  /** True at AWS itself, whose abilities need no trying out. */
  readonly aws: boolean;
  /** The URL of the bucket, or of an object in it. */
  url(key: string | undefined, query: Readonly<Record<string, string>>): string;
}

/**
 * Percent-encoding as SigV4 wants it: everything but the unreserved characters of RFC 3986 section 2.3.
 */
export function encodeRfc3986(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Chooses the address of a bucket; `endpoint` is undefined for AWS. */
export function addressOf(
  bucket: string,
  region: string,
  endpoint: string | undefined,
  style: "path" | "virtual" | undefined,
): Address {
  const base = new URL(endpoint ?? awsEndpoint(region));
  // A certificate for *.s3.region.amazonaws.com does not cover a bucket name with dots in it.
  const usual = endpoint === undefined && !bucket.includes(".") ? "virtual" : "path";
  const virtual = (style ?? usual) === "virtual";
  const path = base.pathname.replace(/\/+$/, "");
  const origin = virtual
    ? `${base.protocol}//${bucket}.${base.host}${path}`
    : `${base.origin}${path}/${bucket}`;
  return {
    bucket,
    host: base.host,
    aws: /(^|\.)amazonaws\.com(\.cn)?$/.test(base.hostname),
    url: (key, query) => `${origin}/${encodeKey(key ?? "")}${encodeQuery(query)}`,
  };
}

function awsEndpoint(region: string): string {
  return `https://s3.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`;
}

function encodeKey(key: string): string {
  return key.split("/").map(encodeRfc3986).join("/");
}

function encodeQuery(query: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(query).map(([name, value]) =>
    `${encodeRfc3986(name)}=${encodeRfc3986(value)}`
  );
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}
