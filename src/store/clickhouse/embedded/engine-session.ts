import type { Session } from "chdb";
import { ClickHouseError } from "../clickhouse-error.ts";
import type { ReadRequest } from "../connection.ts";

type EngineFormat = ReadRequest["format"];

export interface EngineAnswer {
  readonly bytes: Buffer;
  /** Seconds. */
  readonly elapsed: number;
}

/** A session of the engine: it runs one call at a time, later ones wait. A call that runs is never given up. */
export class EngineSession {
  readonly #session: Session;
  /** A call failed: what it had written already would come with the next call's answer. */
  #soiled = false;
  #last: Promise<unknown> = Promise.resolve();

  constructor(session: Session) {
    this.#session = session;
  }

  /** Runs statements one after the other; the bytes are the answers of all. Fails with a ClickHouseError. */
  run(sql: string, format: EngineFormat = "TabSeparated"): Promise<EngineAnswer> {
    const answer = this.#last.then(() => this.#call(sql, format));
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  /** Waits for the calls that were made and closes. */
  async close(): Promise<void> {
    await this.#last;
    this.#session.close();
  }

  async #call(sql: string, format: EngineFormat): Promise<EngineAnswer> {
    try {
      await this.#clean();
      const result = await this.#session.queryAsync(sql, { format });
      const view = result.bytes();
      const bytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength);
      return { bytes, elapsed: result.elapsed };
    } catch (error) {
      this.#soiled = true;
      // At once, since the engine also keeps a failed query's memory; if it fails, before the next call.
      await this.#clean().catch(() => undefined);
      throw engineError(error);
    }
  }

  async #clean(): Promise<void> {
    if (!this.#soiled) return;
    await this.#session.queryAsync("SELECT 1 FORMAT Null");
    this.#soiled = false;
  }
}

/** What chdb throws has the engine's code in `clickhouseCode`. */
export function engineError(error: unknown): ClickHouseError {
  if (!(error instanceof Error)) return new ClickHouseError(String(error), undefined, error);
  const code =
    "clickhouseCode" in error && typeof error.clickhouseCode === "number" ? error.clickhouseCode : undefined;
  return new ClickHouseError(error.message, code, error);
}
