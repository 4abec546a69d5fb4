import { request } from "./answers.js";
import { curlLine, el, heading } from "./elements.js";
import { field } from "./fields.js";
import { onSubmit, quoted, streamOf } from "./forms.js";
import { curlToken } from "./token.js";

/** The form for `POST /v1/sql`. */
export function sqlArticle({ path, operation }, project, base) {
  const url = new URL(path.slice(1), base);
  const stream = Object.keys(project.paths).find((one) => one.endsWith("/events"));
  const sql = el("textarea", { rows: "5", spellcheck: "false", required: "" });
  sql.value = stream === undefined ? "SHOW TABLES" : `SELECT *\nFROM ${streamOf(stream)}\nLIMIT 10`;
  const format = field(operation.parameters.find((one) => one.name === "format"));
  const curl = curlLine();
  const answer = el("div", { class: "answer", "aria-live": "polite" });
  const urlNow = () => {
    for (const value of format.values()) return `${url.href}?format=${encodeURIComponent(value)}`;
    return url.href;
  };
  const body = () => JSON.stringify({ sql: sql.value });
  const refresh = () =>
    curl.set(
      `curl ${quoted(urlNow())}${curlToken()} -H 'Content-Type: application/json' -d ${quoted(body())}`,
    );
  const form = el(
    "form",
    {},
    el("label", {}, "SQL", el("small", {}, "One SELECT, or DESCRIBE and a stream, or SHOW TABLES"), sql),
    el(
      "div",
      { class: "actions" },
      el("button", { type: "submit" }, "Run"),
      el("div", { class: "format" }, format.label),
    ),
  );
  form.addEventListener("input", refresh);
  onSubmit(form, () => {
    const headers = { "content-type": "application/json" };
    return request(urlNow(), { method: "POST", headers, body: body() }, answer);
  });
  refresh();
  return el(
    "article",
    { id: "sql" },
    heading("post", path),
    el("p", {}, operation.description),
    form,
    curl.element,
    answer,
  );
}
