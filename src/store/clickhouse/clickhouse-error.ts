/** What the engine said, before it is known what it means to the caller. Never leaves this folder. */
export class ClickHouseError extends Error {
  /** The engine's code, such as 62 for a syntax error; undefined when it wasn't the engine that failed. */
  readonly code: number | undefined;

  constructor(message: string, code: number | undefined, cause?: unknown) {
    super(message, { cause });
    this.name = "ClickHouseError";
    this.code = code;
  }
}
