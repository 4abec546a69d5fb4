import { type EventError, ERRORS_PER_EVENT_MAX } from "../event-validator.ts";
import type { EventErrorCode } from "./event-error-codes.ts";
import { describeNode, type JsonNode, pointer } from "./json-node.ts";

/** Where in an event the judging is, and the errors so far. */
export class Scope {
  readonly errors: EventError[] = [];
  readonly #path: (string | number)[] = [];

  /** Whether more errors would not be reported. */
  get full(): boolean {
    return this.errors.length >= ERRORS_PER_EVENT_MAX;
  }

  /** Runs `judge` one step further in. */
  inside<T>(step: string | number, judge: () => T): T {
    this.#path.push(step);
    const result = judge();
    this.#path.pop();
    return result;
  }

  fail(code: EventErrorCode, message: string): undefined {
    if (!this.full) this.errors.push({ path: pointer(this.#path), code, message });
    return undefined;
  }

  /** `expected an integer, got "late"`. */
  expected(code: EventErrorCode, expected: string, node: JsonNode): undefined {
    return this.fail(code, `expected ${expected}, got ${describeNode(node)}`);
  }

  wrongType(expected: string, node: JsonNode): undefined {
    return this.expected("invalid_type", expected, node);
  }
}
