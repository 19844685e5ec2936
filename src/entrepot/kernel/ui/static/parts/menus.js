/* Menus that open: <details data-menu> closes on Escape, on a click elsewhere and when an item is chosen.
 *
 * data-toggle="#id" shows and hides a part of the page (the side bar on a small screen). Both work from the
 * keyboard by themselves; the framework's own script would be forty kilobytes for the same.
 */
export function watchMenus() {
  document.addEventListener("click", (event) => {
    const inside = event.target.closest?.("details[data-menu]");
    const chosen = event.target.closest?.("details[data-menu] .dropdown-menu :is(a, button)");
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      if (menu !== inside || chosen) menu.open = false;
    }
    const toggle = event.target.closest?.("[data-toggle]");
    if (toggle) flip(toggle);
  });
  document.addEventListener("keydown", (event) => {
    const menu = event.target.closest?.("details[data-menu][open]");
    if (!menu) return;
    if (event.key === "Escape") {
      menu.open = false;
      menu.querySelector("summary")?.focus();
    }
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      step(menu, event.key === "ArrowDown" ? 1 : -1);
    }
  });
}

function step(menu, by) {
  const items = [...menu.querySelectorAll(".dropdown-menu :is(a, button):not([disabled])")];
  if (!items.length) return;
  const at = items.indexOf(document.activeElement);
  const to = at < 0 ? (by > 0 ? 0 : items.length - 1) : (at + by + items.length) % items.length;
  items[to].focus();
}

function flip(toggle) {
  const part = document.querySelector(toggle.dataset.toggle);
  const shown = part?.classList.toggle("show") ?? false;
  toggle.setAttribute("aria-expanded", String(shown));
}
