import type { Span } from "../store/store.ts";

/** Sets of offsets as sorted, disjoint ranges (`to` excluded). None of these functions changes its arguments. */
export type Spans = readonly Span[];

export const NO_SPANS: Spans = [];

/** @param offsets Rising. */
export function spansOf(offsets: Iterable<number>): Spans {
  const spans: { from: number; to: number }[] = [];
  for (const offset of offsets) {
    const last = spans.at(-1);
    if (last?.to === offset) last.to = offset + 1;
    else spans.push({ from: offset, to: offset + 1 });
  }
  return spans;
}

export function sizeOf(spans: Spans): number {
  let size = 0;
  for (const span of spans) size += span.to - span.from;
  return size;
}

export function has(spans: Spans, offset: number): boolean {
  const span = spans[firstEndingAfter(spans, offset)];
  return span !== undefined && span.from <= offset;
}

/** How many offsets of a range are in the set. */
export function sizeWithin(spans: Spans, range: Span): number {
  return sizeOf(within(spans, range));
}

/** The part of the set that lies in a range. */
export function within(spans: Spans, range: Span): Spans {
  const found: Span[] = [];
  for (let index = firstEndingAfter(spans, range.from); index < spans.length; index++) {
    const span = spans[index];
    if (span === undefined || span.from >= range.to) break;
    const from = Math.max(span.from, range.from);
    const to = Math.min(span.to, range.to);
    if (from < to) found.push({ from, to });
  }
  return found;
}

export function union(a: Spans, b: Spans): Spans {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  return join([...a, ...b].sort((left, right) => left.from - right.from));
}

/** @param spans Rising by `from`; they may touch and overlap. */
export function join(spans: readonly Span[]): Spans {
  const joined: { from: number; to: number }[] = [];
  for (const span of spans) {
    if (span.from >= span.to) continue;
    const last = joined.at(-1);
    if (last !== undefined && span.from <= last.to) last.to = Math.max(last.to, span.to);
    else joined.push({ ...span });
  }
  return joined;
}

/** What is in `a` and not in `b`. */
export function subtract(a: Spans, b: Spans): Spans {
  const left: Span[] = [];
  for (const span of a) {
    let from = span.from;
    for (const hole of within(b, span)) {
      if (hole.from > from) left.push({ from, to: hole.from });
      from = hole.to;
    }
    if (from < span.to) left.push({ from, to: span.to });
  }
  return left;
}

/** Cuts the set after its first `size` offsets. */
export function split(spans: Spans, size: number): [Spans, Spans] {
  let left = size;
  for (const [index, span] of spans.entries()) {
    const length = span.to - span.from;
    if (length > left) {
      const at = span.from + left;
      const head = left > 0 ? [...spans.slice(0, index), { from: span.from, to: at }] : spans.slice(0, index);
      return [head, [{ from: at, to: span.to }, ...spans.slice(index + 1)]];
    }
    left -= length;
  }
  return [spans, NO_SPANS];
}

/** The range from the first to the last offset. The set must not be empty. */
export function extent(spans: Spans): Span {
  const [first, last] = [spans[0], spans.at(-1)];
  if (first === undefined || last === undefined) throw new RangeError("an empty set has no extent");
  return { from: first.from, to: last.to };
}

export function* offsetsOf(spans: Spans): Generator<number> {
  for (const span of spans) for (let offset = span.from; offset < span.to; offset++) yield offset;
}

function firstEndingAfter(spans: Spans, offset: number): number {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((spans[middle]?.to ?? Infinity) <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
