import { EVENTS } from "./sample-events.ts";

export interface TemplateOptions {
  /** The project's name. */
  readonly name: string;
  /** What the project depends on as "headrace": a version, or `file:` and a path. */
  readonly headrace: string;
  /** The version of Zod that Headrace itself uses: one copy serves both. */
  readonly zod: string;
}

/** The files of a new project: path to content. */
export function projectFiles(options: TemplateOptions): ReadonlyMap<string, string> {
  return new Map([
    ["package.json", packageJson(options)],
    ["headrace.config.ts", config(options.name)],
    ["events.ndjson", EVENTS],
    ["README.md", readme(options.name)],
    ["tsconfig.json", TSCONFIG],
    [".gitignore", "node_modules/\n.headrace/\n.env\n"],
  ]);
}

function packageJson({ name, headrace, zod }: TemplateOptions): string {
  const content = {
    name: name.replaceAll("_", "-"),
    private: true,
    type: "module",
    scripts: { dev: "headrace dev", start: "headrace start", check: "headrace check" },
    dependencies: { headrace, node: "^24.0.0", zod },
    // npm asks for consent to install scripts: that of `node` brings the runtime, that of `chdb` does nothing.
    allowScripts: { chdb: true, node: true },
  };
  return `${JSON.stringify(content, undefined, 2)}\n`;
}

function config(name: string): string {
  return `import { defineEndpoint, defineProject, defineStream, sql } from "headrace";
import { z } from "zod";

// A stream is a topic and the table that it lands in. Its schema says what an event looks like:
// what doesn't fit is kept aside with the reason, and never changed to fit.
const pageViews = defineStream("page_views", {
  description: "One event per page that somebody looked at",
  schema: z.object({
    view_id: z.string(),
    at: z.iso.datetime({ offset: true }),
    page: z.string(),
    visitor: z.string(),
    milliseconds: z.int32().optional(), // time until the page was there
  }),
  id: "view_id", // the same view sent twice within a day counts once
  table: { orderBy: ["page", "at"] },
});

// An endpoint is a question with parameters: GET /v1/endpoints/views_by_page?from=2026-11-22&limit=3
// Values in \${…} are bound as parameters, and never become SQL text.
const viewsByPage = defineEndpoint("views_by_page", {
  description: "Views, visitors and mean time of each page, the most viewed first",
  params: z.object({
    from: z.iso.date().optional(),
    limit: z.int().min(1).max(1000).default(10),
  }),
  query: ({ from, limit }) => sql\`
    SELECT page, count() AS views, uniqExact(visitor) AS visitors, avg(milliseconds) AS mean_milliseconds
    FROM \${pageViews}
    \${from === undefined ? sql\`\` : sql\`WHERE at >= \${from}\`}
    GROUP BY page
    ORDER BY views DESC, page
    LIMIT \${limit}\`,
});

export default defineProject({
  name: "${name}",
  streams: [pageViews],
  endpoints: [viewsByPage],
});
`;
}

function readme(name: string): string {
  return `# ${name}

A Headrace project: \`headrace.config.ts\` declares its streams and endpoints.

\`\`\`sh
npm install
npm run dev                                        # the server, restarted when a file changes; Ctrl-C stops it
npx headrace publish page_views events.ndjson      # in a second terminal
npx headrace query views_by_page
\`\`\`

The server is at <http://127.0.0.1:7070>; <http://127.0.0.1:7070/docs> describes its routes, and lets you try them. Its data
is in \`.headrace/\`: delete the folder to start afresh.

\`npm run check\` verifies the project without a server: the SQL of every endpoint, and what it answers with.
\`npm start\` runs the server without watching the files, as in production. Settings come from \`HEADRACE_*\` variables or a \`.env\` file.
`;
}

const TSCONFIG = `{
  "compilerOptions": {
    "target": "es2024",
    "module": "nodenext",
    "strict": true,
    "noEmit": true,
    "allowImportingTsExtensions": true,
    "erasableSyntaxOnly": true,
    "verbatimModuleSyntax": true,
    "skipLibCheck": true,
    "types": []
  },
  "include": ["**/*.ts"]
}
`;
