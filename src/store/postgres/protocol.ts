import type { Duplex } from "node:stream";
import type { Connection, Submittable } from "pg";

/**
 * What of `pg`'s connection is used beyond its own queries. `pg` hands the messages of the server to whatever was
 * submitted, which is how its own cursors and COPY streams are made.
 */
export interface Wire {
  readonly stream: Duplex;
  query(text: string): void;
  parse(message: { readonly name: string; readonly text: string; readonly types: readonly number[] }): void;
  bind(message: { readonly values: readonly (string | null)[] }): void;
  describe(message: { readonly type: "S" | "P"; readonly name: string }): void;
  execute(message: { readonly portal: string; readonly rows: number }): void;
  sync(): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
  sendCopyFail(message: string): void;
}

/** A column of an answer, as the server describes it. */
export interface Field {
  readonly name: string;
  readonly dataTypeID: number;
  readonly dataTypeModifier: number;
}

/** A statement that `pg` runs for us. Each handler is called by `pg`. */
export abstract class Submitted implements Submittable {
  submit(connection: Connection): void {
    const wire = connection as unknown as Wire;
    // The messages of a statement leave in one packet.
    wire.stream.cork();
    this.send(wire);
    wire.stream.uncork();
  }

  protected abstract send(wire: Wire): void;

  handleRowDescription(_message: { readonly fields: readonly Field[] }): void {}
  handleDataRow(_message: { readonly fields: readonly (string | null)[] }): void {}
  handlePortalSuspended(): void {}
  handleEmptyQuery(): void {}
  handleCommandComplete(_message: { readonly text: string }): void {}
  handleCopyInResponse(wire: Wire): void {
    wire.sendCopyFail("nothing is to be copied");
  }
  handleCopyData(): void {}
  abstract handleReadyForQuery(): void;
  abstract handleError(error: Error): void;
}

/** The columns of a statement, without running it. Undefined when it gives no rows. */
export class Describe extends Submitted {
  readonly done: Promise<readonly Field[] | undefined>;
  readonly #text: string;
  readonly #end = Promise.withResolvers<readonly Field[] | undefined>();
  #fields: readonly Field[] | undefined;

  constructor(text: string) {
    super();
    this.#text = text;
    this.done = this.#end.promise;
  }

  protected send(wire: Wire): void {
    wire.parse({ name: "", text: this.#text, types: [] });
    wire.describe({ type: "S", name: "" });
    wire.sync();
  }

  override handleRowDescription({ fields }: { readonly fields: readonly Field[] }): void {
    this.#fields = fields;
  }

  handleReadyForQuery(): void {
    this.#end.resolve(this.#fields);
  }

  handleError(error: Error): void {
    this.#end.reject(error);
  }
}

/** One COPY … FROM STDIN of given bytes. `done` gives the number of rows. */
export class CopyIn extends Submitted {
  readonly done: Promise<number>;
  readonly #sql: string;
  readonly #chunks: readonly Buffer[];
  readonly #end = Promise.withResolvers<number>();
  #rows = 0;
  #over = false;

  constructor(sql: string, chunks: readonly Buffer[]) {
    super();
    this.#sql = sql;
    this.#chunks = chunks;
    this.done = this.#end.promise;
  }

  protected send(wire: Wire): void {
    wire.query(this.#sql);
  }

  override handleCopyInResponse(wire: Wire): void {
    void this.#feed(wire);
  }

  /** As fast as the server takes it; an error of the server's ends it. */
  async #feed(wire: Wire): Promise<void> {
    const { stream } = wire;
    for (const chunk of this.#chunks) {
      if (this.#over) return;
      wire.sendCopyFromChunk(chunk);
      if (stream.writableNeedDrain) await drained(stream);
    }
    if (!this.#over) wire.endCopyFrom();
  }

  override handleCommandComplete({ text }: { readonly text: string }): void {
    this.#rows = Number(/^COPY (\d+)$/.exec(text)?.[1] ?? Number.NaN);
  }

  handleReadyForQuery(): void {
    this.#over = true;
    this.#end.resolve(this.#rows);
  }

  handleError(error: Error): void {
    this.#over = true;
    this.#end.reject(error);
  }
}

/** Resolves when the stream takes more, or never will. */
function drained(stream: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const over = (): void => {
      stream.off("drain", over);
      stream.off("close", over);
      resolve();
    };
    if (stream.destroyed) return resolve();
    stream.once("drain", over);
    stream.once("close", over);
  });
}

/** Told of an answer as it comes. */
export interface RowConsumer {
  fields(fields: readonly Field[]): void;
  row(values: readonly (string | null)[]): void;
  /** All rows were there. `hasRows` is false for a statement that isn't a query. */
  end(hasRows: boolean): void;
  fail(error: Error): void;
}

/** One query whose rows are handed on as they come. The stream is paused by whoever consumes them. */
export class RowStream extends Submitted {
  readonly #text: string;
  readonly #values: readonly (string | null)[];
  readonly #consumer: RowConsumer;
  #hasRows = false;

  constructor(text: string, values: readonly (string | null)[], consumer: RowConsumer) {
    super();
    this.#text = text;
    this.#values = values;
    this.#consumer = consumer;
  }

  protected send(wire: Wire): void {
    wire.parse({ name: "", text: this.#text, types: [] });
    wire.bind({ values: this.#values });
    wire.describe({ type: "P", name: "" });
    // All rows at once: with a row limit the server would plan without parallel workers.
    wire.execute({ portal: "", rows: 0 });
    wire.sync();
  }

  override handleRowDescription({ fields }: { readonly fields: readonly Field[] }): void {
    this.#hasRows = true;
    this.#consumer.fields(fields);
  }

  override handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    this.#consumer.row(fields);
  }

  handleReadyForQuery(): void {
    this.#consumer.end(this.#hasRows);
  }

  handleError(error: Error): void {
    this.#consumer.fail(error);
  }
}
