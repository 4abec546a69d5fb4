export function onSubmit(form, send) {
  const button = form.querySelector("button[type=submit]");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    await send();
    button.disabled = false;
  });
}

export function quoted(text) {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

export function streamOf(path) {
  return path.split("/").at(-2);
}
