/** Compares our clock with the `Date` of answers (RFC 9110, 6.6.1) that come anyway. */

/** Watches the answers of the requests that go through its `fetch`. */
export class ServerClock {
  readonly #fetch: typeof fetch;
  readonly #now: () => number;
  #ahead: number | undefined;

  constructor(inner: typeof fetch, now: () => number) {
    this.#fetch = inner;
    this.#now = now;
  }

  readonly fetch: typeof fetch = async (input, init) => {
    const response = await this.#fetch(input, init);
    const theirs = Date.parse(response.headers.get("date") ?? "");
    if (!Number.isNaN(theirs)) this.#ahead = theirs - this.#now();
    return response;
  };

  /** Ms that the server of the last answer is ahead of us; undefined before one said. */
  get ahead(): number | undefined {
    return this.#ahead;
  }
}

/**
 * What is to be said of a clock that differs; undefined where it agrees. Dates are of whole seconds, and
 * answers take a while; S3 refuses requests from 15 minutes on.
 *
 * @param ahead ms that the server is ahead of us
 */
export function clockTrouble(ahead: number): { readonly message: string; readonly hint: string } | undefined {
  const seconds = Math.round(Math.abs(ahead) / 1000);
  if (seconds < 60) return undefined;
  const how = ahead > 0 ? "behind" : "ahead of";
  return {
    message: `our clock is ${Math.round(seconds / 60)} minutes ${how} the server's`,
    hint: "Set the clock, and let it be kept by NTP.",
  };
}
