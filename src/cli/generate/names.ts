/** Members that every client has, and names that JavaScript gives a meaning to: `await` calls a `then`. */
const RESERVED_MEMBERS = new Set(["flush", "close", "streams", "endpoints", "then", "constructor"]);

/** Whether a stream or endpoint is only in `client.streams` and `client.endpoints`. */
export function isHidden(name: string): boolean {
  return RESERVED_MEMBERS.has(name);
}

/** Gives names to types: delays_by_origin and "Row" make DelaysByOriginRow, unless something has that name already. */
export class TypeNames {
  readonly #taken: Set<string>;

  constructor(taken: Iterable<string>) {
    this.#taken = new Set(taken);
  }

  name(of: string, kind: "Event" | "Params" | "Row"): string {
    const words = of.split("_").filter((word) => word !== "");
    const base = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
    for (let count = 1; ; count++) {
      const name = `${base}${count === 1 ? "" : count}${kind}`;
      if (this.#taken.has(name)) continue;
      this.#taken.add(name);
      return name;
    }
  }
}

/** The names that a TypeScript source declares at its top level. */
export function declaredNames(source: string): string[] {
  const declaration = /^(?:export )?(?:async )?(?:interface|type|class|const|function) (\w+)/gm;
  return Array.from(source.matchAll(declaration), ([, name]) => name ?? "");
}
