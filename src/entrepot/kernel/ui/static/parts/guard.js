/* Unsaved changes: a form with data-guard does not lose what was typed without asking.
 *
 * A changed form carries data-dirty (a style hook as well). Leaving the page asks through the browser, a boosted
 * link asks through our dialog; a saved form is clean again.
 */
import { text } from "./texts.js";

export function watchForms() {
  for (const name of ["input", "change", "lines:changed"]) document.addEventListener(name, markDirty);
  document.addEventListener("submit", (event) => {
    if (!event.defaultPrevented) clean(event.target); // a plain form leaves the page on purpose
  });
  document.addEventListener("reset", (event) => clean(event.target));
  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = event.detail;
    if (ctx.target !== document.body || ctx.confirm) return;
    const dirty = dirtyForm();
    if (dirty && dirty !== ctx.request.form) ctx.confirm = text("unsaved");
  });
  document.addEventListener("htmx:after:request", (event) => {
    const { ctx } = event.detail;
    const saved = ctx.response.status < 400 && ctx.request.method !== "GET";
    const source = ctx.sourceElement;
    if (saved && (source === ctx.request.form || source.type === "submit")) clean(ctx.request.form);
  });
  window.addEventListener("beforeunload", (event) => {
    if (dirtyForm()) event.preventDefault();
  });
}

function markDirty(event) {
  if (event.target.closest?.("[data-guard-ignore]")) return;
  const form = event.target.form ?? event.target.closest?.("form");
  if (form?.matches("[data-guard]")) form.dataset.dirty = "";
}

function clean(form) {
  delete form?.dataset?.dirty;
}

function dirtyForm() {
  return document.querySelector("form[data-guard][data-dirty]");
}
