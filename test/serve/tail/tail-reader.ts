/** What a client of server-sent events makes of an answer, by the rules of the HTML standard, 9.2.6. */
export interface TailReader {
  readonly status: number;
  readonly headers: Headers;
  /** Events of the default type, as JSON. */
  readonly events: unknown[];
  /** Other events: [type, data]. */
  readonly notices: [string, Record<string, unknown>][];
  readonly comments: string[];
  /** What it would resume after. */
  lastEventId(): string;
  /** Resolves when the server has ended the answer, or `stop` has. */
  readonly done: Promise<void>;
  stop(): void;
}

export async function readTail(url: string, headers: Record<string, string> = {}): Promise<TailReader> {
  const stop = new AbortController();
  const response = await fetch(url, { headers, signal: stop.signal });
  const events: unknown[] = [];
  const notices: [string, Record<string, unknown>][] = [];
  const comments: string[] = [];
  let id = "";
  let pending = { id: "", type: "", data: [] as string[] };
  const take = (line: string): void => {
    const [, field = "", value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (line.startsWith(":")) comments.push(line);
    else if (field === "id") pending.id = value;
    else if (field === "event") pending.type = value;
    else if (field === "data") pending.data.push(value);
    else if (line !== "") throw new Error(`the line ${line} is no line of an event`);
    if (line !== "") return;
    id = pending.id;
    const { type, data } = pending;
    pending = { id, type: "", data: [] };
    if (data.length === 0) return;
    const parsed: unknown = JSON.parse(data.join("\n"));
    if (type === "") events.push(parsed);
    else notices.push([type, parsed as Record<string, unknown>]);
  };
  const read = async (): Promise<void> => {
    let rest = "";
    const decoder = new TextDecoder();
    try {
      for await (const chunk of response.body ?? []) {
        const lines = (rest + decoder.decode(chunk, { stream: true })).split(/\r\n|\r|\n/);
        rest = lines.pop() ?? "";
        for (const line of lines) take(line);
      }
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    }
  };
  return {
    status: response.status,
    headers: response.headers,
    events,
    notices,
    comments,
    lastEventId: () => id,
    done: read(),
    stop: () => stop.abort(),
  };
}
