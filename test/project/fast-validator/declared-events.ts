import * as fc from "fast-check";
import { z } from "zod";
import { SCALARS, type ValueKind } from "./value-kinds.ts";

/** A declaration, with texts of events for it. */
export interface Declared {
  readonly description: string;
  readonly schema: z.ZodObject;
  /** Good events in the usual spelling. */
  readonly good: fc.Arbitrary<string>;
  /** Events that may be good, nearly good or nonsense. */
  readonly any: fc.Arbitrary<Buffer>;
  /** Whether the fast path must take every good event by itself. */
  readonly fast: boolean;
}

type Presence = "required" | "optional" | "nullable" | "nullish" | "default";

interface Field {
  readonly name: string;
  readonly presence: Presence;
  readonly kind: ValueKind;
}

const fieldName = fc.oneof(
  fc.stringMatching(/^[a-z][a-z0-9_-]{0,6}$/),
  fc.constantFrom("constructor", "toString", "hasOwnProperty", "length", "a", "b", "ab", "id"),
);

/** Any declaration with a few fields, containers within containers included. */
export const declared: fc.Arbitrary<Declared> = fields(2).map((list) => declare(list));

/** The declaration of one field. */
export function declareOne(kind: ValueKind, presence: Presence): Declared {
  return declare([{ name: "value", presence, kind }]);
}

function declare(list: readonly Field[]): Declared {
  const object = objectKind(list);
  const any = fc
    .tuple(object.odd, fc.array(mutation, { maxLength: 2 }))
    .map(([text, mutations]) => mutate(text, mutations));
  return {
    description: object.name,
    schema: object.schema as z.ZodObject,
    good: object.good,
    any,
    fast: object.fast,
  };
}

function fields(depth: number): fc.Arbitrary<Field[]> {
  const presence = fc.constantFrom<Presence>(
    "required",
    "required",
    "optional",
    "nullable",
    "nullish",
    "default",
  );
  const field = fc.record({ name: fieldName, presence, kind: kindOf(depth) }).map(possible);
  return fc.uniqueArray(field, { selector: (each) => each.name, minLength: 1, maxLength: 5 });
}

/** Containers can't be absent, and only some kinds have a default here. */
function possible(field: Field): Field {
  const container = isContainer(field.kind);
  const wrong = field.presence === "default" ? !/^(?:string$|array|map)/.test(field.kind.name) : container;
  return wrong || field.kind.name === "json" ? { ...field, presence: "required" } : field;
}

function isContainer(kind: ValueKind): boolean {
  return /^(?:array|map|object)/.test(kind.name);
}

export function kindOf(depth: number): fc.Arbitrary<ValueKind> {
  const scalar = fc.constantFrom(...SCALARS);
  if (depth === 0) return scalar;
  const element = kindOf(depth - 1).filter((kind) => !NOT_IN_CONTAINERS.has(kind.name));
  return fc.oneof(
    { weight: 6, arbitrary: scalar },
    {
      weight: 1,
      arbitrary: fc.tuple(element, fc.boolean()).map(([kind, nullable]) => arrayKind(kind, nullable)),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(element, fc.boolean()).map(([kind, nullable]) => mapKind(kind, nullable)),
    },
    { weight: 1, arbitrary: fields(depth - 1).map(objectKind) },
  );
}

/** Kinds whose column can't be given inside an array. */
const NOT_IN_CONTAINERS = new Set(["low cardinality", "Date", "DateTime"]);

/** Whether an item of an array or record may be null. */
function mayBeNull(kind: ValueKind): boolean {
  return !isContainer(kind) && kind.name !== "json" && kind.schema.meta()?.["column"] === undefined;
}

const space = fc.oneof({ weight: 9, arbitrary: fc.constant("") }, { weight: 3, arbitrary: fc.constantFrom(" ", "\t", "  ") }, { weight: 1, arbitrary: fc.constantFrom("\n", "\r", "\u00a0") }); // prettier-ignore

export function arrayKind(element: ValueKind, nullableElement: boolean): ValueKind {
  const nullable = nullableElement && mayBeNull(element);
  const item = (value: fc.Arbitrary<string>): fc.Arbitrary<string> =>
    nullable
      ? fc.oneof({ weight: 4, arbitrary: value }, { weight: 1, arbitrary: fc.constant("null") })
      : value;
  return {
    name: `array of ${element.name}`,
    schema: z.array(nullable ? element.schema.nullable() : element.schema),
    good: listOf(item(element.good), fc.constant("")),
    odd: fc.oneof(
      { weight: 6, arbitrary: listOf(item(mostly(element)), space) },
      { weight: 1, arbitrary: element.odd },
    ),
    fast: element.fast,
  };
}

function listOf(value: fc.Arbitrary<string>, gap: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(fc.array(value, { maxLength: 3 }), gap, gap)
    .map(([items, a, b]) => `[${a}${items.join(`${b},${a}`)}${b}]`);
}

