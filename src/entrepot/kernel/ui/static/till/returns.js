/* Earlier sales: their receipts once more, and what comes back of them. */
import { showToast } from "../parts/toasts.js";
import { choice, field, form, head } from "./dialogs.js";
import { button, byId, el, icon, own, t, time } from "./dom.js";
import { why } from "./drawer.js";
import { millionths, plain } from "./money.js";

const PAUSE_MS = 250;

export class Returns {
  constructor(outbox, crew, receipt, drawer, done) {
    Object.assign(this, { outbox, crew, receipt, drawer, done });
    this.dialog = byId("till-returns");
  }

  open() {
    this.words = "";
    this.found = null;
    this.list();
    if (!this.dialog.open) this.dialog.showModal();
    byId("till-returns-search")?.focus();
    this.search();
  }

  get offline() {
    return !this.outbox.reachable || !navigator.onLine;
  }

  // ── which sale ──

  async search() {
    if (this.offline) return this.list();
    const words = this.words;
    const query = words ? `q=${encodeURIComponent(words)}` : `terminal_id=${encodeURIComponent(own.terminal)}`;
    const answer = await this.outbox.request("GET", `/pos/sales?${query}`);
    if (words !== this.words) return null;
    this.found = answer.data ?? [];
    this.problem = answer.data ? "" : why(answer);
    return this.list();
  }

  list() {
    if (this.sale) return;
    const { money } = this;
    const known = byId("till-returns-search");
    const search = known ?? this.#searchField();
    const rows = (this.found ?? []).map((one) =>
      el(
        "li",
        {},
        el("span", {}, `${one.number} · ${money.show(money.minor(one.total))}`, el("small", {}, `${time(one.placed_at)} · ${one.items}`)),
        button(t("choose"), () => this.choose(one.id), "btn-primary", {
          "data-number": one.number,
          "aria-label": `${t("choose")} ${one.number}`,
        }),
      ),
    );
    const note = this.offline ? t("returnsOffline") : this.problem || (!this.found ? t("working") : !rows.length ? t("noSale") : "");
    const shown = note
      ? el("p", { class: this.offline ? "till-kept" : "till-quiet", role: "status" }, note)
      : el("ul", { class: "till-rows" }, ...rows);
    const fresh = el("div", { id: "till-returns-list" }, shown);
    if (known && byId("till-returns-list")) byId("till-returns-list").replaceWith(fresh);
    else {
      this.dialog.replaceChildren(
        head(this.dialog, t("earlier")),
        el("label", { class: "form-label", for: "till-returns-search" }, t("findSale")),
        search,
        fresh,
      );
    }
    search.disabled = this.offline;
  }

