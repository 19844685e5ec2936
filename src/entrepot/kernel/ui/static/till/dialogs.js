/* What the dialogs of the till share: a head that closes, a list of rows, one amount to type. */
import { button, byId, el, icon, t } from "./dom.js";

/** The head of a dialog: its title and the button that closes it. */
export function head(dialog, title, given = {}) {
  return el(
    "header",
    { class: "till-dialog-head" },
    el("h2", {}, title),
    button(icon("x"), () => dialog.close(), "btn-icon btn-ghost-secondary", { "aria-label": t("close"), ...given }),
  );
}

/** Open a dialog with a note or a list of rows, and what stands at its foot. */
export function fillDialog(id, title, note, rows, foot = "") {
  const dialog = byId(id);
  dialog.replaceChildren(
    head(dialog, title),
    note ? el("p", { class: "till-quiet" }, note) : el("ul", { class: "till-rows" }, ...rows),
    foot ? el("div", { class: "till-dialog-foot" }, foot) : "",
  );
  if (!dialog.open) dialog.showModal();
}

/** A labelled field of a form in a dialog. */
export function field(id, words, given = {}) {
  const input = el("input", { id, class: "form-control form-control-lg", autocomplete: "off", ...given });
  if (given.value !== undefined) input.value = given.value;
  return el("div", { class: "till-field" }, el("label", { class: "form-label", for: id }, words), input);
}

/** One of a few words to choose, by radio buttons. */
export function choice(name, words, options, chosen, changed = () => {}) {
  return el(
    "fieldset",
    { class: "till-choice" },
    el("legend", { class: "form-label" }, words),
    ...options.map(([value, text]) =>
      el(
        "label",
        {},
        el("input", { type: "radio", name, value, checked: value === chosen, onchange: () => changed(value) }),
        el("span", {}, text),
      ),
    ),
  );
}

/** A form in a dialog: `send` answers with why not, or nothing; what it was sent with stays until it worked. */
export function form(parts, words, send, kind = "btn-primary") {
  const problem = el("p", { class: "app-problem", role: "alert" });
  const submit = el("button", { class: `btn ${kind} btn-lg till-finish` }, ...[words].flat());
  let busy = false;
  return el(
    "form",
    {
      novalidate: true,
      onsubmit: async (event) => {
        event.preventDefault();
        if (busy) return;
        busy = submit.disabled = true;
        problem.textContent = "";
        try {
          problem.textContent = (await send()) ?? "";
        } finally {
          busy = submit.disabled = false;
        }
      },
    },
    ...parts,
    problem,
    submit,
  );
}

/** What the printer gets: a copy of what a dialog shows. */
export function toPaper(shown) {
  const copy = shown.cloneNode(true);
  for (const named of copy.querySelectorAll("[id]")) named.removeAttribute("id");
  byId("till-paper").replaceChildren(...copy.childNodes);
}

/** Ask for one amount; `accepts` takes it, or says why not. */
export function askAmount(title, value, accepts) {
  const dialog = byId("till-amount");
  const input = el("input", { id: "till-amount-field", class: "form-control form-control-lg", inputmode: "decimal", autocomplete: "off" });
  const problem = el("p", { class: "app-problem", role: "alert" });
  input.value = value;
  const asking = el(
    "form",
    {
      method: "dialog",
      onsubmit: (event) => {
        problem.textContent = accepts(input.value.trim()) ?? "";
        if (problem.textContent) event.preventDefault();
      },
    },
    el("label", { class: "form-label", for: "till-amount-field" }, title),
    input,
    problem,
    el("div", { class: "till-dialog-foot" }, button(t("close"), () => dialog.close(), "btn-lg"), el("button", { class: "btn btn-primary btn-lg" }, t("apply"))),
  );
  dialog.replaceChildren(asking);
  dialog.showModal();
  input.select();
}
