/* The sale that is being made: its lines, which of them is chosen, and what they come to. */
import { millionths, plain, totalled } from "./money.js";

const KEPT = "entrepot.till.basket"; // per tab, so that a reload loses nothing

export class Basket {
  constructor(changed) {
    this.changed = changed;
    this.lines = read();
    this.chosen = this.lines.length - 1;
  }

  get line() {
    return this.lines[this.chosen] ?? null;
  }

  add(item, quantity = "1") {
    const at = this.lines.findIndex((line) => line.variant_id === item.variant_id && !line.own_price && line.discount === "0");
    if (at >= 0) {
      this.chosen = at;
      this.more(quantity);
      return;
    }
    const { variant_id, sku, name, price, tax_code, tax_rate } = item;
    this.lines.push({ variant_id, sku, name, price, tax_code, tax_rate, quantity, discount: "0", own_price: false });
    this.chosen = this.lines.length - 1;
    this.#keep();
  }

  choose(at) {
    this.chosen = Math.max(0, Math.min(at, this.lines.length - 1));
    this.#keep();
  }

  /** So many more of the chosen line, or fewer; at nothing it goes. */
  more(quantity) {
    if (!this.line) return;
    const sum = millionths(this.line.quantity) + millionths(quantity);
    if (sum <= 0n) this.remove();
    else this.change({ quantity: plain(sum) });
  }

  change(facts) {
    if (!this.line) return;
    Object.assign(this.line, facts);
    this.#keep();
  }

  remove() {
    this.lines.splice(this.chosen, 1);
    this.chosen = Math.min(this.chosen, this.lines.length - 1);
    this.#keep();
  }

  fill(lines) {
    this.lines = lines;
    this.chosen = lines.length - 1;
    this.#keep();
  }

  totals(shop, money) {
    return totalled(this.lines, shop.prices_include_tax, money);
  }

  #keep() {
    sessionStorage.setItem(KEPT, JSON.stringify(this.lines));
    this.changed();
  }
}

function read() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
  } catch {
    return [];
  }
}
