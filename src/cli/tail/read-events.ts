import { HeadraceError } from "../../errors.ts";
import { MIB } from "../../units.ts";

/** The longest line of server-sent events that is put together, in characters; events are far smaller. */
const LINE_MAX = 128 * MIB;

/** One server-sent event. Without data it only says what to resume after. */
export interface ServerSentEvent {
  /** "" for the usual one. */
  readonly type: string;
  readonly data: string;
  /** The last id that came, with this event or before it. */
  readonly id: string;
}

/**
 * Reads server-sent events as the HTML standard has them (9.2.6), but that events without data come too. Comments are left
 * out; `alive` is called whenever anything comes.
 */
export async function* readEvents(
  chunks: AsyncIterable<Uint8Array>,
  alive: () => void,
): AsyncGenerator<ServerSentEvent> {
  let id = "";
  let type = "";
  let data: string[] = [];
  for await (const line of linesOf(chunks, alive)) {
    if (line === "") {
      yield { type, data: data.join("\n"), id };
      type = "";
      data = [];
      continue;
    }
    const colon = line.indexOf(":");
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "id") id = value;
    else if (name === "event") type = value;
    else if (name === "data") data.push(value);
  }
}

/** Whole lines; one that is cut off at the end is no line. */
async function* linesOf(chunks: AsyncIterable<Uint8Array>, alive: () => void): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    alive();
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > LINE_MAX) {
      throw new HeadraceError("unexpected_answer", `a line of the tail has over ${LINE_MAX} characters`);
    }
    for (const line of lines) yield line.endsWith("\r") ? line.slice(0, -1) : line;
  }
}
