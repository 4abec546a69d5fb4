import { expect, test } from "vitest";
import { withStandIns } from "../../../../src/store/clickhouse/fence/stand-ins.ts";
import type { StandIns } from "../../../../src/store/store.ts";

const PARAMS = { v: { type: "String", value: "1" } };
const STAND_INS: StandIns = {
  databases: ["default", "airport"],
  tables: new Map([
    ["system.tables", { text: "SELECT 1 AS name", params: PARAMS, columns: ["name"] }],
    ["system.databases", { text: "SELECT 2 AS name", params: {}, columns: ["name"] }],
  ]),
  calls: new Map([["version", { text: "{v:String}", params: PARAMS }]]),
};

function exchanged(text: string) {
  return withStandIns({ text, params: {} }, STAND_INS, ["flights"]);
}

// The texts are as the engine writes them.
test.each([
  ["SELECT 1", "SELECT 1"],
  ["SELECT name FROM system.tables", "SELECT name FROM (SELECT 1 AS name) AS `tables`"],
  ["SELECT t.name FROM system.tables AS t", "SELECT t.name FROM (SELECT 1 AS name) AS t"],
  ["SELECT name FROM `System`.`tables`", "SELECT name FROM (SELECT 1 AS name) AS `tables`"],
  [
    "SELECT system.tables.name FROM system.tables",
    "SELECT `tables`.`name` FROM (SELECT 1 AS name) AS `tables`",
  ],
  ["SELECT system.tables.name FROM system.tables AS t", "SELECT `t`.`name` FROM (SELECT 1 AS name) AS t"],
  [
    "SELECT d.name FROM system.tables AS t INNER JOIN system.databases AS d ON system.tables.name = d.name",
    "SELECT d.name FROM (SELECT 1 AS name) AS t INNER JOIN (SELECT 2 AS name) AS d ON `t`.`name` = d.name",
  ],
  [
    "SELECT 'system.tables', `system.tables` FROM flights",
    "SELECT 'system.tables', `system.tables` FROM flights",
  ],
  ["SELECT a.system.tables FROM flights AS a", "SELECT a.system.tables FROM flights AS a"],
  ["SELECT system.parts.name FROM system.parts", "SELECT system.parts.name FROM system.parts"],
  ["SELECT system.tables.name", "SELECT system.tables.name"],
  ["SELECT airport.flights.x FROM default.flights", "SELECT `flights`.`x` FROM `flights`"],
  ["SELECT 1 FROM default.nope", "SELECT 1 FROM `nope`"],
  ["SELECT airport.nope FROM flights AS airport", "SELECT airport.nope FROM flights AS airport"],
  ["SELECT 1 FROM other.flights", "SELECT 1 FROM other.flights"],
  ["SELECT version()", "SELECT ({v:String} AS `version()`)"],
  ["SELECT VERSION() AS v", "SELECT {v:String} AS v"],
  ["SELECT concat(version(), 'version()')", "SELECT concat(({v:String} AS `version()`), 'version()')"],
  ["SELECT version(1), x.version()", "SELECT version(1), x.version()"],
])("%s", (text, expected) => {
  expect(exchanged(text).sql.text).toBe(expected);
});

test("parameters and columns come with what is used of them only", () => {
  expect(exchanged("SELECT 1 FROM system.databases")).toMatchObject({
    sql: { params: {} },
    columns: ["name"],
  });
  expect(exchanged("SELECT version()")).toMatchObject({ sql: { params: PARAMS }, columns: [] });
  expect(exchanged("SELECT 1")).toMatchObject({ sql: { params: {} }, columns: [] });
});
