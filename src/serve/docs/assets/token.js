// The reader's token, when the server asks for one: kept for this tab alone, and sent to this server alone.
import { el } from "./elements.js";

const TOKEN_KEPT_AS = "headrace-token";
let readersToken = keptToken();

/** Fetches with the token, when there is one. */
export function fetchWithToken(url, options = {}) {
  if (readersToken === "") return fetch(url, options);
  return fetch(url, { ...options, headers: { ...options.headers, authorization: `Bearer ${readersToken}` } });
}

export function hasToken() {
  return readersToken !== "";
}

/** What a curl line needs beside: never the token itself, which would stay in the shell's history. */
export function curlToken() {
  return readersToken === "" ? "" : ' -H "Authorization: Bearer $HEADRACE_TOKEN"';
}

/** Shows a field for the token and resolves when one was given. */
export function askForToken(place, why) {
  const input = el("input", {
    type: "password",
    autocomplete: "off",
    spellcheck: "false",
    required: "",
    pattern: "[A-Za-z0-9._~+\\/=\\-]+",
    title: "A token as `headrace token new` prints it",
  });
  const form = el(
    "form",
    { class: "token" },
    el("label", {}, "Token", el("small", {}, why), input),
    el("div", { class: "actions" }, el("button", { type: "submit" }, "Use it")),
  );
  place.replaceChildren(form);
  input.focus();
  return new Promise((resolve) => {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      keepToken(input.value);
      place.replaceChildren("Reading the project…");
      resolve();
    });
  });
}

/** A button that asks for another token; nothing when none was needed. */
export function otherTokenButton() {
  if (readersToken === "") return "";
  const button = el("button", { type: "button" }, "Use another token");
  button.addEventListener("click", () => {
    keepToken("");
    location.reload();
  });
  return button;
}

function keepToken(value) {
  readersToken = value;
  try {
    if (value === "") sessionStorage.removeItem(TOKEN_KEPT_AS);
    else sessionStorage.setItem(TOKEN_KEPT_AS, value);
  } catch {
    // A browser that keeps nothing asks again after a reload.
  }
}

function keptToken() {
  try {
    return sessionStorage.getItem(TOKEN_KEPT_AS) ?? "";
  } catch {
    return "";
  }
}
