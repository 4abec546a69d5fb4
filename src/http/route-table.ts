import { nearestName } from "../project/nearest-name.ts";

interface Route {
  readonly url: string;
  readonly segments: readonly string[];
  readonly methods: Set<string>;
}

/** Longer paths get no suggestion: comparing costs the square of the length. Characters. */
const SUGGESTION_PATH_MAX = 200;

/** The routes that there are, so that a miss can say what it missed: the method, or the path and which is nearest. */
export class RouteTable {
  readonly #routes = new Map<string, Route>();

  add(url: string, methods: readonly string[]): void {
    const route = this.#routes.get(url) ?? { url, segments: url.split("/"), methods: new Set(["OPTIONS"]) };
    for (const method of methods) route.methods.add(method);
    this.#routes.set(url, route);
  }

  /** The methods that a path takes, sorted; [] when there is no such path. */
  methodsOf(path: string): readonly string[] {
    const segments = path.split("/");
    const methods = [...this.#routes.values()]
      .filter((route) => matches(route.segments, segments))
      .flatMap((route) => [...route.methods]);
    return [...new Set(methods)].sort();
  }

  /** The pattern of the route nearest to a path, such as `/v1/streams/{stream}/events`. */
  nearest(path: string): string | undefined {
    if (path.length > SUGGESTION_PATH_MAX) return undefined;
    const segments = path.split("/");
    const patterns = new Map<string, string>();
    for (const { url, segments: pattern } of this.#routes.values()) {
      // A parameter is as near as can be whatever it is, so it is compared as what was asked for.
      const filled =
        pattern.length === segments.length
          ? pattern.map((part, index) => (part.startsWith(":") ? segments[index] : part)).join("/")
          : url;
      patterns.set(filled, url.replaceAll(/:(\w+)/g, "{$1}"));
    }
    const near = nearestName(path, [...patterns.keys()]);
    return near === undefined ? undefined : patterns.get(near);
  }
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  if (pattern.at(-1) === "*") return pattern.slice(0, -1).every((part, index) => part === segments[index]);
  return (
    pattern.length === segments.length &&
    pattern.every((part, index) => (part.startsWith(":") ? segments[index] !== "" : part === segments[index]))
  );
}
