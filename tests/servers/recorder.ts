/** An HTTP server that writes down what it is sent and answers as it is told. */

import { createServer } from "node:http";
import { text } from "node:stream/consumers";

/** A request that came. */
export interface Recorded {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** A server that runs. */
export interface Recorder {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  readonly requests: Recorded[];
  /** The status of the next answers; with `location` in a redirect. */
  status: number;
}

/** Runs `body` with a recorder. */
export async function withRecorder<T>(body: (recorder: Recorder) => Promise<T>): Promise<T> {
  const requests: Recorded[] = [];
  const recorder = { url: "", requests, status: 200 };
  const server = createServer((request, response) => {
    text(request).then((body) => {
      const { method = "", url: path = "", headers } = request;
      requests.push({ method, path, headers, body });
      const redirects = recorder.status >= 300 && recorder.status < 400;
      response.writeHead(recorder.status, redirects ? { location: `${recorder.url}/elsewhere` } : {});
      response.end();
    }, () => response.destroy());
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the recorder has no port");
  recorder.url = `http://127.0.0.1:${address.port}`;
  try {
    return await body(recorder);
  } finally {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
}
