/** One row of docs/TYPES.md. The tests send every example through the validator and the engine. */
export interface TypeRow {
  /** The type as it is written in a schema; `typeOf` makes the schema of it. */
  readonly zod: string;
  /** The JSON that is taken. */
  readonly accepts: string;
  /** What a producer sends → what an answer holds, both as JSON. */
  readonly examples: readonly (readonly [sent: string, answered: string])[];
  /** What is refused, and with which code. */
  readonly rejects: readonly (readonly [sent: string, code: string])[];
}

export interface TypeSection {
  readonly title: string;
  readonly rows: readonly TypeRow[];
}
