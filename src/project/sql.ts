/** SQL text with its bound parameters, ready for a store: `{p1:String}` in `text` stands for `params.p1`. */
export interface BoundSql {
  readonly text: string;
  readonly params: Readonly<Record<string, BoundValue>>;
}

/** A parameter's value in text form, as the engine reads it, and its type in the store's words. */
export interface BoundValue {
  readonly type: string;
  /** Shape: a string, or nested arrays of strings; null for NULL. Never spliced into SQL text. */
  readonly value: BoundText;
}
export type BoundText = string | null | readonly BoundText[];

export interface Sql {
  readonly kind: "sql";
}
