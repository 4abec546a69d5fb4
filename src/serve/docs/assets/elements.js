// The pieces that the page is made of. Whatever comes from the server is put in as text, never as HTML.

export function table(names, rows) {
  const isNumber = names.map((_, column) => rows.some((row) => typeof row[column] === "number"));
  const head = names.map((name, column) =>
    el("th", { scope: "col", class: isNumber[column] ? "number" : "" }, name),
  );
  const body = rows.map((row) =>
    el(
      "tr",
      {},
      row.map((value, column) => cell(value, isNumber[column])),
    ),
  );
  return el("table", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, body));
}

/** Texts up to this long stay on one line. */
const SHORT_TEXT_MAX = 40;

function cell(value, isNumber) {
  if (value === null || value === undefined)
    return el("td", { class: isNumber ? "number nothing" : "nothing" }, "null");
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return el("td", { class: isNumber ? "number" : text.length > SHORT_TEXT_MAX ? "" : "short" }, text);
}

export function curlLine() {
  const code = el("code", {});
  const copy = el("button", { type: "button" }, "Copy");
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code.textContent);
    copy.textContent = "Copied";
    setTimeout(() => (copy.textContent = "Copy"), 1500);
  });
  return { element: el("div", { class: "curl" }, code, copy), set: (text) => (code.textContent = text) };
}

export function heading(method, path) {
  return el("h3", {}, el("span", { class: "method" }, method.toUpperCase()), path);
}

export function el(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.flat(Infinity));
  return element;
}
