import { HeadraceError } from "../errors.ts";
import { membersOf, textOf } from "./json-value.ts";

/** An endpoint's JSON answer. */
export interface EndpointAnswer {
  readonly data: readonly Readonly<Record<string, unknown>>[];
  readonly meta: readonly { readonly name: string; readonly type: string }[];
  /** Seconds that the engine took. */
  readonly elapsed: number | undefined;
}

/** @throws HeadraceError `unexpected_answer` when it is something else. */
export function readAnswer(answer: unknown): EndpointAnswer {
  const { data, meta, statistics } = membersOf(answer);
  if (!Array.isArray(data) || !Array.isArray(meta)) {
    throw new HeadraceError("unexpected_answer", "the answer has no `data` and `meta`");
  }
  const { elapsed } = membersOf(statistics);
  return {
    data: data.map(membersOf),
    meta: meta.map((column) => {
      const { name, type } = membersOf(column);
      return { name: textOf(name), type: textOf(type) };
    }),
    elapsed: typeof elapsed === "number" ? elapsed : undefined,
  };
}
