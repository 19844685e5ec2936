/* Dialogs on the browser's own <dialog>: focus trap, Escape and backdrop come with it.
 *
 * data-dialog-open="#id" opens one, data-dialog-close closes the one around it. data-confirm="Cancel this order?"
 * on a link, a button or a form asks first; data-confirm-ok names the button, data-confirm-tone="danger" colours
 * it. data-print-page prints the page. hx-confirm asks through the same dialog, so the browser's own box never shows.
 */
import { text } from "./texts.js";

export function watchDialogs() {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog-open]");
    if (opener) document.querySelector(opener.dataset.dialogOpen)?.showModal();
    const closer = event.target.closest("[data-dialog-close]");
    if (closer) closer.closest("dialog")?.close();
    if (event.target.closest("[data-print-page]")) window.print(); // the browser's own dialog
    if (event.target.matches?.("dialog[data-dialog-dismiss]")) event.target.close(); // the backdrop is the dialog itself
  });
  // The server closes what it answered: HX-Trigger: {"dialog:close": {}}
  document.addEventListener("dialog:close", () => {
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  });
}

export function watchConfirmations() {
  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = event.detail;
    const asking = askingElement(ctx.request.submitter, ctx.sourceElement);
    if (asking) ctx.confirm = asking.dataset.confirm;
  });
  document.addEventListener("htmx:confirm", (event) => {
    event.preventDefault();
    const { ctx, issueRequest, dropRequest } = event.detail;
    const asking = askingElement(ctx.request.submitter, ctx.sourceElement);
    ask(ctx.confirm, asking?.dataset).then((yes) => (yes ? issueRequest() : dropRequest()));
  });
  document.addEventListener("submit", askBeforeSubmit, true);
  document.addEventListener("click", askBeforeFollowing, true);
}

/** Resolves to true when the user agrees; closing the dialog in any other way is a no. */
export function ask(question, { confirmOk, confirmTone } = {}) {
  const dialog = document.createElement("dialog");
  dialog.className = "app-dialog";
  dialog.setAttribute("role", "alertdialog");
  const words = document.createElement("p");
  words.id = "app-confirm-text";
  words.textContent = question;
  dialog.setAttribute("aria-labelledby", words.id);
  const form = document.createElement("form");
  form.method = "dialog";
  form.className = "app-dialog-actions";
  form.append(
    choice("no", text("cancel"), "btn"),
    choice("yes", confirmOk || text("ok"), `btn btn-${confirmTone === "danger" ? "danger" : "primary"}`),
  );
  dialog.append(words, form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      resolve(dialog.returnValue === "yes");
      dialog.remove();
    });
  });
}

function choice(value, words, className) {
  const button = document.createElement("button");
  button.value = value;
  button.textContent = words;
  button.className = className;
  return button;
}

const agreed = new WeakSet();

function askBeforeSubmit(event) {
  const form = event.target;
  if (isHtmx(form) || isHtmx(event.submitter)) return; // htmx:config:request asks for these
  const asking = askingElement(event.submitter, form);
  if (!asking || agreed.delete(form)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  ask(asking.dataset.confirm, asking.dataset).then((yes) => {
    if (!yes) return;
    agreed.add(form);
    form.requestSubmit(event.submitter ?? undefined);
    agreed.delete(form); // a form that its own validation held back asks again
  });
}

function askBeforeFollowing(event) {
  const link = event.target.closest?.("a[data-confirm]");
  if (!link || isHtmx(link) || agreed.delete(link)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  ask(link.dataset.confirm, link.dataset).then((yes) => {
    if (!yes) return;
    agreed.add(link);
    link.click();
  });
}

function askingElement(...elements) {
  return elements.find((element) => element?.dataset?.confirm);
}

function isHtmx(element) {
  return Boolean(element?.hasAttribute("data-htmx-powered"));
}