export function mapKind(value: ValueKind, nullableValue: boolean): ValueKind {
  const nullable = nullableValue && mayBeNull(value);
  const good = nullable
    ? fc.oneof({ weight: 4, arbitrary: value.good }, { weight: 1, arbitrary: fc.constant("null") })
    : value.good;
  const goodKey = fc.oneof(fc.stringMatching(/^[a-z]{0,3}$/), fc.constantFrom("é", "__proto__", "constructor")).map((key) => JSON.stringify(key)); // prettier-ignore
  const oddKey = fc.oneof({ weight: 4, arbitrary: goodKey }, { weight: 1, arbitrary: fc.constantFrom('"\\u0061"', '"a"', '"\\ud800"', '"\u0001"', "a", '"a\\"b"') }); // prettier-ignore
  return {
    name: `map of ${value.name}`,
    schema: z.record(z.string(), nullable ? value.schema.nullable() : value.schema),
    good: fc
      .uniqueArray(fc.tuple(goodKey, good), { selector: ([key]) => key, maxLength: 4 })
      .map((members) => `{${members.map((member) => member.join(":")).join(",")}}`),
    odd: fc
      .tuple(fc.array(fc.tuple(oddKey, mostly(value)), { maxLength: 3 }), space)
      .map(
        ([members, gap]) =>
          `{${gap}${members.map((member) => member.join(`${gap}:${gap}`)).join(`${gap},${gap}`)}}`,
      ),
    fast: value.fast,
  };
}

export function objectKind(list: readonly Field[]): ValueKind {
  return {
    name: `object { ${list.map(({ name, presence, kind }) => `${name}: ${presence} ${kind.name}`).join(", ")} }`,
    schema: z.object(Object.fromEntries(list.map((field) => [field.name, fieldSchema(field)]))),
    good: fc.tuple(...list.map(goodMember)).map((members) => `{${members.filter(Boolean).join(",")}}`),
    odd: oddObject(list),
    fast: list.every((field) => field.kind.fast),
  };
}

function fieldSchema({ kind: { name, schema }, presence }: Field): z.ZodType {
  if (presence === "optional") return schema.optional();
  if (presence === "nullable") return schema.nullable();
  if (presence === "nullish") return schema.nullish();
  if (presence === "required") return schema;
  return schema.default(name === "string" ? "none" : name.startsWith("array") ? [] : {});
}

/** `"name":value`, or "" where the field may be absent. */
function goodMember({ name, presence, kind }: Field): fc.Arbitrary<string> {
  const present = kind.good.map((value) => `${JSON.stringify(name)}:${value}`);
  if (presence === "required" || presence === "default") return present;
  return fc.oneof({ weight: 3, arbitrary: present }, { weight: 1, arbitrary: fc.constantFrom("", `${JSON.stringify(name)}:null`) }); // prettier-ignore
}

function oddObject(list: readonly Field[]): fc.Arbitrary<string> {
  const member = (field: Field): fc.Arbitrary<string> =>
    fc.oneof(
      { weight: 12, arbitrary: goodMember(field) },
      { weight: 3, arbitrary: fc.tuple(mostly(field.kind), space, space).map(([value, a, b]) => `${JSON.stringify(field.name)}${a}:${b}${value}`) },
      { weight: 1, arbitrary: fc.constantFrom("", `"${field.name}":null`, `"\\u${field.name.charCodeAt(0).toString(16).padStart(4, "0")}${field.name.slice(1)}":1`) },
    ); // prettier-ignore
  const extra = fc.oneof(
    { weight: 12, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.constantFrom('"unknown":1', '"__proto__":{}', "", '"":0').map((text) => [text]) },
    { weight: 1, arbitrary: fc.constantFrom(...list).chain(goodMember).map((text) => [text]) },
  ); // prettier-ignore
  const order = fc.oneof(
    { weight: 2, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.infiniteStream(fc.nat()) },
  );
  return fc
    .tuple(fc.tuple(...list.map(member)), extra, order, space, space)
    .map(([members, more, shuffle, a, b]) => {
      const all = [...members.filter(Boolean), ...more];
      if (shuffle !== undefined) all.sort(() => (Number(shuffle.next().value) % 3) - 1);
      return `${b}{${a}${all.join(`${a},${b}`)}${b}}${a}`;
    });
}

function mostly(kind: ValueKind): fc.Arbitrary<string> {
  return fc.oneof({ weight: 4, arbitrary: kind.good }, { weight: 1, arbitrary: kind.odd });
}

interface Mutation {
  readonly at: number;
  readonly cut: number;
  readonly insert: Uint8Array;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  at: fc.nat(),
  cut: fc.constantFrom(0, 0, 1, 1, 2, 1000),
  insert: fc.oneof(
    fc.uint8Array({ maxLength: 2 }),
    fc.constantFrom("", '"', "\\", "{", "}", "[", "]", ",", ":", "0", "-", ".", "e", "\n", " ", "\0", "é").map((text) => Buffer.from(text)), // prettier-ignore
  ),
});

function mutate(text: string, mutations: readonly Mutation[]): Buffer {
  let bytes = Buffer.from(text);
  // Half of the events stay whole.
  if ((mutations[0]?.at ?? 0) % 2 === 0) return bytes;
  for (const { at, cut, insert } of mutations) {
    const place = at % (bytes.length + 1);
    bytes = Buffer.concat([bytes.subarray(0, place), insert, bytes.subarray(place + cut)]);
  }
  return bytes;
}
