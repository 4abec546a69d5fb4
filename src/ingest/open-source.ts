import { binarySource, envelopeSource } from "./cloudevents/cloud-event-source.ts";
import { csvSource } from "./csv/csv-source.ts";
import type { EventSource, SourceContext } from "./event-source.ts";
import type { RequestHead } from "./request-head.ts";
import { splitJson } from "./split/split-json.ts";
import { splitNdjson } from "./split/split-ndjson.ts";

/** How the body of a request becomes events. */
export function openSource(
  body: Buffer,
  { mediaType, binary }: Pick<RequestHead, "mediaType" | "binary">,
  context: SourceContext,
): EventSource {
  if (binary !== undefined) return binarySource(body, binary, context);
  const limits = { events: context.limits.eventsMax };
  switch (mediaType) {
    case "application/json":
      return { splitter: splitJson(body, limits) };
    case "application/x-ndjson":
      return { splitter: splitNdjson(body, limits) };
    case "text/csv":
      return csvSource(body, context);
    case "application/cloudevents+json":
      return envelopeSource(body, "object", context);
    case "application/cloudevents-batch+json":
      break;
  }
  return envelopeSource(body, "array", context);
}
