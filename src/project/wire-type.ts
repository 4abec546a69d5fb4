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
  /** A JSON number in range. One written as an integer, without point and exponent, must come back as the same. */
  | { readonly kind: "float"; readonly bits: 32 | 64; readonly min?: number; readonly max?: number }
  /** A JSON number; a string of digits instead when `text` (only ever inside a `slow` type). */
  | { readonly kind: "decimal"; readonly precision: number; readonly scale: number; readonly text?: boolean }
  /** yyyy-mm-dd from 1900-01-01 to 2299-12-31, or what a narrower column holds (only ever inside a `slow` type). */
  | { readonly kind: "date"; readonly narrow?: boolean }
  /**
   * RFC 3339; `offset` when other zones than Z are taken; `local` when none is (then it means UTC). From 1900 to 2299,
   * with 9 digits to 2262-04-11T23:47:16Z; `narrow` columns hold 1970 to 2106 (only ever inside a `slow` type).
   */
  | {
      readonly kind: "datetime";
      readonly precision: number;
      readonly offset: boolean;
      readonly local: boolean;
      readonly narrow?: boolean;
    }
  /** As `z.uuid()` takes it: with the version and variant of RFC 9562, in any case. */
  | { readonly kind: "uuid" }
  | { readonly kind: "ipv4" }
  | { readonly kind: "ipv6" }
  | { readonly kind: "json" }
  | { readonly kind: "array"; readonly element: WireValue; readonly min?: number; readonly max?: number }
  | { readonly kind: "map"; readonly value: WireValue }
  | { readonly kind: "object"; readonly fields: readonly WireField[]; readonly loose: boolean }
  /** A value that only the slow path can judge, which goes by `type` and then asks Zod. */
  | { readonly kind: "slow"; readonly type: WireType };

export interface WireValue {
  readonly type: WireType;
  /** Whether null is taken and stored as null. */
  readonly nullable: boolean;
  /** Set when Zod wants null for an absent value (`.nullable()` without `.optional()`). */
  readonly absentAsNull?: boolean;
}

export interface WireField extends WireValue {
  readonly name: string;
  /** Whether the field may be absent. With a default the slow path fills it in. */
  readonly optional: boolean;
  readonly hasDefault: boolean;
  /** The default of one event, as the declaration gives it: a function's may differ from event to event. */
  readonly defaultValue?: () => unknown;
  readonly column: Column;
  /** The CloudEvents attribute that fills the field where an event's data lacks it: `.meta({ cloudevent: "time" })`. */
  readonly cloudEvent?: string;
}

/** The whole event: an object whose fields are the stream's columns. `slow` when a refinement of the event needs Zod. */
export interface EventType {
  readonly fields: readonly WireField[];
  readonly loose: boolean;
  readonly slow: boolean;
}
