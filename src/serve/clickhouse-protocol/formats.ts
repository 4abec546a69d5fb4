/** Formats that an answer can have, with the media type that ClickHouse gives each. */
const MEDIA_TYPES: Readonly<Record<string, readonly string[]>> = {
  "application/json; charset=UTF-8": [
    "JSON",
    "JSONStrings",
    "JSONColumns",
    "JSONCompactColumns",
    "JSONColumnsWithMetadata",
    "JSONCompact",
    "JSONCompactStrings",
    "JSONObjectEachRow",
  ],
  "application/x-ndjson; charset=UTF-8": [
    "JSONEachRow",
    "JSONLines",
    "NDJSON",
    "JSONStringsEachRow",
    "JSONEachRowWithProgress",
    "JSONStringsEachRowWithProgress",
    "JSONCompactEachRow",
    "JSONCompactEachRowWithNames",
    "JSONCompactEachRowWithNamesAndTypes",
    "JSONCompactEachRowWithProgress",
    "JSONCompactStringsEachRow",
    "JSONCompactStringsEachRowWithNames",
    "JSONCompactStringsEachRowWithNamesAndTypes",
  ],
  "text/tab-separated-values; charset=UTF-8": [
    "TabSeparated",
    "TSV",
    "TabSeparatedRaw",
    "TSVRaw",
    "Raw",
    "TabSeparatedWithNames",
    "TSVWithNames",
    "TabSeparatedRawWithNames",
    "TSVRawWithNames",
    "TabSeparatedWithNamesAndTypes",
    "TSVWithNamesAndTypes",
    "TabSeparatedRawWithNamesAndTypes",
    "TSVRawWithNamesAndTypes",
  ],
  "text/csv; charset=UTF-8; header=absent": ["CSV"],
  "text/csv; charset=UTF-8; header=present": ["CSVWithNames", "CSVWithNamesAndTypes"],
  "application/xml; charset=UTF-8": ["XML"],
  "text/markdown; charset=UTF-8": ["Markdown"],
  "text/plain; charset=UTF-8": [
    "Values",
    "Vertical",
    "TSKV",
    "LineAsString",
    "Pretty",
    "PrettyNoEscapes",
    "PrettyCompact",
    "PrettyCompactNoEscapes",
    "PrettyCompactMonoBlock",
    "PrettySpace",
    "PrettyJSONEachRow",
    "Null",
  ],
  "application/octet-stream": [
    "Native",
    "RowBinary",
    "RowBinaryWithNames",
    "RowBinaryWithNamesAndTypes",
    "Parquet",
    "Arrow",
    "ArrowStream",
    "ORC",
    "Avro",
    "MsgPack",
    "BSONEachRow",
  ],
};

const FORMATS: ReadonlyMap<string, { readonly name: string; readonly mediaType: string }> = new Map(
  Object.entries(MEDIA_TYPES).flatMap(([mediaType, names]) =>
    names.map((name) => [name.toLowerCase(), { name, mediaType }] as const),
  ),
);

export interface RawFormat {
  /** As ClickHouse writes it. */
  readonly name: string;
  readonly mediaType: string;
}

/** What answers have when nobody asks for anything. */
export const DEFAULT_FORMAT = "TabSeparated";

/** Every name of a format that an answer can have, in ClickHouse's words. */
export const FORMAT_NAMES: readonly string[] = [...FORMATS.values()].map(({ name }) => name);

/** The format of this name, in any case; undefined when there is none for answers. */
export function formatOf(name: string): RawFormat | undefined {
  return FORMATS.get(name.toLowerCase());
}
