import { request, type OutgoingHttpHeaders } from "node:http";

export interface RawAnswer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly bytes: Buffer;
  readonly text: string;
}

/** A request with any headers, whose answer isn't unpacked: `fetch` sets and does both by itself. */
export function requestRaw(
  url: string,
  options: { readonly path: string; readonly headers?: OutgoingHttpHeaders; readonly body?: string },
): Promise<RawAnswer> {
  const { path, headers = {}, body } = options;
  return new Promise((resolve, reject) => {
    const sent = request(url + path, { method: body === undefined ? "GET" : "POST", headers });
    sent.on("error", reject);
    sent.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const bytes = Buffer.concat(chunks);
        resolve({ status: response.statusCode, headers: response.headers, bytes, text: bytes.toString() });
      });
    });
    sent.end(body);
  });
}
