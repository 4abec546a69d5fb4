import type { FastifyRequest } from "fastify";
import { HeadraceError } from "../errors.ts";
import { didYouMean } from "../project/nearest-name.ts";
import { KEY_LENGTH_MAX } from "./limits.ts";
import { readBinaryHead, type BinaryHead } from "./cloudevents/binary-head.ts";
import { isCloudEventsType, mediaTypeOf, type MediaType } from "./media-type.ts";

/** Everything that a request says beside its body. */
export interface RequestHead {
  /** Of a CloudEvent in binary mode: that of its data, which counts as JSON. */
  readonly mediaType: MediaType;
  /** The attributes of a CloudEvent in binary mode. */
  readonly binary: BinaryHead | undefined;
  readonly encoding: ContentEncoding;
  /** What a bad event does: it is kept as rejected, or it refuses the whole batch. */
  readonly onInvalid: "keep" | "fail";
  readonly waitStored: boolean;
  readonly key: string | undefined;
  /** Bytes of the body as it is sent, when the caller said so. */
  readonly contentLength: number | undefined;
}

export type ContentEncoding = "identity" | "gzip" | "deflate" | "br" | "zstd";

/** @throws HeadraceError `bad_parameter`, `bad_request`, `body_unreadable` (charset) or `unsupported_media_type`. */
export function readHead(request: FastifyRequest): RequestHead {
  const { headers } = request;
  const query = request.query as Readonly<Record<string, string | readonly string[]>>;
  for (const name in query) refuseUnknown(name);
  const contentLength = headers["content-length"];
  const contentType = headers["content-type"];
  const binary = isCloudEventsType(contentType) ? undefined : readBinaryHead(request.raw);
  return {
    mediaType: binary === undefined ? mediaTypeOf(contentType) : "application/json",
    binary,
    encoding: encodingOf(headers["content-encoding"]),
    onInvalid: choice(query, "on_invalid", "fail") ? "fail" : "keep",
    waitStored: choice(query, "wait", "stored"),
    key: keyOf(headers["idempotency-key"]),
    // Node's parser has seen to it that it is a number.
    contentLength: contentLength === undefined ? undefined : Number(contentLength),
  };
}

/** Whether the events are CloudEvents, in whichever mode. */
export function isCloudEvents({ mediaType, binary }: Pick<RequestHead, "mediaType" | "binary">): boolean {
  return binary !== undefined || isCloudEventsType(mediaType);
}

const PARAMETERS = ["on_invalid", "wait"];

function refuseUnknown(name: string): void {
  if (PARAMETERS.includes(name)) return;
  throw new HeadraceError(
    "bad_parameter",
    `There is no parameter "${name}"${didYouMean(name, PARAMETERS)}; there are ${PARAMETERS.join(" and ")}`,
    { details: { parameter: name } },
  );
}

/** Whether a parameter is given; it has only one value. */
function choice(
  query: Readonly<Record<string, string | readonly string[]>>,
  name: string,
  value: string,
): boolean {
  const given = query[name];
  if (given === undefined || given === value) return given === value;
  throw new HeadraceError(
    "bad_parameter",
    `The parameter "${name}" is "${value}" or left out, not ${JSON.stringify(given)}`,
    { details: { parameter: name } },
  );
}

const ENCODINGS: readonly string[] = [
  "identity",
  "gzip",
  "deflate",
  "br",
  "zstd",
] satisfies ContentEncoding[];

function encodingOf(header: string | undefined): ContentEncoding {
  if (header === undefined) return "identity";
  const name = header.trim().toLowerCase();
  if (isEncoding(name)) return name;
  throw new HeadraceError(
    "unsupported_media_type",
    `The Content-Encoding "${header}" isn't supported: send one of ${ENCODINGS.join(", ")}`,
    { details: { supported: ENCODINGS } },
  );
}

function isEncoding(name: string): name is ContentEncoding {
  return ENCODINGS.includes(name);
}

/** Printable ASCII; a space within is allowed, as a quoted key of the IETF draft may hold one. */
const KEY = new RegExp(`^[\\x20-\\x7e]{1,${KEY_LENGTH_MAX}}$`);

function keyOf(header: string | readonly string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header === "string" && KEY.test(header)) return header;
  throw new HeadraceError(
    "bad_request",
    `The Idempotency-Key must be 1 to ${KEY_LENGTH_MAX} printable ASCII characters`,
  );
}
