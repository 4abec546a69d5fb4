/** Every code that an event is rejected with, and its meaning. docs/TYPES.md lists them; a test fails when the two differ. */
export const EVENT_ERROR_CODES = {
  invalid_json: "The bytes aren't one JSON value",
  invalid_csv: "The row isn't CSV by RFC 4180, or has another number of cells than the header",
  invalid_cloudevent:
    "An attribute of the CloudEvent is missing or isn't what 1.0 says, or its data isn't JSON",
  invalid_utf8: "The bytes aren't UTF-8, or a string holds half of a surrogate pair, which has no UTF-8 form",
  too_large: "The event has more bytes than the limit",
  too_deep: "Arrays and objects are nested deeper than the limit",
  duplicate_field: "An object has a field twice",
  unknown_field: "The stream has no such field",
  required: "A required field is absent or null",
  invalid_type: "Another type of JSON value is expected",
  invalid_value: "The value isn't one of those that are listed",
  invalid_format: "The text doesn't have the form that is expected, such as that of a date or UUID",
  out_of_range: "The number, date or datetime is beyond what the column or the schema allows",
  not_exact: "The column would have to change the value: more digits than it keeps",
  too_short: "The string has too few characters, or the array too few items",
  too_long: "The string has too many characters, the array too many items, or a number over 1,000 characters",
  check_failed: "A check of the schema's own, such as .refine(), fails",
} as const satisfies Record<string, string>;

export type EventErrorCode = keyof typeof EVENT_ERROR_CODES;
