import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** A TCP connection that says just what it is told, as no HTTP client would. */
export interface RawConnection {
  readonly socket: Socket;
  /** What has come so far. */
  received(): string;
  send(text: string | Buffer): void;
  /** Resolves with all that came, when the other side has closed. */
  closed(): Promise<string>;
}

export async function rawConnection(url: string): Promise<RawConnection> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
  // A reset is one of the ways in which a connection may end.
  socket.on("error", () => {});
  const closed = new Promise<string>((resolve) => {
    socket.on("end", () => socket.end());
    socket.on("close", () => resolve(text));
  });
  await once(socket, "connect");
  return {
    socket,
    received: () => text,
    send: (bytes) => void socket.write(bytes),
    closed: () => closed,
  };
}

/** The status and the JSON body of the last answer in what came over a raw connection. */
export function lastAnswer(text: string): {
  readonly status: number;
  readonly body: Record<string, unknown>;
} {
  const [start] = [...text.matchAll(/HTTP\/1\.1 \d{3} /g)].at(-1) ?? [];
  const answer = start === undefined ? "" : text.slice(text.lastIndexOf(start));
  const body = answer.slice(answer.indexOf("\r\n\r\n") + 4);
  return {
    status: Number(answer.slice(9, 12)),
    body: body === "" ? {} : (JSON.parse(body) as Record<string, unknown>),
  };
}
