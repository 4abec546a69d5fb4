/** Why an event was rejected, as it stands in `errors` of an ingest answer. */
export interface EventError {
  /** JSON pointer to the value, "" for the event itself. */
  readonly path: string;
  /** A stable code, such as `invalid_type`, `out_of_range`, `unknown_field`, `invalid_json`, `too_large`. */
  readonly code: string;
  /** For people: what was expected and what was got. */
  readonly message: string;
}

/**
 * The verdict on one event:
 * - `true`: accepted, and its bytes as they came are the line to load;
 * - a Buffer: accepted, and this is the line to load (defaults filled in, datetimes in UTC…), without its newline;
 * - a list: rejected, with the reasons (at least one, at most `ERRORS_PER_EVENT_MAX`).
 */
export type Verdict = true | Buffer | readonly EventError[];

/** Validates events of one stream; built once for its schema. */
export interface EventValidator {
  /**
   * Judges the single JSON value that `body` holds from `start` to before `end`. The bytes may hold newlines between
   * tokens only when the verdict isn't `true`. Never throws for bad input.
   */
  validate(body: Buffer, start: number, end: number): Verdict;
}

/** The most reasons that one event is rejected with. */
export const ERRORS_PER_EVENT_MAX = 10;
