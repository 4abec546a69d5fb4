import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isLoopback, loadClientConfig, loadConfig } from "../src/config.ts";
import { HeadraceError } from "../src/errors.ts";
import { SEGMENT_BYTES_MAX } from "../src/log/embedded/limits.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "headrace-config-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const load = (env: Record<string, string>, flags = {}) => loadConfig({ projectFolder: folder, env, flags });

function refusal(env: Record<string, string>): HeadraceError {
  try {
    load(env);
  } catch (error) {
    if (error instanceof HeadraceError) return error;
  }
  throw new Error("it was not refused");
}

describe("settings", () => {
  test("have sensible defaults, frozen", () => {
    const config = load({});
    expect(config).toMatchObject({ host: "127.0.0.1", port: 7070, dataFolder: join(folder, ".headrace") });
    expect(Object.isFrozen(config)).toBe(true);
  });

  test("come from flags before the environment before .env", async () => {
    await writeFile(join(folder, ".env"), "HEADRACE_PORT=1001\nHEADRACE_QUERIES_MAX=9\n");
    try {
      expect(load({}).port).toBe(1001);
      expect(load({ HEADRACE_PORT: "1002" }).port).toBe(1002);
      expect(load({ HEADRACE_PORT: "1002" }, { port: "1003" })).toMatchObject({ port: 1003, queriesMax: 9 });
    } finally {
      await rm(join(folder, ".env"));
    }
  });

  test("an empty variable is one that isn't set", () => {
    expect(load({ HEADRACE_PORT: "" }).port).toBe(7070);
  });

  test("sizes and durations are read with their units", () => {
    expect(load({ HEADRACE_INGEST_BODY_MAX: "2 MiB", HEADRACE_KEY_WINDOW: "90m" })).toMatchObject({
      ingestBodyMax: 2_097_152,
      keyWindow: 5_400_000,
    });
  });

  test.each([
    [{ HEADRACE_PORT: "70000" }, "HEADRACE_PORT"],
    [{ HEADRACE_PORT: "http" }, "HEADRACE_PORT"],
    [{ HEADRACE_QUERIES_MAX: "1" }, "HEADRACE_QUERIES_MAX"],
    [{ HEADRACE_INGEST_BODY_MAX: "12 parsecs" }, "HEADRACE_INGEST_BODY_MAX"],
    [{ HEADRACE_KEY_WINDOW: "1" }, "HEADRACE_KEY_WINDOW"],
    [{ HEADRACE_LOG_LEVEL: "loud" }, "HEADRACE_LOG_LEVEL"],
    [{ HEADRACE_STORE_URL: "mysql://x" }, "HEADRACE_STORE_URL"],
  ])("a bad value is refused with the name of its setting: %o", (env, name) => {
    const error = refusal(env);
    expect(error.code).toBe("config_invalid");
    expect(error.message).toContain(name);
  });

  test("a segment's size is one that the log takes", () => {
    expect(load({ HEADRACE_LOG_SEGMENT_SIZE: "1GiB" }).logSegmentSize).toBe(SEGMENT_BYTES_MAX);
    expect(refusal({ HEADRACE_LOG_SEGMENT_SIZE: "2GiB" }).message).toContain("from 64KiB to 1GiB");
  });

  test("a misspelt name is refused with the nearest one", () => {
    expect(refusal({ HEADRACE_PROT: "1" }).message).toContain("did you mean HEADRACE_PORT");
  });

  test("an adapter that isn't there is refused, without showing the URL's password", () => {
    const error = refusal({ HEADRACE_LOG_URL: "kafka://user:hunter2@host/db" });
    expect(error.message).toContain("no adapter");
    expect(error.message).not.toContain("hunter2");
  });

  test("what Kubernetes injects for a service named headrace is ignored", () => {
    const injected = {
      HEADRACE_PORT: "tcp://10.0.0.1:7070",
      HEADRACE_SERVICE_HOST: "10.0.0.1",
      HEADRACE_PORT_7070_TCP_ADDR: "10.0.0.1",
    };
    expect(load(injected).port).toBe(7070);
    expect(loadClientConfig(injected).url).toBe("http://127.0.0.1:7070");
  });

  test("listening beyond loopback is refused", () => {
    expect(refusal({ HEADRACE_HOST: "0.0.0.0" }).code).toBe("listen_refused");
  });

  test("with tokens it is not, and their file is found from the project's folder", () => {
    expect(load({ HEADRACE_HOST: "0.0.0.0", HEADRACE_TOKENS: "[]" }).host).toBe("0.0.0.0");
    const { tokensFile } = load({ HEADRACE_HOST: "::", HEADRACE_TOKENS_FILE: "secrets/tokens.json" });
    expect(tokensFile).toBe(join(folder, "secrets/tokens.json"));
    expect(load({ HEADRACE_TOKENS_FILE: "/run/secrets/tokens" }).tokensFile).toBe("/run/secrets/tokens");
  });

  test("tokens from two places are refused, also when one of them is .env, and not shown", async () => {
    expect(refusal({ HEADRACE_TOKENS: "hunter2", HEADRACE_TOKENS_FILE: "t.json" }).code).toBe(
      "config_invalid",
    );
    await writeFile(join(folder, ".env"), "HEADRACE_TOKENS=hunter2\n");
    try {
      const { code, message } = refusal({ HEADRACE_TOKENS_FILE: "t.json" });
      expect([code, message]).toEqual(["config_invalid", expect.not.stringContaining("hunter2")]);
    } finally {
      await rm(join(folder, ".env"));
    }
  });

  test("CORS origins are exact origins or *", () => {
    expect(load({}).corsOrigins).toEqual([]);
    expect(load({ HEADRACE_CORS_ORIGINS: "https://a.example, http://localhost:3000" }).corsOrigins).toEqual([
      "https://a.example",
      "http://localhost:3000",
    ]);
    expect(load({ HEADRACE_CORS_ORIGINS: "*" }).corsOrigins).toEqual(["*"]);
    for (const wrong of [
      "a.example",
      "https://a.example/",
      "https://*.example",
      "https://A.example",
      "null",
    ]) {
      expect(refusal({ HEADRACE_CORS_ORIGINS: wrong }).message).toContain("HEADRACE_CORS_ORIGINS");
    }
  });
});

test("loopback is 127.0.0.0/8, ::1 and localhost, and nothing that only looks like it", () => {
  expect(["127.0.0.1", "127.9.9.9", "::1", "localhost"].map(isLoopback)).toEqual([true, true, true, true]);
  expect(["0.0.0.0", "127.evil.com", "10.0.0.1", "::"].map(isLoopback)).toEqual([false, false, false, false]);
});

test("a client's URL has no trailing slash, and a bad one is refused", () => {
  expect(loadClientConfig({ HEADRACE_URL: "http://host:1/" })).toEqual({
    url: "http://host:1",
    token: undefined,
  });
  expect(() => loadClientConfig({ HEADRACE_URL: "host:1" })).toThrow(/HEADRACE_URL/);
});
