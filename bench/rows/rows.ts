import { singleEvents } from "./a-single-events.ts";
import { batches } from "./b-batches.ts";
import { endToEnd } from "./c-loading.ts";
import { freshness } from "./d-freshness.ts";
import { uncachedEndpoint } from "./e-uncached.ts";
import { cachedEndpoint } from "./f-cached.ts";
import { queriesDuringIngest } from "./g-during-ingest.ts";
import { start } from "./h-start.ts";
import { memory } from "./i-memory.ts";
import { growth } from "./j-growth.ts";
import type { Row } from "./row.ts";

/** The table of what is to be reached, in its order. */
export const ROWS: readonly Row[] = [
  singleEvents,
  batches,
  endToEnd,
  freshness,
  uncachedEndpoint,
  cachedEndpoint,
  queriesDuringIngest,
  start,
  memory,
  growth,
];
