import { lastAnswer, rawConnection } from "../support/raw-http.ts";
import { until } from "../support/until.ts";
import type { EventMaker, SentBatch } from "./oracle.ts";

export interface WrittenUntilStopped {
  readonly maker: EventMaker;
  readonly sent: SentBatch[];
}

/** How it may end: no request is without an answer. */
export const GOOD_ENDS = ["draining", "answered, then closed"];

/** Sends on one connection, a request at a time, until it is told that the connection is closed, and says how that was. */
export async function writeUntilStopped(
  url: string,
  writer: string,
  traffic: WrittenUntilStopped,
): Promise<string> {
  const connection = await rawConnection(url);
  let closed = false;
  void connection.closed().then(() => (closed = true));
  for (;;) {
    const batch = traffic.maker.batch("plain", writer, false);
    const before = connection.received().length;
    connection.send(
      `POST /v1/streams/plain/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n` +
        `Content-Length: ${Buffer.byteLength(batch.body)}\r\n\r\n${batch.body}`,
    );
    traffic.sent.push(batch);
    const answer = (): string => connection.received().slice(before);
    await until(() => isWhole(answer()) || closed);
    if (answer() === "") return "no answer";
    const { status, body } = lastAnswer(answer());
    batch.outcome = status;
    if (status === 503) return String(body["code"]);
    if (/^connection: close/im.test(answer())) return "answered, then closed";
  }
}

/** Whether an answer has all the bytes that it announces. */
function isWhole(answer: string): boolean {
  const [, length] = /^content-length: (\d+)/im.exec(answer) ?? [];
  const end = answer.indexOf("\r\n\r\n");
  return length !== undefined && end !== -1 && answer.length >= end + 4 + Number(length);
}
