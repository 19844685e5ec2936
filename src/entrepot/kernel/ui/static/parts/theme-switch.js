/* The button that changes the theme; theme.js, in <head>, does the changing.
 *
 * data-theme-choice="light|dark|system" sets one, data-theme-toggle turns to the other.
 */
const KEY = "entrepot.theme";

export function watchThemeSwitch() {
  document.addEventListener("click", (event) => {
    const choice = event.target.closest?.("[data-theme-choice]")?.dataset.themeChoice;
    if (choice) remember(choice);
    else if (event.target.closest?.("[data-theme-toggle]")) remember(now() === "dark" ? "light" : "dark");
  });
  document.addEventListener("entrepot:theme", show);
  document.addEventListener("htmx:after:swap", show);
  show();
}

function now() {
  return document.documentElement.dataset.bsTheme;
}

function remember(choice) {
  try {
    if (choice === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, choice);
  } catch {
    return; // without storage the system decides, and a button that forgets would only confuse
  }
  document.dispatchEvent(new CustomEvent("entrepot:theme-choice"));
}

function show() {
  for (const toggle of document.querySelectorAll("[data-theme-toggle]")) {
    toggle.setAttribute("aria-pressed", String(now() === "dark"));
  }
}
