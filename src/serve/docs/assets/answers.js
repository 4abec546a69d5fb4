import { el, table } from "./elements.js";
import { fetchWithToken } from "./token.js";

/** More of an answer is neither read nor shown. */
const SHOWN_BYTES_MAX = 2 * 1024 * 1024;
const SHOWN_ROWS_MAX = 500;
/** Formats that nobody can read: they are offered as a file. More of one than this is not held in the page. */
const BINARY = /parquet|arrow/;
const SAVED_BYTES_MAX = 256 * 1024 * 1024;

export async function request(url, options, answer) {
  const start = performance.now();
  try {
    const response = await fetchWithToken(url, { ...options, cache: "no-store" });
    if (BINARY.test(response.headers.get("content-type") ?? "")) {
      await offerFile(answer, response, start);
      return;
    }
    const { text, cut } = await readSome(response);
    showAnswer(answer, response, text, cut, performance.now() - start);
  } catch (error) {
    const note = `No whole answer came: ${error.message}`;
    answer.replaceChildren(el("p", { class: "status" }, el("b", { class: "bad" }, note)));
  }
}

async function offerFile(answer, response, start) {
  const parts = [];
  let bytes = 0;
  const reader = response.body.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    bytes += next.value.length;
    parts.push(next.value);
    if (bytes <= SAVED_BYTES_MAX) continue;
    await reader.cancel();
    throw new Error("it is too large for this page; the curl line takes it, with -o and a name");
  }
  const name = /filename="([^"]+)"/.exec(response.headers.get("content-disposition"))?.[1] ?? "answer";
  const href = URL.createObjectURL(new Blob(parts, { type: response.headers.get("content-type") }));
  const size = `${bytes.toLocaleString("en")} bytes`;
  answer.replaceChildren(
    statusLine(response, performance.now() - start, el("span", {}, size)),
    el("p", { class: "download" }, el("a", { href, download: name }, `Save ${name}`)),
  );
}

function statusLine(response, milliseconds, ...more) {
  return el(
    "div",
    { class: "status" },
    el("b", { class: response.ok ? "" : "bad" }, `${response.status} ${response.statusText}`),
    el("span", {}, `${milliseconds.toFixed(0)} ms`),
    ...more,
  );
}

async function readSome(response) {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const next = await reader?.read();
    if (next === undefined || next.done) return { text: text + decoder.decode(), cut: false };
    bytes += next.value.length;
    text += decoder.decode(next.value, { stream: true });
    if (bytes > SHOWN_BYTES_MAX) {
      await reader.cancel();
      return { text, cut: true };
    }
  }
}

function showAnswer(answer, response, text, cut, milliseconds) {
  const isJson =
    /json/.test(response.headers.get("content-type") ?? "") &&
    !/ndjson/.test(response.headers.get("content-type"));
  const body = isJson && !cut ? JSON.parse(text) : undefined;
  const status = statusLine(
    response,
    milliseconds,
    ...(body?.rows === undefined
      ? []
      : [el("span", {}, `${body.rows.toLocaleString("en")} ${body.rows === 1 ? "row" : "rows"}`)]),
    ...(cut ? [el("span", {}, "only the beginning is shown")] : []),
  );
  const plain = el("pre", { tabindex: "0" }, body === undefined ? text : JSON.stringify(body, undefined, 2));
  const rows =
    body === undefined || !Array.isArray(body.data) || body.meta === undefined
      ? undefined
      : resultTable(body);
  answer.replaceChildren(status, rows ?? plain);
  if (rows === undefined) return;
  const buttons = [viewButton("Table", rows), viewButton("JSON", plain)];
  buttons[0].setAttribute("aria-pressed", "true");
  status.append(el("span", { class: "views" }, ...buttons));

  function viewButton(label, view) {
    const button = el("button", { type: "button", "aria-pressed": "false" }, label);
    button.addEventListener("click", () => {
      for (const one of buttons) one.setAttribute("aria-pressed", String(one === button));
      answer.replaceChildren(status, view);
    });
    return button;
  }
}

function resultTable({ data, meta }) {
  if (data.length === 0) return el("p", { class: "nothing" }, "No rows.");
  const names = meta.map(({ name, type }) => [name, el("small", {}, type)]);
  const rows = data.slice(0, SHOWN_ROWS_MAX).map((row) => meta.map(({ name }) => row[name]));
  const rest =
    data.length > SHOWN_ROWS_MAX
      ? [el("p", { class: "nothing" }, `The first ${SHOWN_ROWS_MAX} rows; JSON shows all.`)]
      : [];
  return el("div", { class: "table", tabindex: "0" }, table(names, rows), ...rest);
}
