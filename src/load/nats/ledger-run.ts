import { randomUUID } from "node:crypto";
import type { MsgHdrs } from "@nats-io/transport-node";
import { MESSAGE_BYTES_MAX } from "./names.ts";

/**
 * What is written to a ledger at once: a run of messages, of which the last makes it count. A run that another one interrupts counts
 * for nothing, as the end that was being written when a process died.
 */
export type RunKind =
  /** Lines of the ledger, after those that are there. */
  | "lines"
  /** Lines in the place of all that are there. */
  | "whole"
  /** Nothing but the word of a new writer that nobody else is one. */
  | "opened";

export interface Run {
  readonly kind: RunKind;
  readonly bytes: Buffer;
}

const HEADERS = { kind: "Headrace-Kind", run: "Headrace-Run", part: "Headrace-Part" } as const;

export interface RunMessage {
  readonly headers: Readonly<Record<string, string>>;
  readonly data: Uint8Array;
}

export function messagesOf({ kind, bytes }: Run, bytesMax: number = MESSAGE_BYTES_MAX): RunMessage[] {
  const run = randomUUID();
  const count = Math.max(1, Math.ceil(bytes.length / bytesMax));
  return Array.from({ length: count }, (_, index) => ({
    headers: {
      [HEADERS.kind]: kind,
      [HEADERS.run]: run,
      [HEADERS.part]: `${index + 1}/${count}`,
    },
    data: bytes.subarray(index * bytesMax, (index + 1) * bytesMax),
  }));
}

/** A message as it was read, by whichever way. */
export interface ReadMessage {
  readonly seq: number;
  readonly header: Pick<MsgHdrs, "get"> | undefined;
  readonly data: Uint8Array;
}

/** Puts runs together again. */
export class RunReader {
  #run = "";
  #parts: Buffer[] = [];

  /** The run that this message makes whole, if it does. */
  add(message: ReadMessage): Run | undefined {
    const get = (name: string): string => message.header?.get(name) ?? "";
    const [number, count] = get(HEADERS.part).split("/").map(Number);
    const run = get(HEADERS.run);
    if (number === 1) {
      this.#run = run;
      this.#parts = [];
    } else if (run !== this.#run || number !== this.#parts.length + 1) return undefined;
    // A view of the message's own memory, which nobody else keeps.
    this.#parts.push(Buffer.from(message.data));
    if (number !== count) return undefined;
    const bytes = Buffer.concat(this.#parts);
    this.#parts = [];
    return { kind: get(HEADERS.kind) as RunKind, bytes };
  }
}
