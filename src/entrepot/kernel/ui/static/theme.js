/* Entrepot: picks light or dark before the first paint.
 *
 * Loaded without defer in <head>, ahead of the stylesheet: under script-src 'self' no inline script may do this,
 * and anything later shows a flash of the wrong theme. It stays this small because it blocks the page.
 * The choice is "light", "dark" or nothing; nothing follows the system.
 */
(() => {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");

  function chosen() {
    try {
      const value = localStorage.getItem("entrepot.theme");
      return value === "light" || value === "dark" ? value : null;
    } catch {
      return null; // storage may be refused; the system's choice is then the only one
    }
  }

  function apply() {
    const theme = chosen() ?? (system.matches ? "dark" : "light");
    if (root.dataset.bsTheme === theme) return;
    root.dataset.bsTheme = theme;
    document.dispatchEvent(new CustomEvent("entrepot:theme", { detail: { theme } }));
  }

  system.addEventListener("change", apply);
  window.addEventListener("storage", apply); // the other tabs follow
  document.addEventListener("entrepot:theme-choice", apply);
  apply();
})();
