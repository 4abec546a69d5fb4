import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import type { Answer } from "./answer.ts";

interface Header {
  readonly required?: boolean;
  readonly schema: { readonly type: string; readonly const?: string };
}
interface Response {
  readonly headers?: Readonly<Record<string, Header>>;
  readonly content?: Readonly<Record<string, { readonly schema?: object }>>;
}
export interface Operation {
  readonly responses: Readonly<Record<string, Response>>;
  readonly security: readonly object[];
}
export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

/** Headers that any answer may have, as docs/ACCESS.md and HTTP itself say; every other one has to be documented. */
const OF_ANY_ANSWER = new Set(
  [
    "connection content-length content-type date keep-alive transfer-encoding",
    "content-encoding vary cache-control x-request-id x-accel-buffering",
    "content-security-policy cross-origin-resource-policy referrer-policy x-content-type-options x-frame-options",
    "ratelimit ratelimit-policy",
  ].flatMap((names) => names.split(" ")),
);

/** The OpenAPI document of a server as a contract: what each operation may answer, and what of it was seen. */
export class Contract {
  readonly #document: OpenApi;
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true });
  readonly #seen = new Set<string>();

  constructor(document: OpenApi) {
    this.#document = document;
    formats.default(this.#ajv);
    this.#ajv.addSchema(document, "document");
  }

  /** Each operation, as `GET /v1/streams`. */
  operations(): readonly (readonly [name: string, operation: Operation])[] {
    return Object.entries(this.#document.paths).flatMap(([path, item]) =>
      Object.entries(item).map(
        ([method, operation]) => [`${method.toUpperCase()} ${path}`, operation] as const,
      ),
    );
  }

  /** The operations that may answer with an error of this code. */
  answeringWith(code: string): readonly string[] {
    return this.operations()
      .filter(([, { responses }]) => Object.values(responses).some((one) => codesOf(one).includes(code)))
      .map(([name]) => name);
  }

  /** Everything that is documented: `GET /v1/streams 200 application/json`, `GET /v1/streams 401 token_missing`. */
  documented(): readonly string[] {
    return this.operations().flatMap(([name, { responses }]) =>
      Object.entries(responses).flatMap(([status, response]) =>
        variantsOf(response).map((variant) => `${name} ${status} ${variant}`),
      ),
    );
  }

  /** What is documented and wasn't seen. */
  unseen(): readonly string[] {
    return this.documented().filter((one) => !this.#seen.has(one));
  }

  /**
   * `GET /v1/streams 200 application/json` of an answer that is as the document has it, which has been seen then; else what is
   * wrong with it.
   */
  verdict(name: string, answer: Answer): string {
    const response = this.#operation(name).responses[String(answer.status)];
    const what = `${name} ${answer.status}`;
    if (response === undefined) return `${what} isn't documented: ${answer.body.toString().slice(0, 500)}`;
    const [variant, problems] = this.#readBody(name, response, answer);
    const all = [...problems, ...headerProblems(response, answer)];
    if (all.length > 0) return `${what} ${variant}: ${all.join("; ")}`;
    this.#seen.add(`${what} ${variant}`);
    return `${what} ${variant}`;
  }

  #operation(name: string): Operation {
    const found = this.operations().find(([one]) => one === name);
    if (found === undefined) throw new Error(`there is no operation ${name}`);
    return found[1];
  }

  #readBody(name: string, { content }: Response, answer: Answer): readonly [string, readonly string[]] {
    if (content === undefined) return [NO_BODY, answer.body.length === 0 ? [] : ["it has a body"]];
    const type = (answer.headers["content-type"] ?? "").split(";")[0] ?? "";
    const media = content[type];
    if (media === undefined) return [type, [`the media type "${type}" isn't documented`]];
    if (answer.body.length === 0) return [type, ["it has no body"]];
    if (media.schema === undefined || !type.endsWith("json") || type === "application/x-ndjson") {
      return [type, []];
    }
    const body: unknown = JSON.parse(answer.body.toString());
    const [method = "", path = ""] = name.split(" ");
    const { status } = answer;
    const response = [method.toLowerCase(), "responses", String(status)];
    const place = ["paths", path, ...response, "content", type, "schema"].map((part) =>
      encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1")),
    );
    const validate = this.#ajv.compile({ $ref: `document#/${place.join("/")}` });
    const problems = validate(body)
      ? []
      : [`${this.#ajv.errorsText(validate.errors)}: ${JSON.stringify(body)}`];
    const isProblem = typeof body === "object" && body !== null && "code" in body;
    return [isProblem ? String(body.code) : type, problems];
  }
}

const NO_BODY = "without a body";

function headerProblems({ headers = {} }: Response, answer: Answer): readonly string[] {
  const documented = new Map(Object.entries(headers).map(([name, header]) => [name.toLowerCase(), header]));
  const unknown = Object.keys(answer.headers).filter(
    (name) => !OF_ANY_ANSWER.has(name) && !documented.has(name),
  );
  return [
    ...unknown.map((name) => `the header ${name} isn't documented`),
    ...[...documented].flatMap(([name, { required = false, schema }]) => {
      const value = answer.headers[name];
      if (value === undefined) return required ? [`the header ${name} is missing`] : [];
      const isWrong =
        (schema.type === "integer" && !/^\d+$/.test(value)) ||
        (schema.const !== undefined && schema.const !== value);
      return isWrong ? [`the header ${name} is "${value}"`] : [];
    }),
  ];
}

/** The codes of an error, or the media types of any other answer. */
function variantsOf(response: Response): readonly string[] {
  const codes = codesOf(response);
  const others = Object.keys(response.content ?? {}).filter((type) => type !== PROBLEM);
  return response.content === undefined ? [NO_BODY] : [...codes, ...others];
}

const PROBLEM = "application/problem+json";

function codesOf(response: Response): readonly string[] {
  const schema = response.content?.[PROBLEM]?.schema as
    | {
        readonly allOf: readonly [
          object,
          { readonly properties: { readonly code: { readonly enum: string[] } } },
        ];
      }
    | undefined;
  return schema?.allOf[1].properties.code.enum ?? [];
}
