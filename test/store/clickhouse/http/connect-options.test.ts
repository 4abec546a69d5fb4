import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { HeadraceError } from "../../../../src/errors.ts";
import { parseClickHouseUrl } from "../../../../src/store/clickhouse/http/connect-options.ts";

const folder = mkdtempSync(join(tmpdir(), "headrace-ca-"));
const ca = join(folder, "ca.pem");
writeFileSync(ca, "a certificate");
afterAll(() => rmSync(folder, { recursive: true }));

test("a URL names hosts, user, password and database, each of which may hold odd characters", () => {
  expect(parseClickHouseUrl("clickhouse://us%40er:p%3Aa%2Fss@h1:9000,[::1],h3/events")).toEqual({
    hosts: [
      { host: "h1", port: 9000 },
      { host: "::1", port: 8123 },
      { host: "h3", port: 8123 },
    ],
    database: "events",
    user: "us@er",
    password: "p:a/ss",
    tls: false,
  });
});

test("what isn't said has its default", () => {
  const plain = { database: "headrace", user: "default", password: "", tls: false };
  expect(parseClickHouseUrl("clickhouse://h")).toEqual({ hosts: [{ host: "h", port: 8123 }], ...plain });
  expect(parseClickHouseUrl("clickhouse://h/")).toMatchObject(plain);
});

test.each(["clickhouses://h/db?ca=", "clickhouse://h/db?secure=true&ca="])("%s… is TLS", (url) => {
  expect(parseClickHouseUrl(`${url}${encodeURIComponent(ca)}`)).toMatchObject({
    hosts: [{ host: "h", port: 8443 }],
    tls: { ca: Buffer.from("a certificate") },
  });
});

test("a cluster wants the majority of its replicas to have an insert, unless it is told otherwise", () => {
  const { cluster } = parseClickHouseUrl("clickhouse://h/db?cluster=main");
  expect(cluster).toEqual({ name: "main", quorum: "auto" });
  expect(parseClickHouseUrl("clickhouse://h/db?cluster=main&quorum=2").cluster?.quorum).toBe("2");
});

test.each([
  ["clickhouse://", "expected clickhouse://user:password@host:8123/database"],
  ["clickhouse://h/a/b", "expected"],
  ["clickhouse://h:0/db", "a host is"],
  ["clickhouse://h:70000/db", "a host is"],
  ["clickhouse://h,,/db", "a host is"],
  ["clickhouse://h/d-b", "the database's name"],
  ["clickhouse://h/default", "isn't Headrace's own"],
  ["clickhouse://h/system", "isn't Headrace's own"],
  ["clickhouse://h/db?compress=1", "there is no parameter compress; there are secure"],
  ["clickhouse://h/db?secure=1", "secure is true or false"],
  ["clickhouse://h/db?secure=true&secure=true", "secure is there twice"],
  ["clickhouses://h/db?secure=false", "says without"],
  ["clickhouse://h/db?ca=/x", "needs clickhouses://"],
  ["clickhouses://h/db?ca=/not/there", "ca can't be read"],
  ["clickhouse://h/db?quorum=2", "name it with cluster="],
  ["clickhouse://h/db?cluster=a'b", "cluster is a cluster's name"],
  ["clickhouse://h/db?cluster=a&quorum=0", "quorum is auto or"],
  ["clickhouse://u:%zz@h/db", "two hex digits"],
])("%s is refused, with words that say why and no password", (url, message) => {
  const secret = url.replace("clickhouse://h", "clickhouse://u:hunter2@h");
  const parse = () => parseClickHouseUrl(secret);
  expect(parse).toThrow(HeadraceError);
  expect(parse).toThrow(message);
  expect(parse).not.toThrow("hunter2");
});
