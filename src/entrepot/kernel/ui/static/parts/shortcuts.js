/* Keyboard shortcuts: data-shortcut="g o" on a link, a button or a field; "?" shows the sheet of what is there.
 *
 * The page is read at the moment of the key, so the sheet never lies. Single keys trouble people who speak to
 * their computer (WCAG 2.1.4), hence the switch in the sheet, remembered on this device.
 */
import { text } from "./texts.js";

const PAUSE_MS = 1000;
const SWITCH = "entrepot.shortcuts";

export function watchShortcuts() {
  let typed = [];
  let last = 0;
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.repeat || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]") || event.key.length !== 1) return;
    if (event.key === "?") {
      event.preventDefault();
      showSheet();
      return;
    }
    if (!switchedOn()) return;
    typed = event.timeStamp - last > PAUSE_MS ? [event.key] : [...typed, event.key].slice(-3);
    last = event.timeStamp;
    const hit = matching(typed);
    if (!hit) return;
    event.preventDefault();
    typed = [];
    if (hit.matches("input:not([type=button], [type=submit]), select, textarea")) hit.focus();
    else hit.click();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-shortcuts-open]")) showSheet();
  });
}

function isTyping(target) {
  return target.isContentEditable || Boolean(target.closest?.("input, select, textarea, [data-shortcuts-ignore]"));
}

// The longest tail of what was typed wins: "g o" before a lone "o".
function matching(typed) {
  for (let from = 0; from < typed.length; from += 1) {
    const keys = typed.slice(from).join(" ");
    const hit = available().find((element) => element.dataset.shortcut === keys);
    if (hit) return hit;
  }
  return null;
}

function available() {
  return [...document.querySelectorAll("[data-shortcut]")].filter((element) => !element.disabled && !element.closest("[hidden]"));
}

function showSheet() {
  const dialog = document.createElement("dialog");
  dialog.className = "app-dialog app-shortcuts";
  dialog.setAttribute("aria-label", text("shortcuts"));
  dialog.dataset.dialogDismiss = "";
  const title = document.createElement("h2");
  title.textContent = text("shortcuts");
  const list = document.createElement("dl");
  const rows = available().map((element) => [element.dataset.shortcut.split(" "), nameOf(element)]);
  for (const [keys, name] of [...rows, [["?"], text("shortcuts")], [["Ctrl", "K"], text("palette")]]) list.append(term(keys), meaning(name));
  const form = document.createElement("form");
  form.method = "dialog";
  form.className = "app-dialog-actions";
  const close = document.createElement("button");
  close.className = "btn";
  close.textContent = text("close");
  form.append(switcher(), close);
  dialog.append(title, list, form);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function nameOf(element) {
  return (element.dataset.shortcutLabel || element.getAttribute("aria-label") || element.textContent || element.placeholder || "").trim();
}

function term(keys) {
  const dt = document.createElement("dt");
  for (const key of keys) {
    const kbd = document.createElement("kbd");
    kbd.textContent = key;
    dt.append(kbd, " ");
  }
  return dt;
}

function meaning(name) {
  const dd = document.createElement("dd");
  dd.textContent = name;
  return dd;
}

function switcher() {
  const label = document.createElement("label");
  label.className = "form-check form-switch";
  const box = document.createElement("input");
  box.type = "checkbox";
  box.className = "form-check-input";
  box.checked = switchedOn();
  box.addEventListener("change", () => localStorage.setItem(SWITCH, box.checked ? "on" : "off"));
  label.append(box, ` ${text("shortcutsOn")}`);
  return label;
}

function switchedOn() {
  try {
    return localStorage.getItem(SWITCH) !== "off";
  } catch {
    return true;
  }
}
