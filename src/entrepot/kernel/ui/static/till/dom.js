/* Building elements: text stays text, never markup. */

const SVG = "http://www.w3.org/2000/svg";
const root = document.getElementById("till");

export const own = JSON.parse(root?.dataset.own ?? "{}");

/** A text of the page, with its facts filled in. */
export function t(key, facts = {}) {
  return (own.texts[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => facts[name] ?? whole);
}

export function el(tag, given = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

export function icon(name) {
  const made = document.createElementNS(SVG, "svg");
  made.setAttribute("class", "icon");
  made.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${root.dataset.icons}#${name}`);
  made.append(use);
  return made;
}

export function button(words, clicked, kind = "", given = {}) {
  return el("button", { type: "button", class: `btn ${kind}`, onclick: clicked, ...given }, ...[words].flat());
}

export function byId(id) {
  return document.getElementById(id);
}

export function time(moment) {
  return new Intl.DateTimeFormat(own.locale, { dateStyle: "short", timeStyle: "short" }).format(new Date(moment));
}
