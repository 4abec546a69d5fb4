import { describe, expect, test } from "vitest";
import { parsePostgresUrl } from "../../../src/store/postgres/connect-options.ts";

const tls = (mode: string) => parsePostgresUrl(`postgres://u@db/app${mode}`).tls;

describe("a URL of PostgreSQL", () => {
  test("says where, who and which schema, with everything decoded", () => {
    expect(parsePostgresUrl("postgres://an%40na:p%2Fw%3A@db.example.com:5433/app?schema=events")).toEqual({
      hosts: [{ host: "db.example.com", port: 5433 }],
      database: "app",
      schema: "events",
      login: { user: "an@na", password: "p/w:" },
      tls: { rejectUnauthorized: true },
    });
    expect(parsePostgresUrl("postgresql://localhost/app")).toEqual({
      hosts: [{ host: "localhost", port: 5432 }],
      database: "app",
      schema: "headrace",
      login: { user: "postgres", password: undefined },
      tls: false,
    });
  });

  test("may name several hosts, an IPv6 address, a socket, and a role for SQL from outside", () => {
    const { hosts } = parsePostgresUrl("postgres://u:p@a,b:1,[::1]:2/db?sslmode=disable");
    expect(hosts).toEqual([
      { host: "a", port: 5432 },
      { host: "b", port: 1 },
      { host: "::1", port: 2 },
    ]);
    expect(parsePostgresUrl("postgres://u@:5433/db?host=%2Frun%2Fpg").hosts).toEqual([
      { host: "/run/pg", port: 5433 },
    ]);
    expect(parsePostgresUrl("postgres://u@localhost/db?sql_user=r&sql_password=q").sqlLogin).toEqual({
      user: "r",
      password: "q",
    });
  });

  test("a server on another machine has to prove who it is, unless it is said otherwise", () => {
    expect(tls("")).toEqual({ rejectUnauthorized: true });
    expect(tls("?sslmode=verify-full")).toEqual({ rejectUnauthorized: true });
    expect(tls("?sslmode=verify-ca")).toMatchObject({ rejectUnauthorized: true });
    expect(tls("?sslmode=require")).toEqual({ rejectUnauthorized: false });
    expect(tls("?sslmode=disable")).toBe(false);
    expect(parsePostgresUrl("postgres://u@127.0.0.1,db/app").tls).not.toBe(false);
  });

  test.each([
    ["postgres://hunter2:hunter2@host", "expected postgres://"],
    ["postgres://u:hunter2@host/db?sslmode=sometimes", "sslmode is one of"],
    ["postgres://u:hunter2@host/db?nonsense=1", "there is no parameter nonsense"],
    ["postgres://u:hunter2@host/db?schema=pg_x", "schema must be"],
    ["postgres://u:hunter2@host/db?schema=a&schema=b", "schema is there twice"],
    ["postgres://u:hunter2@host:99999/db", "a host is"],
    ["postgres://u:hunter2@host/db?host=elsewhere", "host is the folder"],
    ["postgres://u:hunter2%@host/db", "a % must be"],
    ["postgres://u:hunter2@host/db?sslrootcert=/nowhere/ca.pem", "sslrootcert can't be read"],
  ])("%s is refused without showing its password", (url, message) => {
    const refusal = (): unknown => parsePostgresUrl(url);
    expect(refusal).toThrow(`HEADRACE_STORE_URL: ${message}`);
    expect(refusal).not.toThrow(/hunter2/);
  });
});
