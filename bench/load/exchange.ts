import { connect, type Socket } from "node:net";

/** Bodies up to this size are copied behind their head, larger ones written beside it: bytes. */
const COPIED_MAX = 16_384;
const RECEIVE_BYTES = 65_536;

export interface Answer {
  readonly status: number;
  /** The head, and what has come of the body by then; valid only during the call. */
  readonly bytes: Buffer;
}

/**
 * One keep-alive connection with one request at a time: as little HTTP as it takes, since this runs on the cores that
 * are measured. An answer with a length or in chunks is known to be complete; nothing else is looked at.
 */
export class Exchange {
  readonly #socket: Socket;
  readonly #out = Buffer.allocUnsafe(COPIED_MAX);
  readonly #onAnswer: (answer: Answer) => void;
  readonly #onEnd: (error: Error) => void;
  #head: Buffer | undefined;
  #status = 0;
  /** Bytes of the body that are still to come; -1 while it comes in chunks. */
  #left = 0;
  #tail = Buffer.alloc(0);

  constructor(port: number, onAnswer: (answer: Answer) => void, onEnd: (error: Error) => void) {
    this.#onAnswer = onAnswer;
    this.#onEnd = onEnd;
    this.#socket = connect({
      host: "127.0.0.1",
      port,
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafe(RECEIVE_BYTES),
        callback: (count, bytes) => {
          this.#received(Buffer.from(bytes.buffer, bytes.byteOffset, count));
          return true;
        },
      },
    });
    this.#socket.on("error", onEnd);
    this.#socket.on("close", () => onEnd(new Error("the server closed the connection")));
  }

  send(head: string, body: Buffer | undefined): void {
    const length = body?.length ?? 0;
    if (head.length + length <= COPIED_MAX) {
      const end = this.#out.write(head, "latin1");
      body?.copy(this.#out, end);
      this.#socket.write(this.#out.subarray(0, end + length));
      return;
    }
    this.#socket.cork();
    this.#socket.write(head, "latin1");
    if (body !== undefined) this.#socket.write(body);
    this.#socket.uncork();
  }

  close(): void {
    this.#socket.removeAllListeners("close");
    this.#socket.destroy();
  }

  #received(bytes: Buffer): void {
    if (this.#head === undefined) this.#readHead(bytes);
    else if (this.#left >= 0) this.#left -= bytes.length;
    else this.#tail = Buffer.concat([this.#tail, bytes]).subarray(-CHUNKS_END.length);
    if (this.#head === undefined) return;
    if (this.#left === 0 || (this.#left < 0 && this.#tail.equals(CHUNKS_END))) {
      const answer = { status: this.#status, bytes: this.#head };
      this.#head = undefined;
      this.#tail = Buffer.alloc(0);
      this.#onAnswer(answer);
    } else if (this.#head.buffer === bytes.buffer) {
      // The buffer is read into again before the answer is complete.
      this.#head = Buffer.from(this.#head);
    }
  }

  #readHead(received: Buffer): void {
    const bytes = this.#tail.length === 0 ? received : Buffer.concat([this.#tail, received]);
    const end = bytes.indexOf("\r\n\r\n");
    if (end < 0) {
      this.#tail = Buffer.from(bytes);
      return;
    }
    const head = bytes.toString("latin1", 0, end);
    this.#status = Number(head.slice(9, 12));
    this.#head = bytes;
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    const body = bytes.length - end - 4;
    if (length !== undefined || this.#status === 304) {
      this.#left = Number(length ?? 0) - body;
      this.#tail = Buffer.alloc(0);
    } else {
      this.#left = -1;
      this.#tail = Buffer.from(bytes.subarray(-CHUNKS_END.length));
    }
    if (this.#left < 0 && length !== undefined) this.#onEnd(new Error("more came than one answer"));
  }
}

const CHUNKS_END = Buffer.from("\r\n0\r\n\r\n");
