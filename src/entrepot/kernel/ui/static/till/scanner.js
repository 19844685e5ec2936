/* Barcode scanners, which are keyboards that type very fast and end with Enter.
 *
 * A scan is heard wherever the focus is, and never lands in a field: "Enter" after it must not pay for anything.
 */
const SLOWEST_MS = 80;
const SHORTEST = 6;

export function listenToScanner(scanned) {
  let codes = "";
  let before = "";
  let last = 0;
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      if (event.key === "Enter" && codes.length >= SHORTEST && event.timeStamp - last <= SLOWEST_MS) {
        const field = event.target.matches?.("input") ? event.target : null;
        const code = codes;
        codes = "";
        if (scanned(code, field, before)) {
          event.preventDefault();
          event.stopPropagation();
        }
        return;
      }
      if (event.key.length !== 1) return;
      if (event.timeStamp - last > SLOWEST_MS) {
        codes = "";
        before = event.target.value ?? "";
      }
      codes += event.key;
      last = event.timeStamp;
    },
    true,
  );
}
