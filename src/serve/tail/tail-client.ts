import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { setImmediate } from "node:timers/promises";
import { HeadraceError, toHeadraceError } from "../../errors.ts";
import type { Position } from "../../log/log.ts";
import { SECOND } from "../../units.ts";
import { idBefore } from "./event-id.ts";
import type { TailLimits } from "./limits.ts";
import type { FieldFilter } from "./tail-filter.ts";
import type { HeldPage, TailPages } from "./tail-pages.ts";

/** Why a tail is over: the client went, was too slow, the server stops, the token ended, or the log failed. */
export type TailEnd = "gone" | "dropped" | "draining" | "token_ended" | "failed";

export interface TailRequest {
  readonly stream: string;
  readonly from: Position;
  /** What the client asked to resume after, when the log doesn't hold that any more. */
  readonly gap: string | undefined;
  readonly filters: readonly FieldFilter[];
}

export interface TailDeps {
  readonly pages: TailPages;
  /** Where a stream ends now. */
  readonly end: (stream: string) => Position;
  readonly limits: TailLimits;
  /** Aborts when the server begins to stop, and when the caller's token ends. */
  readonly draining: AbortSignal;
  readonly tokenEnded: AbortSignal | undefined;
}

/** Sends one client a stream's events until either side ends it. */
export class TailClient {
  readonly #response: ServerResponse;
  readonly #request: TailRequest;
  readonly #deps: TailDeps;
  readonly #gone = new AbortController();
  readonly #stop: AbortSignal;
  #position: Position;
  /** What the client knows to resume after. */
  #told = "";

  constructor(response: ServerResponse, request: TailRequest, deps: TailDeps) {
    this.#response = response;
    this.#request = request;
    this.#deps = deps;
    this.#position = request.from;
    const { draining, tokenEnded } = deps;
    response.once("close", () => this.#gone.abort());
    // A write to a connection that is gone is followed by its close.
    response.on("error", () => {});
    this.#stop = AbortSignal.any([
      draining,
      this.#gone.signal,
      ...(tokenEnded === undefined ? [] : [tokenEnded]),
    ]);
  }

  /** Resolves with the reason when it is over and the client was told. Never rejects. */
  async run(): Promise<TailEnd> {
    const heartbeat = setInterval(() => this.#beat(), this.#deps.limits.heartbeat);
    try {
      if (this.#request.gap === undefined) this.#tellPosition("");
      else this.#tellGap(this.#request.gap);
      while (!this.#stop.aborted) await this.#sendPage();
      return this.#finish(this.#reason());
    } catch (error) {
      if (this.#gone.signal.aborted) return "gone";
      return this.#finish(this.#stop.aborted ? this.#reason() : endOf(error), toHeadraceError(error));
    } finally {
      clearInterval(heartbeat);
    }
  }

  #reason(): TailEnd {
    if (this.#gone.signal.aborted) return "gone";
    return this.#deps.draining.aborted ? "draining" : "token_ended";
  }

  async #sendPage(): Promise<void> {
    using page = await this.#nextPage();
    if (page === undefined) return;
    for (const slice of page.slices) {
      if (slice.log === this.#position.log && slice.end.offset <= this.#position.offset) continue;
      const from = slice.log === this.#position.log ? this.#position.offset : slice.offset;
      const frames = slice.frames(from, this.#request.filters);
      this.#position = slice.end;
      if (frames.length > 0) {
        // Without filters the slice's last event is the last that was sent.
        if (this.#request.filters.length === 0) this.#told = idBefore(slice.end);
        await this.#send(frames);
      }
      if (this.#stop.aborted) return;
      // Others get their turn between any two slices, ingest before all.
      await setImmediate();
    }
    this.#position = page.next;
  }

  /** Retention doesn't wait for tails: what it has dropped is skipped, and the client is told. */
  async #nextPage(): Promise<HeldPage | undefined> {
    const { pages, end } = this.#deps;
    const { stream } = this.#request;
    try {
      return await pages.next(stream, this.#position, this.#stop);
    } catch (error) {
      if (!(error instanceof HeadraceError) || error.code !== "offset_gone") throw error;
      const after = idBefore(this.#position);
      this.#position = end(stream);
      this.#tellGap(after);
      return undefined;
    }
  }

  async #send(frames: Buffer): Promise<void> {
    if (this.#response.write(frames) || this.#gone.signal.aborted) return;
    const { stalledMax } = this.#deps.limits;
    const stalled = AbortSignal.timeout(stalledMax);
    try {
      await once(this.#response, "drain", { signal: AbortSignal.any([stalled, this.#stop]) });
    } catch (error) {
      if (!stalled.aborted) throw error;
      throw new HeadraceError(
        "overloaded",
        `Nothing was taken of what was sent for ${stalledMax / SECOND} s`,
      );
    }
  }

  /** Keeps what stands in between from closing the connection, and a filtered tail's place from growing old. */
  #beat(): void {
    if (this.#response.writableNeedDrain || this.#response.writableEnded) return;
    this.#tellPosition(": heartbeat\n");
  }

  /** An id without data is no event, and still what the client will resume after. */
  #tellPosition(comment: string): void {
    const id = idBefore(this.#position);
    const line = id === this.#told ? "" : `id: ${id}\n`;
    this.#told = id;
    this.#response.write(`${comment}${line}\n`);
  }

  #tellGap(after: string): void {
    this.#told = idBefore(this.#position);
    const data = JSON.stringify({ after, resumed_after: this.#told });
    this.#response.write(`id: ${this.#told}\nevent: gap\ndata: ${data}\n\n`);
  }

  #finish(end: TailEnd, error?: HeadraceError): TailEnd {
    if (end === "gone") return end;
    const event = end === "dropped" ? "dropped" : "end";
    const data = {
      reason: end,
      ...(error === undefined || end === "draining" ? {} : { detail: error.message }),
    };
    this.#response.end(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    // Who takes nothing doesn't take the notice either.
    const cut = setTimeout(() => this.#response.destroy(), this.#deps.limits.goodbyeMax);
    this.#response.once("close", () => clearTimeout(cut));
    return end;
  }
}

function endOf(error: unknown): TailEnd {
  if (!(error instanceof HeadraceError)) return "failed";
  if (error.code === "overloaded") return "dropped";
  return error.code === "draining" ? "draining" : "failed";
}
