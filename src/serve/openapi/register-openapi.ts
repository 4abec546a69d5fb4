import { createHash } from "node:crypto";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Project } from "../../project/declarations.ts";
import { docsPage } from "../docs/docs-page.ts";
import { matchesEtag } from "../negotiate.ts";
import type { EndpointCheck } from "../verify-endpoints.ts";
import { buildOpenApi } from "./build-openapi.ts";

export interface OpenApiDeps {
  readonly project: Project;
  /** The version of Headrace. */
  readonly version: string;
  /** The row types of the endpoints: `() => verifyEndpoints(project, store)`. Asked again while one of them failed. */
  readonly checks: () => Promise<readonly EndpointCheck[]>;
}

/** Registers `GET /v1/openapi.json` and `GET /docs`. */
export function registerOpenApi(app: FastifyInstance, deps: OpenApiDeps): void {
  const document = new CurrentDocument(deps);
  app.get("/v1/openapi.json", { config: { scope: "any" } }, async (request, reply) => {
    void reply.header("content-type", "application/json; charset=utf-8");
    return sendTagged(await document.text(), request, reply);
  });
  const page = docsPage();
  // The page alone tells nothing: what it shows it asks for with the reader's token.
  app.get("/docs", { config: { scope: "open" } }, (request, reply) => {
    void reply.header("content-type", "text/html; charset=utf-8");
    void reply.header("content-security-policy", page.contentSecurityPolicy);
    return sendTagged(page.html, request, reply);
  });
}

/** The document, built when it is first asked for, and again as long as an endpoint couldn't be verified. */
class CurrentDocument {
  readonly #deps: OpenApiDeps;
  #text: Promise<string> | undefined;

  constructor(deps: OpenApiDeps) {
    this.#deps = deps;
  }

  text(): Promise<string> {
    this.#text ??= this.#build();
    return this.#text;
  }

  async #build(): Promise<string> {
    const { project, version } = this.#deps;
    const checks = await this.#deps.checks().catch(() => []);
    const complete = project.endpoints.every(({ name }) =>
      checks.some((check) => check.endpoint === name && check.ok),
    );
    if (!complete) this.#text = undefined;
    return JSON.stringify(buildOpenApi(project, { version, checks }));
  }
}

function sendTagged(text: string, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const etag = `"${createHash("sha1").update(text).digest("base64url")}"`;
  void reply.header("etag", etag).header("cache-control", "no-cache");
  return matchesEtag(request.headers["if-none-match"], etag) ? reply.code(304).send() : reply.send(text);
}
