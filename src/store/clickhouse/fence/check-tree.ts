import { HeadraceError } from "../../../errors.ts";
import { SYSTEM_COLUMNS } from "../../../project/column.ts";
import { nearestName } from "../../../project/nearest-name.ts";
import type { QueryFence } from "../../store.ts";
import { checkArguments } from "./check-arguments.ts";
import { checkTableFunction } from "./check-table-function.ts";
import type { KnownFunctions } from "./functions.ts";
import { listUnder, nodesIn, type TreeNode } from "./query-tree.ts";

export interface TreeRules {
  readonly fence: QueryFence;
  readonly functions: KnownFunctions;
  /** Names of all tables and databases there are. */
  readonly reserved: ReadonlySet<string>;
  /** Names of columns beside those of the tables. */
  readonly columns: readonly string[];
}

const KINDS = new Set([
  "QUERY",
  "UNION",
  "LIST",
  "CONSTANT",
  "IDENTIFIER",
  "FUNCTION",
  "TABLE_FUNCTION",
  "LAMBDA",
  "MATCHER",
  "APPLY COLUMN TRANSFORMER",
  "EXCEPT COLUMN TRANSFORMER",
  "REPLACE COLUMN TRANSFORMER",
  "SORT",
  "INTERPOLATE",
  "WINDOW",
  "JOIN",
  "CROSS JOIN",
  "ARRAY_JOIN",
]);

const HEADINGS =
  /^(?:|WITH|PROJECTION|JOIN TREE|PREWHERE|WHERE|GROUP BY|HAVING|WINDOW|QUALIFY|ORDER BY|INTERPOLATE|LIMIT BY(?: LIMIT| OFFSET)?|LIMIT|OFFSET|QUERIES|PARAMETERS|ARGUMENTS|EXPRESSION.*|INTERPOLATE_EXPRESSION|REPLACEMENTS \d+|REPLACEMENT NAME .* EXPRESSION|(?:LEFT |RIGHT )?TABLE EXPRESSION|JOIN EXPRESSIONS?|PARTITION BY|FRAME (?:BEGIN|END) OFFSET|FILL (?:FROM|TO|STEP|STALENESS))$/;

/** Headings under which an identifier is a table's name. */
const TABLE_HEADINGS = new Set([
  "JOIN TREE",
  "TABLE EXPRESSION",
  "LEFT TABLE EXPRESSION",
  "RIGHT TABLE EXPRESSION",
]);

/** Functions whose second argument may be a table's name. */
const IN_FUNCTIONS = /^(?:global)?(?:not)?(?:null)?in$/i;

const FUNCTION_NAME =
  /(?:^|, )function_name: (.*), function_type: (?:ordinary|aggregate|window)(?:, nulls_action : [A-Z_]+)?$/s;
const IDENTIFIER =
  /(?:^|, )identifier: (.*?)(?:, final: [01](?:, sample_size: [\d /.]+)?(?:, sample_offset: [\d /.]+)?)?$/s;
const CTE_NAME = /(?:^|, )is_cte: 1, (?:.*, )?cte_name: (.*?)(?:, union_mode: \w+)?$/s;

/** What the engine shows for a SELECT without FROM. */
const NO_TABLE = "system.one";

/** Functions without arguments that the engine never takes a bare name for: a column or an alias may have their names. */
const NEVER_BARE = new Set(["version", "revision", "uptime", "hostname", "tid"]);
/** Functions without arguments that it does take a bare name for, where there is no such column. They tell next to nothing. */
const SOMETIMES_BARE = new Set(["user", "database", "schema"]);

/**
 * Holds every part of a query tree against what is allowed.
 * @throws HeadraceError `sql_refused`, `unknown_stream`, `sql_invalid`
 */
export function checkTree(root: TreeNode, rules: TreeRules): void {
  const check = new Check(root, rules);
  for (const node of nodesIn(root)) check.node(node);
}

