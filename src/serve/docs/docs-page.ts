import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

export interface DocsPage {
  readonly html: string;
  /** Nothing from elsewhere, and no script or style but the page's own, by hash. */
  readonly contentSecurityPolicy: string;
}

/** The page of `/docs`: one HTML document with its style and script inside, which reads `/v1/openapi.json`. */
export function docsPage(): DocsPage {
  const style = asset("docs.css");
  const script = SCRIPTS.map((name) => withoutModules(asset(name))).join("\n");
  const html = asset("docs.html")
    // Functions, since a text to put in may hold `$&` and the like.
    .replace(/<style>[^]*?<\/style>/, () => `<style>${style}</style>`)
    .replace(/(<script type="module">)[^]*?<\/script>/, (_, tag: string) => `${tag}${script}</script>`);
  return {
    html,
    contentSecurityPolicy: [
      "default-src 'none'",
      `style-src ${hashOf(style)}`,
      `script-src ${hashOf(script)}`,
      "connect-src 'self'",
      "img-src data:",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join("; "),
  };
}

/** The page's modules, each after those that it imports. */
const SCRIPTS = ["elements.js", "token.js", "fields.js", "answers.js", "forms.js", "sql.js", "docs.js"];

/** A module as a part of one script: they import nothing but each other, and no two of them share a name. */
function withoutModules(script: string): string {
  return script.replaceAll(/^import [^;]*;\n/gm, "").replaceAll(/^export /gm, "");
}

function asset(name: string): string {
  return readFileSync(new URL(`assets/${name}`, import.meta.url), "utf8");
}

function hashOf(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}
