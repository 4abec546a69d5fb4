import type { Column } from "./column.ts";

/**
 * The rules for one value on the wire, read off the Zod schema: everything that the generated validator needs in
 * order to be sure that a value is good. Both validators work from it, so they can't disagree on what is declared.
 */
export type WireType =
  | {
      readonly kind: "string";
      /** In the units that Zod counts; the fast path decides only for ASCII, where all units agree. */
      readonly min?: number;
      readonly max?: number;
      /** Set when there are checks that only Zod can run (formats, patterns, refinements). */
      readonly slow?: boolean;
    }
  | { readonly kind: "enum"; readonly values: readonly string[] }
  | { readonly kind: "boolean" }
  /** JSON integers in [min, max]; `text` when strings of digits are taken too (int64, uint64). */
  | { readonly kind: "int"; readonly min: bigint; readonly max: bigint; readonly text: boolean }
  | { readonly kind: "float"; readonly bits: 32 | 64; readonly min?: number; readonly max?: number }
  | { readonly kind: "decimal"; readonly precision: number; readonly scale: number }
  /** yyyy-mm-dd within the column's range. */
  | { readonly kind: "date" }
  /** RFC 3339; `offset` when other zones than Z are taken; `local` when none is (then it means UTC). */
  | {
      readonly kind: "datetime";
      readonly precision: number;
      readonly offset: boolean;
      readonly local: boolean;
    }
  | { readonly kind: "uuid" }
  | { readonly kind: "ipv4" }
  | { readonly kind: "ipv6" }
  | { readonly kind: "json" }
  | { readonly kind: "array"; readonly element: WireValue; readonly min?: number; readonly max?: number }
  | { readonly kind: "map"; readonly value: WireValue }
  | { readonly kind: "object"; readonly fields: readonly WireField[]; readonly loose: boolean }
  /** A type that only the slow path can judge. */
  | { readonly kind: "slow" };

export interface WireValue {
  readonly type: WireType;
  readonly nullable: boolean;
}

export interface WireField extends WireValue {
  readonly name: string;
  /** Whether the field may be absent. With a default the slow path fills it in. */
  readonly optional: boolean;
  readonly hasDefault: boolean;
  readonly column: Column;
}

/** The whole event: an object whose fields are the stream's columns. `slow` when a refinement of the event needs Zod. */
export interface EventType {
  readonly fields: readonly WireField[];
  readonly loose: boolean;
  readonly slow: boolean;
}