class Check {
  readonly #rules: TreeRules;
  readonly #tables: ReadonlySet<string>;
  readonly #columns: ReadonlySet<string>;
  readonly #subqueries: ReadonlySet<string>;

  constructor(root: TreeNode, rules: TreeRules) {
    this.#rules = rules;
    this.#tables = new Set(rules.fence.tables.map(({ name }) => name));
    this.#columns = new Set([...rules.fence.tables.flatMap(({ columns }) => columns), ...rules.columns]);
    this.#subqueries = Check.#namedSubqueries(root, rules, this.#tables);
  }

  node(node: TreeNode): void {
    if (!KINDS.has(node.kind)) throw unknownPart(node.kind);
    for (const { heading, nodes } of node.parts) {
      if (heading.startsWith("SETTINGS"))
        throw refused("SETTINGS can't stand in the SQL", { clause: "SETTINGS" });
      if (!HEADINGS.test(heading)) throw unknownPart(heading);
      if (!TABLE_HEADINGS.has(heading)) continue;
      for (const one of nodes) if (one.kind === "IDENTIFIER") this.#table(one);
    }
    switch (node.kind) {
      case "FUNCTION":
        return this.#function(node);
      case "TABLE_FUNCTION":
        return checkTableFunction(node);
      case "IDENTIFIER":
        return this.#identifier(node);
      case "MATCHER":
        return this.#matcher(node);
      default:
    }
  }

  #function(node: TreeNode): void {
    const name = FUNCTION_NAME.exec(node.text)?.[1];
    // An alias that is made to look like a part of the line ends up in the name.
    if (name === undefined || !/^\w+$/.test(name)) throw unknownPart(node.text);
    if (!this.#rules.functions.isAllowed(name)) throw this.#refusedFunction(name);
    checkArguments(name, node, this.#rules.functions);
    if (!IN_FUNCTIONS.test(name)) return;
    const [, set] = listUnder(node, "ARGUMENTS");
    if (set?.kind === "IDENTIFIER") this.#set(set);
  }

  #refusedFunction(name: string): HeadraceError {
    const { functions } = this.#rules;
    const shown = name.slice(0, 80);
    if (functions.exists(name)) {
      return refused(`The function ${shown} can't be used here`, { function: shown });
    }
    return new HeadraceError("sql_invalid", `There is no function ${shown}`, {
      details: { function: shown },
    });
  }

  /** What stands after FROM or JOIN. */
  #table(node: TreeNode): void {
    const name = nameOf(node);
    if (name === NO_TABLE) return;
    if (this.#tables.has(name) || this.#subqueries.has(name)) return;
    throw this.#unknownTable(name);
  }

  /** What stands after IN: the engine takes a name there for a table's, too. */
  #set(node: TreeNode): void {
    const name = nameOf(node);
    if (this.#tables.has(name) || this.#subqueries.has(name)) return;
    this.#identifier(node);
    throw refused(
      `After IN there may be a list, a subquery or a stream, not the name ${name.slice(0, 80)}; for an array use has(array, element)`,
      { name: name.slice(0, 80) },
    );
  }

  #unknownTable(name: string): HeadraceError {
    const shown = name.slice(0, 80);
    if (shown.includes(".")) {
      return refused(`${shown} can't be read: streams are named plainly, without a database`, {
        table: shown,
      });
    }
    if (name.startsWith("_"))
      return refused(`${shown} can't be read: it is Headrace's own`, { table: shown });
    if (this.#rules.reserved.has(name)) {
      return refused(`${shown} can't be read: it isn't a declared stream`, { table: shown });
    }
    const nearest = nearestName(name, this.#tables);
    const hint = nearest === undefined ? "" : `; did you mean "${nearest}"?`;
    return new HeadraceError("unknown_stream", `There is no stream "${shown}"${hint}`, {
      details: nearest === undefined ? {} : { nearest },
    });
  }

