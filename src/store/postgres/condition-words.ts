/**
 * What a condition for erasing may call, in small letters. All give the same at any time: an erasure that a crash cut
 * short is done again with the same text. Times are in UTC there.
 */
export const CONDITION_FUNCTIONS: ReadonlySet<string> = new Set([
  ..."coalesce nullif greatest least".split(" "),
  ..."abs round floor ceil ceiling trunc mod sign div power sqrt".split(" "),
  ..."lower upper length char_length octet_length concat substring substr position strpos left right".split(
    " ",
  ),
  ..."trim btrim ltrim rtrim replace starts_with split_part".split(" "),
  ..."date_trunc date_part extract date timestamptz timestamp to_timestamp make_date make_interval".split(
    " ",
  ),
  ..."jsonb_array_length jsonb_typeof jsonb_path_exists jsonb_exists array".split(" "),
  ..."host family".split(" "),
]);

/** Words with a meaning of their own, in small letters. */
export const CONDITION_KEYWORDS: ReadonlySet<string> = new Set([
  ..."and or not is null true false in like ilike similar to between symmetric distinct from escape".split(
    " ",
  ),
  ..."case when then else end any all some interval date timestamptz timestamp at time zone with without".split(
    " ",
  ),
  ..."year month day hour minute second week quarter dow isodow doy epoch for".split(" "),
]);

/** Types that a value may be cast to. */
export const CONDITION_TYPES: ReadonlySet<string> = new Set(
  (
    "text varchar boolean bool smallint integer int bigint int2 int4 int8 numeric decimal real double precision float4 float8 " +
    "date timestamptz timestamp time interval uuid inet jsonb json"
  ).split(" "),
);
