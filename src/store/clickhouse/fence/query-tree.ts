import { HeadraceError } from "../../../errors.ts";

/** A line of the engine's query tree that stands for a part of the query. */
export interface TreeNode {
  /** Such as FUNCTION, IDENTIFIER or QUERY. */
  readonly kind: string;
  /** What follows its number: `function_name: count, function_type: ordinary`. */
  readonly text: string;
  /** The headings between its parent and it, such as ARGUMENTS, with the nodes under each. */
  readonly parts: TreePart[];
}

/** A heading, such as `JOIN TREE`. Nodes right below another node, without a heading, have the heading "". */
export interface TreePart {
  readonly heading: string;
  readonly nodes: TreeNode[];
}

const NODE = /^([A-Z][A-Z_ ]*?) id: (\d+)(?:, (.*))?$/s;
const INDENT = 2;

/**
 * Reads what `EXPLAIN QUERY TREE` prints. Every line must be a node with the next number or a heading: a line that a
 * name with a newline in it made up can't be either, and is refused.
 * @throws HeadraceError `sql_refused`
 */
export function parseTree(lines: readonly string[]): TreeNode {
  let root: TreeNode | undefined;
  let count = 0;
  const open: { readonly depth: number; readonly node?: TreeNode; readonly part?: TreePart }[] = [];
  for (const line of lines) {
    if (line === "") continue;
    const content = line.trimStart();
    const depth = (line.length - content.length) / INDENT;
    while (open.length > 0 && (open.at(-1)?.depth ?? 0) >= depth) open.pop();
    const parent = open.at(-1);
    const [, kind, number, text = ""] = NODE.exec(content) ?? [];
    if (kind !== undefined) {
      if (Number(number) !== count++) throw unreadable(content);
      const node: TreeNode = { kind, text, parts: [] };
      if (parent === undefined) {
        if (root !== undefined || depth !== 0) throw unreadable(content);
        root = node;
      } else {
        nodesOf(parent).push(node);
      }
      open.push({ depth, node });
    } else {
      const owner = nearestNode(open);
      if (owner === undefined) throw unreadable(content);
      const part: TreePart = { heading: content.trimEnd(), nodes: [] };
      owner.parts.push(part);
      open.push({ depth, part });
    }
  }
  if (root === undefined) throw unreadable("");
  return root;
}

function nodesOf({ node, part }: { readonly node?: TreeNode; readonly part?: TreePart }): TreeNode[] {
  if (part !== undefined) return part.nodes;
  const last = node?.parts.at(-1);
  if (last?.heading === "") return last.nodes;
  const nodes: TreeNode[] = [];
  node?.parts.push({ heading: "", nodes });
  return nodes;
}

function nearestNode(open: readonly { readonly node?: TreeNode }[]): TreeNode | undefined {
  return open.findLast((one) => one.node !== undefined)?.node;
}

function unreadable(line: string): HeadraceError {
  return new HeadraceError(
    "sql_refused",
    `A part of the SQL can't be followed (${line.slice(0, 80)}), so it is refused`,
  );
}

/** The node and all below it. */
export function* nodesIn(root: TreeNode): Generator<TreeNode, void, undefined> {
  const waiting = [root];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    yield node;
    for (const part of node.parts) waiting.push(...part.nodes);
  }
}

/** What stands in the list under this heading; [] without one. */
export function listUnder(node: TreeNode, heading: string): readonly TreeNode[] {
  return node.parts
    .filter((part) => part.heading === heading)
    .flatMap((part) => part.nodes)
    .flatMap((one) => (one.kind === "LIST" ? one.parts.flatMap((part) => part.nodes) : [one]));
}