  #searchField() {
    return el("input", {
      id: "till-returns-search",
      class: "form-control form-control-lg",
      type: "search",
      autocomplete: "off",
      oninput: () => this.#typed(),
      onkeydown: (event) => this.#entered(event),
    });
  }

  #typed() {
    clearTimeout(this.timer);
    this.words = byId("till-returns-search").value.trim();
    this.timer = setTimeout(() => this.search(), PAUSE_MS);
  }

  // A scanner ends with Enter: one sale found is the sale that is meant.
  async #entered(event) {
    if (event.key !== "Enter") return;
    event.preventDefault();
    clearTimeout(this.timer);
    this.words = byId("till-returns-search").value.trim();
    await this.search();
    if (this.words && this.found?.length === 1) this.choose(this.found[0].id);
  }

  async choose(id) {
    const answer = await this.outbox.request("GET", `/pos/sales/${id}`);
    if (!answer.data) {
      showToast({ text: why(answer), tone: "danger" });
      return;
    }
    const left = new Map(answer.data.left.map((one) => [one.position, one.quantity]));
    const lines = answer.data.lines.map((line) => ({ ...line, left: left.get(line.position) ?? "0" }));
    this.sale = { ...answer.data, lines };
    this.client = crypto.randomUUID();
    this.back = new Map();
    const [paid] = this.sale.payments;
    this.method = paid && this.sale.payments.length === 1 ? paid.method : "cash";
    this.show();
    this.dialog.addEventListener("close", () => (this.sale = null), { once: true });
  }

  // ── what comes back ──

  show() {
    const { money, sale } = this;
    const again = () => {
      this.sale = null;
      this.dialog.replaceChildren();
      this.list();
      byId("till-returns-search").focus();
    };
    this.dialog.replaceChildren(
      head(this.dialog, sale.number),
      el("p", { class: "till-quiet" }, `${time(sale.placed_at)} · ${money.show(money.minor(sale.total))} · ${sale.cashier_id ?? ""}`),
      el(
        "div",
        { class: "till-dialog-foot till-above" },
        button([icon("arrow-left"), t("back")], again, ""),
        button([icon("receipt"), t("receipt")], () => this.#receipt(), "", { id: "till-old-receipt" }),
      ),
      ...this.#goods(),
    );
    this.dialog.querySelector(".till-back-line button:not(:disabled)")?.focus();
  }

  #goods() {
    const { sale } = this;
    if (sale.kind !== "sale") return [el("p", { class: "till-quiet" }, t("isReturn"))];
    if (!sale.lines.some((line) => millionths(line.left) > 0n)) return [el("p", { class: "till-quiet" }, t("allBack"))];
    if (!this.crew.may("orders.refund")) return [el("p", { class: "till-quiet" }, t("mayNotReturn"))];
    const all = () => {
      for (const line of sale.lines) this.back.set(line.position, millionths(line.left));
      this.#counted();
    };
    const methods = ["cash", "card", "gift"].map((method) => [method, t(method)]);
    return [
      el("h3", { class: "till-part" }, t("whatReturns")),
      el("ul", { class: "till-rows" }, ...sale.lines.map((line) => this.#line(line))),
      button(t("everything"), all, "", { id: "till-return-all" }),
      form(
        [
          choice("till-return-method", t("givenBackBy"), methods, this.method, (value) => (this.method = value)),
          field("till-return-reason", t("reason"), { maxlength: "500" }),
          el("div", { class: "till-left", role: "status" }, el("span", {}, t("givenBack")), el("output", { id: "till-return-total" }, this.money.show(0n))),
        ],
        [icon("receipt-refund"), t("giveBack")],
        () => this.#send(),
      ),
    ];
  }

  #line(line) {
    const left = millionths(line.left);
    const change = (by) => {
      const now = this.back.get(line.position) ?? 0n;
      const next = now + by < 0n ? 0n : now + by > left ? left : now + by;
      this.back.set(line.position, next);
      this.#counted();
    };
    const step = (words, by, label) =>
      button(words, () => change(by), "btn-icon", {
        "aria-label": `${label}: ${line.name}`,
        disabled: left === 0n,
        "data-step": by > 0n ? "more" : "less",
      });
    return el(
      "li",
      { class: "till-back-line", "data-position": line.position },
      el("span", {}, line.name, el("small", {}, t("leftOf", { left: this.money.count(line.left), quantity: this.money.count(line.quantity) }))),
      el(
        "span",
        { class: "till-stepper" },
        step("−", -1_000_000n, t("less")),
        el("output", { id: `till-back-${line.position}` }, "0"),
        step(icon("plus"), 1_000_000n, t("oneMore")),
      ),
    );
  }

  #body() {
    const lines = [...this.back].filter(([, count]) => count > 0n).map(([position, count]) => ({ position, quantity: plain(count) }));
    return {
      lines,
      method: this.method,
      client_id: this.client,
      terminal_id: own.terminal,
      cashier_id: this.crew.name,
      reason: byId("till-return-reason")?.value.trim() ?? "",
      ...(this.drawer.shift ? { shift_id: this.drawer.shift.id } : {}),
    };
  }

  // The server says what is given back, by doing it and undoing it.
  async #counted() {
    for (const [position, count] of this.back) byId(`till-back-${position}`).textContent = this.money.count(plain(count));
    const body = this.#body();
    const asked = (this.asked = Symbol("asked"));
    if (!body.lines.length) {
      byId("till-return-total").textContent = this.money.show(0n);
      return;
    }
    const answer = await this.outbox.request("POST", `/orders/pos/${this.sale.id}/return?preview=true`, body);
    if (asked !== this.asked || !byId("till-return-total")) return;
    byId("till-return-total").textContent = answer.data ? this.money.show(-this.money.minor(answer.data.result.total)) : why(answer);
  }

  async #send() {
    const body = this.#body();
    if (!body.lines.length) return t("nothingChosen");
    if (!body.reason) return t("sayWhy");
    const answer = await this.outbox.request("POST", `/orders/pos/${this.sale.id}/return`, body);
    if (!answer.data) return why(answer);
    this.dialog.close();
    this.done();
    this.receipt.showOrder(answer.data);
    return null;
  }

  #receipt() {
    const { sale } = this;
    this.dialog.close();
    this.receipt.showOrder(sale);
  }
}
