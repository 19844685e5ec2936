/* The lines of an order, invoice or entry: add, remove, walk with Enter.
 *
 *   <div data-lines data-lines-min="1">
 *     <table><tbody data-lines-body><tr data-line> ... name="lines-0-sku" ... </tr></tbody></table>
 *     <template data-line-template><tr data-line> ... name="lines-__i__-sku" ... </tr></template>
 *     <button type="button" data-line-add>        and inside a line: <button type="button" data-line-remove>
 *   </div>
 *
 * Every change tells "lines:changed"; the totals listen and ask the server, which alone does the sums:
 *   <div hx-post="/orders/quote" hx-trigger="lines:changed from:'closest form' delay:250ms" hx-sync="this:replace">
 * Numbers are never reused, so the server reads whichever indexes arrive, in the order they arrive.
 */
export function watchLines(htmx) {
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-line-add], [data-line-remove]");
    if (!button) return;
    if (button.matches("[data-line-add]")) addLine(button.closest("[data-lines]"), htmx);
    else removeLine(button.closest("[data-line]"));
  });
  for (const name of ["input", "change"]) {
    document.addEventListener(name, (event) => {
      const line = event.target.closest?.("[data-line]");
      if (line) tellChanged(line.closest("[data-lines]"));
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || event.defaultPrevented) return;
    const line = event.target.closest?.("[data-line]");
    if (!line || !event.target.matches("input")) return;
    event.preventDefault(); // Enter would submit a half-typed order
    walk(line, event.target, htmx);
  });
}

function addLine(editor, htmx) {
  const template = editor.querySelector("template[data-line-template]");
  const body = editor.querySelector("[data-lines-body]");
  const index = Number(editor.dataset.linesNext ?? body.querySelectorAll("[data-line]").length);
  editor.dataset.linesNext = String(index + 1);
  const line = template.content.firstElementChild.cloneNode(true);
  for (const element of [line, ...line.querySelectorAll("*")]) {
    for (const attribute of [...element.attributes]) {
      if (attribute.value.includes("__i__")) attribute.value = attribute.value.replaceAll("__i__", String(index));
    }
  }
  body.append(line);
  htmx.process(line);
  line.dispatchEvent(new CustomEvent("entrepot:added", { bubbles: true })); // forms.js dresses the new fields
  firstField(line)?.focus();
  tellChanged(editor);
  return line;
}

function removeLine(line) {
  const editor = line.closest("[data-lines]");
  const lines = [...editor.querySelectorAll("[data-line]")];
  if (lines.length <= Number(editor.dataset.linesMin ?? 0)) return;
  const neighbour = lines[lines.indexOf(line) + 1] ?? lines[lines.indexOf(line) - 1];
  line.remove();
  (neighbour ? firstField(neighbour) : editor.querySelector("[data-line-add]"))?.focus();
  tellChanged(editor);
}

function walk(line, field, htmx) {
  const editor = line.closest("[data-lines]");
  const lines = [...editor.querySelectorAll("[data-line]")];
  const next = lines[lines.indexOf(line) + 1];
  if (!next) {
    if (editor.querySelector("template[data-line-template]")) addLine(editor, htmx);
    return;
  }
  const column = fields(line).indexOf(field);
  (fields(next)[column] ?? firstField(next))?.focus();
}

function fields(line) {
  return [...line.querySelectorAll("input:not([type=hidden]), select, textarea")];
}

function firstField(line) {
  return line.querySelector("[autofocus]") ?? fields(line)[0];
}

function tellChanged(editor) {
  editor?.dispatchEvent(new CustomEvent("lines:changed", { bubbles: true }));
}
