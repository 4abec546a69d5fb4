import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { registerOpenApi } from "../../src/serve/openapi/register-openapi.ts";
import { delays, serveProject } from "./served-project.ts";
import type { ServedProject } from "./served-project.ts";

const hash = (text: string) => createHash("sha256").update(text).digest("base64");

describe("the docs page", () => {
  let served: ServedProject;
  let response: Response;
  let html: string;
  const inside = (tag: string) => new RegExp(`<${tag}[^>]*>([^]*?)</${tag}>`).exec(html)?.[1] ?? "";

  beforeAll(async () => {
    served = await serveProject([delays], {
      register: ({ server, project }) => {
        registerOpenApi(server.app, { project, version: "1.2.3", checks: async () => [] });
      },
    });
    response = await fetch(`${served.url}/docs`);
    html = await response.text();
  });
  afterAll(() => served.close());

  it("is one HTML page", () => {
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(html).toMatch(/^<!doctype html>/i);
  });

  it("asks nobody else for anything", () => {
    expect(html).not.toMatch(/https?:\/\/|<link[^>]+href="(?!data:)|<script[^>]+src=|@import|url\(/);
  });

  it("allows its own style and script by hash, and nothing else", () => {
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain(`style-src 'sha256-${hash(inside("style"))}'`);
    expect(policy).toContain(`script-src 'sha256-${hash(inside("script"))}'`);
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain("unsafe");
    // Neither attributes with scripts nor with styles get past such a policy.
    expect(html).not.toMatch(/ (?:style|on[a-z]+)="/);
  });

  it("has its modules joined to one script that parses", () => {
    const script = inside("script");
    expect(script).not.toMatch(/^(?:import|export) /m);
    expect(script).toContain("function el(");
    // The constructor of async functions, which take `await` as a module does: throws when the text isn't a program.
    const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor as new (text: string) => unknown;
    expect(() => new AsyncFunction(script)).not.toThrow();
  });

  it("never makes HTML of what it was told", () => {
    expect(inside("script")).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b/);
  });

  it("is readable without a script, at least where the document is", () => {
    expect(html).toContain("v1/openapi.json");
  });

  it("still answers when the endpoints can't be verified", async () => {
    const broken = await fetch(`${served.url}/v1/openapi.json`);
    expect(broken.status).toBe(200);
    expect(Object.keys(((await broken.json()) as { paths: object }).paths)).toContain(
      "/v1/endpoints/delays_by_origin",
    );
  });
});