  #identifier(node: TreeNode): void {
    const name = nameOf(node);
    this.#name(name);
    // An alias of a table's name would be a way around the names that may stand after FROM and IN.
    const [first = ""] = name.split(".");
    if (node.text.startsWith("alias: ") && this.#isForeign(first)) throw this.#foreign(name);
  }

  /** A table or a database that isn't a declared stream. */
  #isForeign(name: string): boolean {
    return this.#rules.reserved.has(name) && !this.#tables.has(name);
  }

  #foreign(name: string): HeadraceError {
    const shown = name.slice(0, 80);
    return refused(
      `${shown} can't be used: there is a table or database of that name which isn't a declared stream; for a column write the stream's name before it, as in flights.${shown}`,
      { name: shown },
    );
  }

  /** `flights.*`, `COLUMNS(a, b)`: the names in it. */
  #matcher(node: TreeNode): void {
    const qualified = /qualified_identifier: (.*?)(?:, (?:columns_pattern|column_identifiers): .*)?$/s.exec(
      node.text,
    )?.[1];
    if (qualified !== undefined) this.#name(qualified);
    const columns = /column_identifiers: (.*)$/s.exec(node.text)?.[1];
    for (const one of columns?.split(", ") ?? []) this.#name(one);
  }

  /** A name that is a column's, an alias or anything else: it must not reach what isn't the caller's. */
  #name(name: string): void {
    if (name === NO_TABLE) return;
    const [first = "", ...rest] = name.split(".");
    const shown = name.slice(0, 80);
    // Behind a column there may be a field of any name; behind anything else, a column.
    const columns = this.#columns.has(first) ? [first] : [first, rest[0] ?? ""];
    if (columns.some((one) => /^_\w*$/.test(one) && !COLUMNS_OF_OURS.has(one))) {
      throw refused(`${shown} can't be used: names that begin with _ are Headrace's own`, { name: shown });
    }
    if (this.#isForeign(first) && (rest.length > 0 || !this.#columns.has(first))) throw this.#foreign(name);
    if (rest.length > 0) return;
    const { functions } = this.#rules;
    // The engine takes a bare name for a function's where it finds no column: arrayMap(file, …) would read files.
    if (!functions.exists(name) || functions.isAllowed(name)) return;
    const lower = name.toLowerCase();
    if (NEVER_BARE.has(lower) || (SOMETIMES_BARE.has(lower) && this.#columns.has(name))) return;
    throw refused(
      `${shown} is also the name of a function that can't be used here; for a column write the stream's name before it, as in flights.${shown}`,
      { function: shown },
    );
  }

  /** Names that `WITH name AS (SELECT …)` gives. None may hide a table that isn't the caller's. */
  static #namedSubqueries(
    root: TreeNode,
    rules: TreeRules,
    tables: ReadonlySet<string>,
  ): ReadonlySet<string> {
    const names = new Set<string>();
    for (const node of nodesIn(root)) {
      if (node.kind !== "QUERY" && node.kind !== "UNION") continue;
      const name = CTE_NAME.exec(node.text)?.[1];
      if (name === undefined) continue;
      if (name.startsWith("_") || (rules.reserved.has(name) && !tables.has(name))) {
        throw refused(`WITH can't give the name ${name.slice(0, 80)}, which is taken; choose another`, {
          name: name.slice(0, 80),
        });
      }
      names.add(name);
    }
    return names;
  }
}

const COLUMNS_OF_OURS: ReadonlySet<string> = new Set(Object.values(SYSTEM_COLUMNS));

function nameOf(node: TreeNode): string {
  const name = IDENTIFIER.exec(node.text)?.[1];
  if (name === undefined || name === "" || name.endsWith(", stream")) throw unknownPart(node.text);
  return name;
}

function unknownPart(text: string): HeadraceError {
  return refused(`A part of the SQL isn't known to be safe (${text.slice(0, 80)}), so it is refused`);
}

function refused(message: string, details: Readonly<Record<string, unknown>> = {}): HeadraceError {
  return new HeadraceError("sql_refused", message, { details });
}
