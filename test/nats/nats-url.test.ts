import { describe, expect, test } from "vitest";
import { isNatsUrl } from "../../src/nats/connect.ts";
import { parseNatsUrl } from "../../src/nats/nats-url.ts";

describe("the URL of NATS", () => {
  test("names servers, who we are and how the log lies there", () => {
    expect(parseNatsUrl("nats://h1")).toEqual({
      servers: ["h1:4222"],
      tls: false,
      replicas: 1,
      partitions: 1,
    });
    expect(
      parseNatsUrl("nats://me:p%40ss%3Aword@h1:4222,h2,[::1]:4333/?replicas=3&partitions=8&prefix=my-app"),
    ).toEqual({
      servers: ["h1:4222", "h2:4222", "[::1]:4333"],
      tls: false,
      user: "me",
      password: "p@ss:word",
      replicas: 3,
      partitions: 8,
      prefix: "my-app",
    });
    expect(parseNatsUrl("tls://token@h1?ca=/ca.pem&cert=/c.pem&key=/k.pem")).toEqual({
      servers: ["h1:4222"],
      tls: true,
      token: "token",
      ca: "/ca.pem",
      certificate: "/c.pem",
      key: "/k.pem",
      replicas: 1,
      partitions: 1,
    });
    expect(parseNatsUrl("nats://h1/?creds=/me.creds")).toMatchObject({ credentials: "/me.creds" });
    // Whoever names whom to trust wants TLS.
    expect(parseNatsUrl("nats://h1/?ca=/ca.pem").tls).toBe(true);
  });

  test.each([
    "nats:",
    "nats://",
    "nats://h1:99999",
    "nats://h1,,h2",
    "nats://h1/path",
    "http://h1",
    "nats://h1/?replicas=0",
    "nats://h1/?replicas=6",
    "nats://h1/?partitions=65",
    "nats://h1/?partitions=two",
    "nats://h1/?prefix=a.b",
    "nats://h1/?prefix=",
    "nats://h1/?color=red",
    "nats://h1/?replicas=1&replicas=2",
    "nats://h1/?cert=/c.pem",
    "nats://user:secret%zz@h1",
    "nats://user:secret@h1/?creds=/me.creds",
    "nats://user:secret@h 1",
  ])("%s is refused, and no secret is told", (url) => {
    expect(() => parseNatsUrl(url)).toThrow(expect.objectContaining({ code: "config_invalid" }));
    expect(() => parseNatsUrl(url)).not.toThrow(/secret/);
  });

  test("is known by its scheme", () => {
    expect(["nats://h", "tls://h", "NATS://h"].every(isNatsUrl)).toBe(true);
    expect(["file:", "kafka://h", "natsx://h"].some(isNatsUrl)).toBe(false);
  });
});
