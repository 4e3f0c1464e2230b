/** A browser with nobody in front of it: follows redirects, keeps cookies, sends the forms it meets. */

/** Opens an address and gives the page it ends at: its address, status and text. */
export async function browse(
  address: string,
  fill: Readonly<Record<string, string>> = {},
): Promise<{ address: string; status: number; text: string }> {
  const cookies = new Map<string, string>();
  let next: { url: URL; body: string | undefined } = { url: new URL(address), body: undefined };
  for (let step = 0; step < 20; step++) {
    const response = await visit(next.url, next.body, cookies);
    const location = response.headers.get("location");
    if (response.status >= 300 && response.status < 400 && location !== null) {
      await response.body?.cancel();
      next = { url: new URL(location, next.url), body: undefined };
      continue;
    }
    const text = await response.text();
    const form = /<form[^>]*action="([^"]+)"[^>]*>([\s\S]*?)<\/form>/.exec(text);
    if (form === null) return { address: next.url.href, status: response.status, text };
    next = { url: new URL(form[1] ?? "", next.url), body: answers(form[2] ?? "", fill) };
  }
  throw new Error("too many redirects");
}

async function visit(url: URL, body: string | undefined, cookies: Map<string, string>): Promise<Response> {
  const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  const headers = { ...(cookie === "" ? {} : { cookie }) };
  const response = await fetch(url, {
    redirect: "manual",
    ...(body === undefined ? { headers } : {
      method: "POST",
      body,
      headers: { ...headers, "content-type": "application/x-www-form-urlencoded" },
    }),
  });
  for (const line of response.headers.getSetCookie()) {
    const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    cookies.set(name, value);
  }
  return response;
}

function answers(form: string, fill: Readonly<Record<string, string>>): string {
  const fields = new URLSearchParams();
  for (const [input] of form.matchAll(/<input[^>]*>/g)) {
    const name = /name="([^"]*)"/.exec(input)?.[1];
    if (name !== undefined) fields.set(name, fill[name] ?? /value="([^"]*)"/.exec(input)?.[1] ?? "");
  }
  return fields.toString();
}
