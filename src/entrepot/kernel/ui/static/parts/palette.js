/* The command palette: Ctrl-K (or Cmd-K) opens <dialog id="palette">, whose field asks the server as one types.
 *
 *   <input type="search" hx-get="/palette" name="q" hx-target="#palette-results"
 *          hx-trigger="palette:open, input changed delay:120ms" hx-sync="this:replace">
 *   <div id="palette-results"> links </div>
 *
 * Arrows walk the links, Enter follows the marked one. Without the dialog on the page the key is left alone.
 */
export function watchPalette() {
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
      if (open()) event.preventDefault();
    }
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-palette-open]")) open();
  });
  document.addEventListener("keydown", steer);
  document.addEventListener("htmx:after:swap", () => mark(0));
}

function palette() {
  return document.querySelector("dialog#palette");
}

function open() {
  const dialog = palette();
  if (!dialog) return false;
  if (!dialog.open) dialog.showModal();
  const field = dialog.querySelector("input");
  field?.select();
  field?.focus();
  field?.dispatchEvent(new CustomEvent("palette:open", { bubbles: true }));
  return true;
}

function steer(event) {
  const dialog = palette();
  if (!dialog?.open || !dialog.contains(event.target)) return;
  const found = results(dialog);
  const at = found.findIndex((link) => link.hasAttribute("data-marked"));
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (found.length) mark((at + (event.key === "ArrowDown" ? 1 : -1) + found.length) % found.length);
  }
  if (event.key === "Enter" && event.target.matches("input") && !event.isComposing) {
    event.preventDefault();
    found[Math.max(at, 0)]?.click();
    if (found.length) dialog.close();
  }
}

function mark(index) {
  const dialog = palette();
  if (!dialog?.open) return;
  results(dialog).forEach((link, at) => {
    link.toggleAttribute("data-marked", at === index);
    link.id ||= `palette-result-${at}`;
    if (at !== index) return;
    link.scrollIntoView({ block: "nearest" });
    dialog.querySelector("input")?.setAttribute("aria-activedescendant", link.id);
  });
}

function results(dialog) {
  return [...dialog.querySelectorAll("#palette-results :is(a[href], button)")];
}
