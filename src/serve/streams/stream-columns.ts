import { compileSql } from "../../project/compile-sql.ts";
import type { Stream } from "../../project/declarations.ts";
import { sql } from "../../project/sql.ts";
import type { Store } from "../../store/store.ts";
import { eventJsonSchema } from "../openapi/event-schema.ts";
import type { JsonSchema } from "../openapi/json-schema.ts";

export interface StreamColumn {
  readonly name: string;
  /** The engine's type. */
  readonly type: string;
  readonly nullable: boolean;
  /** The JSON Schema of the field in an event. */
  readonly schema: JsonSchema;
}

/** The declared columns of streams, asked of the store once: tables change only at the start. */
export class StreamColumns {
  readonly #store: Store;
  readonly #kept = new Map<string, Promise<readonly StreamColumn[]>>();

  constructor(store: Store) {
    this.#store = store;
  }

  of(stream: Stream): Promise<readonly StreamColumn[]> {
    const kept = this.#kept.get(stream.name);
    if (kept !== undefined) return kept;
    const columns = this.#ask(stream);
    this.#kept.set(stream.name, columns);
    columns.catch(() => this.#kept.delete(stream.name));
    return columns;
  }

  async #ask(stream: Stream): Promise<readonly StreamColumn[]> {
    const { columns } = stream.schema;
    const list = columns
      .map((column) => sql.identifier(column.name))
      .reduce((all, one) => sql`${all}, ${one}`);
    const types = await this.#store.describe(
      compileSql(sql`SELECT ${list} FROM ${stream}`, this.#store.capabilities.dialect),
    );
    const { properties } = eventJsonSchema(stream);
    return columns.map(({ name, nullable }, index) => ({
      name,
      type: types[index]?.type ?? "",
      nullable,
      schema: properties[name] ?? {},
    }));
  }
}
