/* Entrepot: fields that do more than the browser's own; loaded on form pages only.
 *
 *   <select data-select>                                   search in the options that are there
 *   <select data-select data-select-url="/customers/pick"> asks GET url?q=..., answer [{"value", "text", "hint"}]
 *   <input data-date>, data-date="range", data-date="time" a calendar; the value sent is always ISO
 *
 * Without this script they are a plain select and a text field, which the server understands just as well.
 */
import flatpickr from "flatpickr";
import { German } from "flatpickr/dist/esm/l10n/de.js";
import { French } from "flatpickr/dist/esm/l10n/fr.js";
import { Dutch } from "flatpickr/dist/esm/l10n/nl.js";
import TomSelect from "tom-select/base";
import removeButton from "tom-select/plugins/remove_button/plugin.js";

TomSelect.define("remove_button", removeButton);

const LOCALES = { nl: Dutch, de: German, fr: French };
const PAUSE_MS = 200;

function dress(root) {
  for (const field of root.querySelectorAll("select[data-select]:not(.tomselected)")) dressSelect(field);
  for (const field of root.querySelectorAll("input[data-date]")) if (!field._flatpickr) dressDate(field);
}

function dressSelect(field) {
  const url = field.dataset.selectUrl;
  const settings = {
    plugins: field.multiple ? { remove_button: { title: field.dataset.selectRemove ?? "×" } } : {},
    maxOptions: 200,
    searchField: ["text", "hint"],
    allowEmptyOption: true,
    openOnFocus: true,
    loadThrottle: PAUSE_MS,
    render: { option: optionLine, no_results: null },
  };
  if (url) {
    settings.preload = "focus";
    settings.load = (query, done) => found(url, query).then(done, () => done());
  }
  new TomSelect(field, settings);
  field.setAttribute("aria-hidden", "true"); // its label now names the field that took its place
}

async function found(url, query) {
  const address = new URL(url, location.href);
  address.searchParams.set("q", query);
  const answer = await fetch(address, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return answer.json();
}

function optionLine(option, escape) {
  const hint = option.hint ? ` <small class="app-option-hint">${escape(option.hint)}</small>` : "";
  return `<div>${escape(option.text)}${hint}</div>`;
}

function dressDate(field) {
  const kind = field.dataset.date;
  const time = kind === "time";
  flatpickr(field, {
    mode: kind === "range" ? "range" : "single",
    enableTime: time,
    time_24hr: true,
    dateFormat: time ? "Y-m-d\\TH:i" : "Y-m-d",
    allowInput: true,
    weekNumbers: true,
    locale: { firstDayOfWeek: 1, ...LOCALES[document.documentElement.lang.slice(0, 2)] },
    minDate: field.min || undefined,
    maxDate: field.max || undefined,
  });
}

// What htmx takes away leaves its calendar behind in <body>: those without a field are swept up.
function sweep() {
  for (const calendar of document.querySelectorAll(".flatpickr-calendar")) {
    const field = calendar._entrepotField;
    if (field && !field.isConnected) field._flatpickr?.destroy();
  }
}

flatpickr.setDefaults({
  onReady: (dates, value, picker) => {
    if (picker.calendarContainer) picker.calendarContainer._entrepotField = picker.input;
  },
});

document.addEventListener("htmx:after:swap", () => {
  sweep();
  dress(document);
});
document.addEventListener("entrepot:added", (event) => dress(event.target));
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => dress(document));
else dress(document);
