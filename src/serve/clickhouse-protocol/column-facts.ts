/** What `system.columns` and `information_schema.columns` tell of a type; null where it has no such thing. */
export interface ColumnFacts {
  /** Bytes of a text at most. */
  readonly octets: number | null;
  readonly precision: number | null;
  readonly radix: number | null;
  readonly scale: number | null;
  /** Digits of a second. */
  readonly fraction: number | null;
}

const NONE: ColumnFacts = { octets: null, precision: null, radix: null, scale: null, fraction: null };

/** Reads a type of the engine, such as Nullable(Decimal(18, 4)). */
export function columnFacts(type: string): ColumnFacts {
  const inner = /^(?:Nullable|LowCardinality)\((.*)\)$/s.exec(type)?.[1];
  if (inner !== undefined) return columnFacts(inner);
  const integer = /^U?Int(\d+)$/.exec(type)?.[1];
  if (integer !== undefined) return { ...NONE, precision: Number(integer), radix: 2, scale: 0 };
  const float = /^Float(\d+)$/.exec(type)?.[1];
  if (float !== undefined) return { ...NONE, precision: Number(float), radix: 2 };
  const decimal = /^Decimal\((\d+), (\d+)\)$/.exec(type);
  if (decimal !== null)
    return { ...NONE, precision: Number(decimal[1]), radix: 10, scale: Number(decimal[2]) };
  const fraction = /^DateTime64\((\d)/.exec(type)?.[1];
  if (fraction !== undefined) return { ...NONE, fraction: Number(fraction) };
  if (type.startsWith("DateTime")) return { ...NONE, fraction: 0 };
  const octets = /^FixedString\((\d+)\)$/.exec(type)?.[1];
  return octets === undefined ? NONE : { ...NONE, octets: Number(octets) };
}
