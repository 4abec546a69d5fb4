import type { TypeSection } from "./type-row.ts";

const UUID = '"f47ac10b-58cc-4372-a567-0e02b2c3d479"';

/** UUIDs and IP addresses. */
export const IDENTIFIER_TYPES: TypeSection = {
  title: "Identifiers and addresses",
  rows: [
    {
      zod: "z.uuid()",
      accepts: "a UUID in any case",
      examples: [
        [UUID, UUID],
        [UUID.toUpperCase(), UUID],
      ],
      rejects: [
        ['"f47ac10b58cc4372a5670e02b2c3d479"', "invalid_format"],
        ["5", "invalid_type"],
      ],
    },
    {
      zod: "z.guid()",
      accepts: "any 128 bits written like a UUID",
      examples: [['"00000000-0000-0000-0000-00000000000a"', '"00000000-0000-0000-0000-00000000000a"']],
      rejects: [['"0"', "invalid_format"]],
    },
    {
      zod: "z.ipv4()",
      accepts: "an IPv4 address",
      examples: [['"192.0.2.1"', '"192.0.2.1"']],
      rejects: [
        ['"192.0.2.256"', "invalid_format"],
        ['"192.0.2.01"', "invalid_format"],
      ],
    },
    {
      zod: "z.ipv6()",
      accepts: "an IPv6 address without a zone",
      examples: [
        ['"2001:DB8::1"', '"2001:db8::1"'],
        ['"::ffff:192.0.2.1"', '"::ffff:192.0.2.1"'],
      ],
      rejects: [
        ['"fe80::1%eth0"', "invalid_format"],
        ['"192.0.2.1"', "invalid_format"],
      ],
    },
  ],
};
