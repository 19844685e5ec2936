/* Short messages in the corner.
 *
 * The server sends one with HX-Trigger: {"toast": {"text": "...", "tone": "success"}}; a page that arrives after a
 * redirect carries <template data-toast="success">...</template>. Text stays text, never markup. Bad news stays
 * until it is dismissed, the rest leaves after six seconds unless the pointer or the focus is on it.
 */
import { text } from "./texts.js";

const TONES = new Set(["success", "info", "warning", "danger"]);
const STAYS_MS = 6000;

export function watchToasts() {
  document.addEventListener("toast", (event) => showToast(event.detail));
  document.addEventListener("htmx:after:swap", showCarried);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", showCarried);
  else showCarried();
}

export function showToast({ text: words, value, tone = "info", href, action, undo }) {
  const kind = TONES.has(tone) ? tone : "info";
  const toast = document.createElement("div");
  toast.className = `app-toast app-toast-${kind}`;
  if (kind === "danger") toast.setAttribute("role", "alert");
  toast.append(line(words ?? value ?? ""));
  if (href) toast.append(link(href, action ?? href));
  if (undo) toast.append(wayBack(undo));
  toast.append(closer(toast));
  region().append(toast);
  if (kind !== "danger") leaveLater(toast);
}

function showCarried() {
  for (const carried of document.querySelectorAll("template[data-toast]")) {
    carried.remove();
    const { toast: tone, undoAction: action, undoName: name, undoValue: value } = carried.dataset;
    showToast({ text: carried.content.textContent.trim(), tone, undo: action ? { action, name, value } : null });
  }
}

// A live region that appears together with its text is not read out: the layout should have it, this is the net.
function region() {
  const there = document.getElementById("toasts");
  if (there) return there;
  const made = document.createElement("div");
  made.id = "toasts";
  made.className = "app-toasts";
  made.setAttribute("role", "status");
  made.setAttribute("aria-live", "polite");
  document.body.append(made);
  return made;
}

function line(words) {
  const element = document.createElement("div");
  element.className = "app-toast-text";
  element.textContent = words;
  return element;
}

function link(href, words) {
  const element = document.createElement("a");
  element.href = new URL(href, location.href).origin === location.origin ? href : "#";
  element.textContent = words;
  return element;
}

// The way back is a form like any other: it works by itself and carries the token of the page.
function wayBack({ action, name, value }) {
  const form = document.createElement("form");
  form.method = "post";
  form.action = new URL(action, location.href).origin === location.origin ? action : "";
  for (const [key, held] of [["csrf", document.querySelector('meta[name="csrf"]')?.content ?? ""], [name, value]]) {
    const field = document.createElement("input");
    field.type = "hidden";
    field.name = key;
    field.value = held;
    form.append(field);
  }
  const button = document.createElement("button");
  button.className = "btn btn-sm";
  button.textContent = text("undo");
  form.append(button);
  return form;
}

function closer(toast) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn-close";
  button.setAttribute("aria-label", text("close"));
  button.addEventListener("click", () => toast.remove());
  return button;
}

function leaveLater(toast) {
  let timer = setTimeout(() => toast.remove(), STAYS_MS);
  const hold = () => clearTimeout(timer);
  const release = () => {
    clearTimeout(timer);
    timer = setTimeout(() => toast.remove(), STAYS_MS / 2);
  };
  toast.addEventListener("mouseenter", hold);
  toast.addEventListener("focusin", hold);
  toast.addEventListener("mouseleave", release);
  toast.addEventListener("focusout", release);
}
