// The page of /docs: reads the OpenAPI document and shows it, with a form for each endpoint and stream.
import { request } from "./answers.js";
import { curlLine, el, heading, table } from "./elements.js";
import { describe, field } from "./fields.js";
import { onSubmit, quoted, streamOf } from "./forms.js";
import { sqlArticle } from "./sql.js";
import { askForToken, curlToken, fetchWithToken, hasToken, otherTokenButton } from "./token.js";

const BASE = new URL(".", location.href);

const main = document.getElementById("main");
const state = document.getElementById("state");

for (let read = false; !read;) {
  try {
    await readProject();
    read = true;
  } catch (error) {
    read = error.status !== 401;
    if (read) state.textContent = `The project can't be read: ${error.message}`;
    else await askForToken(state, hasToken() ? error.message : "This server answers only to tokens");
  }
}

async function readProject() {
  const [project, streams] = await Promise.all([
    getJson("v1/openapi.json"),
    getJson("v1/streams").catch(() => undefined),
  ]);
  show(project, new Map((streams?.streams ?? []).map((stream) => [stream.name, stream])));
  state.remove();
}

async function getJson(path) {
  const response = await fetchWithToken(new URL(path, BASE));
  if (response.ok) return response.json();
  const problem = await response.json().catch(() => undefined);
  throw Object.assign(new Error(problem?.detail ?? `${path} answered ${response.status}`), {
    status: response.status,
  });
}

function show(project, facts) {
  document.title = `${project.info.title} · Headrace`;
  const operations = Object.entries(project.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
  );
  const endpoints = operations.filter(
    ({ path, method }) => path.startsWith("/v1/endpoints/") && method === "get",
  );
  const streams = operations.filter(({ path, method }) => path.endsWith("/events") && method === "post");
  const others = operations.filter((one) => one.method === "get" && !endpoints.includes(one));
  main.append(
    el("h1", {}, project.info.title),
    el("p", { class: "lead" }, project.info.description),
    ...section(
      "Endpoints",
      endpoints.map((one) => endpointArticle(one)),
    ),
    ...section(
      "Streams",
      streams.map((one) => streamArticle(one, project, facts)),
    ),
    ...section(
      "SQL",
      operations.filter(({ path }) => path === "/v1/sql").map((one) => sqlArticle(one, project, BASE)),
    ),
    ...section("More to read", [el("article", {}, otherRoutes(others))]),
  );
  document.getElementById("nav").append(
    el("strong", {}, project.info.title),
    ...contents(
      "Endpoints",
      endpoints.map(({ path }) => lastOf(path)),
    ),
    ...contents(
      "Streams",
      streams.map(({ path }) => streamOf(path)),
    ),
    ...contents("More", ["sql"]),
    otherTokenButton(),
  );
  // The sections weren't there yet when the browser looked for the one in the address.
  if (location.hash.length > 1)
    document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
}

function section(title, articles) {
  return articles.length === 0 ? [] : [el("h2", {}, title), ...articles];
}

function contents(title, names) {
  if (names.length === 0) return [];
  return [
    el("h2", {}, title),
    el(
      "ul",
      {},
      names.map((name) => el("li", {}, el("a", { href: `#${name}` }, name))),
    ),
  ];
}

function endpointArticle({ path, operation }) {
  const parameters = operation.parameters.filter((one) => one.in === "query");
  const fields = parameters.map(field);
  const format = fields.find((one) => one.name === "format");
  const curl = curlLine();
  const answer = el("div", { class: "answer", "aria-live": "polite" });
  const urlNow = () => {
    const url = new URL(path.slice(1), BASE);
    for (const one of fields) for (const value of one.values()) url.searchParams.append(one.name, value);
    return url;
  };
  const refresh = () => curl.set(`curl ${quoted(urlNow().href)}${curlToken()}`);
  const form = el(
    "form",
    {},
    el(
      "div",
      { class: "fields" },
      fields.filter((one) => one !== format).map((one) => one.label),
    ),
    el(
      "div",
      { class: "actions" },
      el("button", { type: "submit" }, "Run"),
      el("div", { class: "format" }, format.label),
    ),
  );
  form.addEventListener("input", refresh);
  onSubmit(form, () => request(urlNow(), {}, answer));
  refresh();
  return el(
    "article",
    { id: lastOf(path) },
    heading("get", path),
    el("p", {}, operation.summary),
    form,
    curl.element,
    answer,
  );
}

function streamArticle({ path, operation }, project, facts) {
  const name = streamOf(path);
  const schema = project.components.schemas[`Event_${name}`];
  const body = operation.requestBody.content["application/json"];
  const url = new URL(path.slice(1), BASE);
  const events = el("textarea", { rows: "6", spellcheck: "false" });
  events.value = JSON.stringify([body.example], undefined, 2);
  const wait = el("input", { type: "checkbox" });
  const urlNow = () => (wait.checked ? `${url.href}?wait=stored` : url.href);
  const curl = curlLine();
  const refresh = () =>
    curl.set(
      `curl ${quoted(urlNow())}${curlToken()} -H 'Content-Type: application/json' -d ${quoted(compact(events.value))}`,
    );
  const answer = el("div", { class: "answer", "aria-live": "polite" });
  const form = el(
    "form",
    {},
    el("label", {}, "Events", el("small", {}, "One JSON object, or an array of them"), events),
    el(
      "div",
      { class: "actions" },
      el("button", { type: "submit" }, "Send"),
      el("label", { class: "check" }, wait, "Wait until they are queryable"),
    ),
  );
  form.addEventListener("input", refresh);
  onSubmit(form, () => {
    const headers = { "content-type": "application/json" };
    return request(urlNow(), { method: "POST", headers, body: events.value }, answer);
  });
  refresh();
  return el(
    "article",
    { id: name },
    heading("post", path),
    el("p", {}, schema.description ?? ""),
    streamFacts(facts.get(name)),
    columnTable(schema, facts.get(name)),
    form,
    curl.element,
    answer,
  );
}

function streamFacts(stream) {
  if (stream === undefined) return "";
  const parts = [
    `${stream.events.toLocaleString("en")} events`,
    `${stream.rejected.toLocaleString("en")} rejected`,
    `${stream.lag.events.toLocaleString("en")} on their way`,
    `fresh within ${stream.freshness.promise_ms.toLocaleString("en")} ms`,
    ...(stream.id === null ? [] : [`counted once by ${stream.id.field}`]),
  ];
  return el("p", { class: "facts" }, parts.join(" · "));
}

function columnTable(schema, stream) {
  const types = new Map((stream?.columns ?? []).map((column) => [column.name, column.type]));
  const rows = Object.entries(schema.properties).map(([name, property]) => [
    name,
    describe(property),
    types.get(name) ?? "",
    schema.required.includes(name) ? "yes" : "no",
    property.description ?? "",
  ]);
  return el(
    "div",
    { class: "table", tabindex: "0" },
    table(["Field", "JSON", "Column", "Required", ""], rows),
  );
}

function otherRoutes(others) {
  return others.map(({ path, operation }) => {
    // A link sends no token.
    const isReached = !hasToken() || operation.security?.length === 0;
    const name = isReached
      ? el("a", { href: new URL(path.slice(1), BASE).href }, path)
      : el("code", {}, path);
    return el("p", {}, name, ` ${operation.summary}`);
  });
}

function compact(text) {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return text;
  }
}

function lastOf(path) {
  return path.split("/").at(-1);
}
