/* What is sold: found by words, by category, by barcode or SKU; stock as it is known here. */
import { button, byId, el, own, t } from "./dom.js";
import { millionths } from "./money.js";

const MOST = 120; // tiles; who wants more types a word

export class Shelf {
  constructor(money, chosen) {
    this.money = money;
    this.chosen = chosen;
    this.items = [];
    this.gone = new Map(); // millionths that left since the catalogue was read
    this.category = "";
  }

  fill(items) {
    this.items = items.map((item) => ({ ...item, words: `${item.name} ${item.sku} ${item.barcode ?? ""}`.toLowerCase() }));
    this.byCode = new Map();
    for (const item of items) {
      this.byCode.set(item.sku.toLowerCase(), item);
      if (item.barcode) this.byCode.set(item.barcode.toLowerCase(), item);
    }
    this.drawCategories();
  }

  /** The item with this barcode or SKU. */
  exact(code) {
    return this.byCode?.get(code.trim().toLowerCase()) ?? null;
  }

  found(words) {
    const each = words.toLowerCase().split(/\s+/).filter(Boolean);
    return this.items.filter(
      (item) => (!this.category || item.category === this.category) && each.every((word) => item.words.includes(word)),
    );
  }

  drawCategories() {
    const names = [...new Set(this.items.map((item) => item.category))].filter(Boolean).sort();
    if (!names.includes(this.category)) this.category = "";
    const chip = (name, words) =>
      button(words, () => {
        this.category = name;
        this.drawCategories();
        this.draw();
      }, `till-chip ${name === this.category ? "active" : ""}`, { "aria-pressed": String(name === this.category) });
    byId("till-categories").replaceChildren(...(names.length ? [chip("", t("all")), ...names.map((name) => chip(name, name))] : []));
  }

  draw(words = byId("till-search").value) {
    const found = this.found(words.replace(/^[\d.,]+\*/, ""));
    const tiles = found.slice(0, MOST).map((item) => this.tile(item));
    const more = found.length - tiles.length;
    const note = !this.items.length ? t("noProducts") : !found.length ? t("nothingFound") : more > 0 ? t("more", { more }) : "";
    byId("till-grid").replaceChildren(...tiles);
    byId("till-note").textContent = note;
  }

  tile(item) {
    const stock = item.stock === null ? null : millionths(item.stock) - (this.gone.get(item.variant_id) ?? 0n);
    const words = stock === null ? "" : t("inStock", { stock: this.money.count(String(Number(stock) / 1e6)) });
    return el(
      "button",
      { type: "button", class: "till-tile", "data-sku": item.sku, onclick: () => this.chosen(item), lang: own.locale },
      el("span", { class: "till-tile-name" }, item.name),
      el("span", { class: "till-tile-sku" }, item.sku),
      el("span", { class: "till-tile-price" }, this.money.show(this.money.minor(item.price))),
      el("span", { class: `till-tile-stock ${stock !== null && stock <= 0n ? "is-out" : ""}` }, words),
    );
  }
}
