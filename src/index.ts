export { HeadraceError } from "./errors.ts";
export type { Endpoint, EventOf, ParamsOf, Project, Stream } from "./project/declarations.ts";
export { defineEndpoint } from "./project/define-endpoint.ts";
export { defineProject } from "./project/define-project.ts";
export { defineStream } from "./project/define-stream.ts";
export { sql } from "./project/sql.ts";
