import { compileValidator } from "../../../src/project/compile-stream.ts";
import type { Stream } from "../../../src/project/declarations.ts";
import type { EventError } from "../../../src/project/event-validator.ts";
import { eventTypeOf } from "../../../src/project/schema/stream-schema.ts";
import { INGEST_LIMITS } from "../../../src/ingest/limits.ts";
import type { MediaType } from "../../../src/ingest/media-type.ts";
import { openSource } from "../../../src/ingest/open-source.ts";
import { SPLIT_DONE } from "../../../src/ingest/split/event-splitter.ts";

/** What became of one event: the line for the store, or the reasons and the text that is kept of it. */
export type Judgement =
  { readonly line: string } | { readonly errors: readonly EventError[]; readonly raw: string };

/** Judges a whole body, without a server. */
export function judgeText(stream: Stream, mediaType: MediaType, text: string | Buffer): Judgement[] {
  const body = Buffer.from(text);
  const type = eventTypeOf(stream.zod, stream.name);
  const validator = compileValidator(stream);
  const source = openSource(body, { mediaType, binary: undefined }, { type, limits: INGEST_LIMITS });
  const judgements: Judgement[] = [];
  for (let count = source.splitter.next(); count !== SPLIT_DONE; count = source.splitter.next()) {
    for (let i = 0; i < count; i++) {
      const start = source.splitter.ranges[2 * i] ?? 0;
      const end = source.splitter.ranges[2 * i + 1] ?? 0;
      const conversion = source.convert?.(start, end) ?? { json: body, start, end };
      if ("errors" in conversion) {
        judgements.push({ errors: conversion.errors, raw: body.toString("utf8", start, end) });
        continue;
      }
      const raw = conversion.json.toString("utf8", conversion.start, conversion.end);
      const verdict = validator.validate(conversion.json, conversion.start, conversion.end);
      if (verdict === true) judgements.push({ line: raw });
      else if (Buffer.isBuffer(verdict)) judgements.push({ line: verdict.toString() });
      else judgements.push({ errors: verdict, raw });
    }
  }
  return judgements;
}
