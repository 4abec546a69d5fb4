import type { FastifyRequest } from "fastify";
import type { Stream } from "../../project/declarations.ts";
import { unknownName } from "../../project/unknown-name.ts";

/** Reads the name of a declared stream off a request's path. Throws `unknown_stream` for another. */
export function streamParam(streams: readonly Stream[]): (request: FastifyRequest) => string {
  const names = new Set(streams.map(({ name }) => name));
  return (request) => {
    const { stream } = request.params as { readonly stream: string };
    if (!names.has(stream)) throw unknownName("stream", stream, names);
    return stream;
  };
}
