import { KIB } from "../../units.ts";
import type { ResultColumn } from "../store.ts";
import { rowsOf, type Connection } from "./connection.ts";
import type { Field } from "./protocol.ts";
import { orNull, writerFor, type ValueWriter } from "./value-json.ts";

/** A column of an answer with the way to write its values. */
export interface AnswerColumn {
  readonly column: ResultColumn;
  readonly writer: ValueWriter;
}

/** Types that are remembered; there are some hundred and each may have modifiers. */
const REMEMBERED_MAX = 10_000;

/** Texts that are remembered, and their length in characters: an endpoint has one for each mix of optional parameters. */
const TEXTS_MAX = 1_000;
const TEXT_LENGTH_MAX = 8 * KIB;

const TYPES_SQL = `
  SELECT asked.oid::text, asked.modifier::text, format_type(asked.oid, nullif(asked.modifier, -1)),
    CASE WHEN t.typcategory = 'A' THEN t.typelem::text END
  FROM unnest($1::oid[], $2::integer[]) AS asked (oid, modifier) LEFT JOIN pg_catalog.pg_type t ON t.oid = asked.oid`;

/** What the types of answers are called and how their values are written. The server is asked once for each. */
export class ResultTypes {
  readonly #known = new Map<string, { readonly name: string; readonly writer: ValueWriter }>();

  /** Texts whose types are known. */
  readonly #texts = new Set<string>();

  /** Whether all types of this text's answer are known, so that no question is needed. Tables change only at the start. */
  knowsText(text: string): boolean {
    return this.#texts.has(text);
  }

  /** Tables may have other columns now. */
  forget(): void {
    this.#texts.clear();
  }

  async learn(connection: Pick<Connection, "query">, fields: readonly Field[], text: string): Promise<void> {
    await this.#learnFields(connection, fields);
    if (text.length > TEXT_LENGTH_MAX) return;
    if (this.#texts.size >= TEXTS_MAX) this.#texts.clear();
    this.#texts.add(text);
  }

  async #learnFields(connection: Pick<Connection, "query">, fields: readonly Field[]): Promise<void> {
    const unknown = fields.filter((field) => !this.#known.has(keyOf(field)));
    if (unknown.length === 0) return;
    if (this.#known.size > REMEMBERED_MAX) {
      this.#known.clear();
      this.#texts.clear();
    }
    const rows = await rowsOf(connection, TYPES_SQL, [
      `{${unknown.map(({ dataTypeID }) => dataTypeID).join(",")}}`,
      `{${unknown.map(({ dataTypeModifier }) => dataTypeModifier).join(",")}}`,
    ]);
    for (const [oid, modifier, name, element] of rows) {
      const inner = typeof element === "string" ? writerFor(Number(element), Number(modifier)) : undefined;
      const writer = writerFor(Number(oid), Number(modifier), inner);
      this.#known.set(`${oid}:${modifier}`, { name: name ?? "unknown", writer });
    }
  }

  columns(fields: readonly Field[]): readonly AnswerColumn[] {
    return fields.map((field) => {
      const type = this.#known.get(keyOf(field));
      const writer = type?.writer ?? writerFor(field.dataTypeID, field.dataTypeModifier);
      return {
        // PostgreSQL doesn't tell of a result's column whether it may be null.
        column: { name: field.name, type: type?.name ?? "unknown", jsonSchema: orNull(writer.schema) },
        writer,
      };
    });
  }
}

function keyOf({ dataTypeID, dataTypeModifier }: Field): string {
  return `${dataTypeID}:${dataTypeModifier}`;
}
