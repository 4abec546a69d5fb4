import { singleEvents } from "./a-single-events.ts";
import { batches } from "./b-batches.ts";
import { endToEnd } from "./c-loading.ts";
import { cachedEndpoint } from "./f-cached.ts";
import type { Row } from "./row.ts";

/** The table of what is to be reached, in its order. */
export const ROWS: readonly Row[] = [singleEvents, batches, endToEnd, cachedEndpoint];
