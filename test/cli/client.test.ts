import { afterEach, expect, test, vi } from "vitest";
import { connect } from "../../src/cli/client.ts";
import { IngestServer } from "./support/ingest-server.ts";
import { memoryIo, runHere } from "./support/run.ts";

afterEach(() => vi.unstubAllEnvs());

function warningOf(url: string, token = "hr_secret"): string {
  vi.stubEnv("HEADRACE_URL", url);
  vi.stubEnv("HEADRACE_TOKEN", token);
  const { io, stderr } = memoryIo();
  connect(io);
  return stderr();
}

test("a token that would go unencrypted to another machine is worth a warning that doesn't hold it", () => {
  const warning = warningOf("http://headrace.example.com:7070");
  expect(warning).toContain("HEADRACE_TOKEN goes to headrace.example.com unencrypted");
  expect(warning).not.toContain("secret");
});

test.each([
  "https://headrace.example.com",
  "http://127.0.0.1:7070",
  "http://localhost:7070",
  "http://[::1]:7070",
])("a token that goes to %s is worth none", (url) => expect(warningOf(url)).toBe(""));

test("without a token there is none", () => {
  expect(warningOf("http://headrace.example.com", "")).toBe("");
});

test("the token of HEADRACE_TOKEN is sent, without the newline that a file ends in", async () => {
  const server = new IngestServer();
  vi.stubEnv("HEADRACE_URL", await server.start());
  vi.stubEnv("HEADRACE_TOKEN", "hr_secret\n");
  try {
    expect((await runHere(["publish", "flights"], { stdin: `{"n": 1}\n` })).code).toBe(0);
    expect(server.received[0]?.token).toBe("Bearer hr_secret");
  } finally {
    await server.stop();
  }
});

test("a token that no header takes is refused without being shown", async () => {
  vi.stubEnv("HEADRACE_TOKEN", "hr_secret\nX-Evil: 1");
  const { code, stderr } = await runHere(["query", "delays"]);
  expect(code).toBe(1);
  expect(stderr).toContain("HEADRACE_TOKEN");
  expect(stderr).not.toContain("secret");
});
