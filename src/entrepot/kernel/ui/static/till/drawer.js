/* The drawer: a shift is opened with a float, cash goes in and out, and at the end it is counted and closed. */
import { choice, field, form, head, toPaper } from "./dialogs.js";
import { button, byId, el, icon, own, t, time } from "./dom.js";
import { millionths, typed } from "./money.js";

const DENOMINATIONS = {
  EUR: ["200", "100", "50", "20", "10", "5", "2", "1", "0.50", "0.20", "0.10", "0.05", "0.02", "0.01"],
  GBP: ["50", "20", "10", "5", "2", "1", "0.50", "0.20", "0.10", "0.05", "0.02", "0.01"],
};

export class Drawer {
  constructor(store, outbox, crew, shop, changed) {
    Object.assign(this, { store, outbox, crew, shop, changed });
    this.dialog = byId("till-drawer");
    this.shift = null;
    this.left = "0.00";
  }

  /** What this browser knows of the shift; the server is asked by `refresh`. */
  async read() {
    const known = await this.store.get("facts", "shift");
    this.shift = known?.shift ?? null;
    this.left = known?.left ?? "0.00";
    this.changed();
  }

  async refresh() {
    const answer = await this.outbox.request("GET", `/pos/shifts/open?terminal_id=${encodeURIComponent(own.terminal)}`);
    if (answer.data) await this.#keep(answer.data);
  }

  async #keep({ shift, left }) {
    if (JSON.stringify([shift, left]) === JSON.stringify([this.shift, this.left])) return;
    await this.store.put("facts", { shift, left }, "shift");
    await this.read();
  }

  open(note = "") {
    this.note = note;
    this.show(this.shift ? this.standing() : this.opening());
    this.refresh();
  }

  show(parts, title = t("drawer")) {
    this.dialog.replaceChildren(head(this.dialog, title), ...parts.filter(Boolean));
    if (!this.dialog.open) this.dialog.showModal();
    this.dialog.querySelector("input, .btn-primary")?.focus();
  }

  get offline() {
    return !this.outbox.reachable || !navigator.onLine;
  }

  #offlineNote() {
    return this.offline ? el("p", { class: "till-kept", role: "status" }, icon("alert-triangle"), t("drawerOffline")) : "";
  }

  // ── opening ──

  opening() {
    if (!this.crew.may("pos.shift")) return [el("p", {}, t("noShift")), el("p", { class: "till-quiet" }, t("mayNotOpen"))];
    const float = field("till-float", t("openingFloat"), { inputmode: "decimal", value: this.left });
    const send = async () => {
      const plain = typed(byId("till-float").value);
      if (plain === null) return t("noAmount");
      const body = { terminal_id: own.terminal, opening_float: plain, cashier_id: this.crew.name };
      const answer = await this.outbox.request("POST", "/pos/shifts", body);
      if (!answer.data) {
        await this.refresh(); // another tab, or an answer that was lost, may have opened it
        if (!this.shift) return why(answer);
      } else await this.#keep({ shift: answer.data, left: this.left });
      this.dialog.close();
      return null;
    };
    return [
      el("p", {}, this.note || t("noShift")),
      this.#offlineNote(),
      form([float, el("p", { class: "till-quiet" }, t("floatHint"))], [icon("check"), t("openShift")], send),
    ];
  }

  // ── open ──

  standing() {
    const { money } = this;
    const tool = (words, image, go, permission) =>
      this.crew.may(permission) ? button([icon(image), words], go, "btn-lg", { disabled: this.offline }) : "";
    return [
      el("p", { id: "till-shift-since" }, t("shiftSince", { name: this.shift.cashier_id ?? "", time: time(this.shift.opened_at) })),
      el("p", {}, t("openedWith", { amount: money.show(money.minor(this.shift.opening_float)) })),
      this.#offlineNote(),
      el(
        "div",
        { class: "till-choices" },
        tool(t("payIn"), "plus", () => this.show(this.moving("pay_in"), t("payIn")), "pos.cash"),
        tool(t("payOut"), "arrow-back-up", () => this.show(this.moving("pay_out"), t("payOut")), "pos.cash"),
        tool(t("xReport"), "report-money", () => this.xReport(), "pos.report"),
        tool(t("closeShift"), "lock", () => this.show(this.counting(), t("closeShift")), "pos.shift"),
      ),
    ];
  }

  moving(kind) {
    let purpose = "transfer";
    const key = crypto.randomUUID();
    const send = async () => {
      const amount = typed(byId("till-moved").value);
      if (amount === null || millionths(amount) === 0n) return t("noAmount");
      const reason = byId("till-reason").value.trim();
      if (!reason) return t("sayWhy");
      const body = { kind, purpose, amount, reason, cashier_id: this.crew.name };
      const answer = await this.outbox.request("POST", `/pos/shifts/${this.shift.id}/cash`, body, { "idempotency-key": key });
      if (!answer.data) return why(answer);
      this.show(this.standing());
      return null;
    };
    return [
      this.#offlineNote(),
      form(
        [
          field("till-moved", t("amount"), { inputmode: "decimal" }),
          choice("till-purpose", t("purpose"), [["transfer", t("safe")], ["expense", t("expense")]], purpose, (value) => (purpose = value)),
          field("till-reason", t("reason"), { maxlength: "500" }),
        ],
        [icon("check"), kind === "pay_in" ? t("payIn") : t("payOut")],
        send,
      ),
    ];
  }

  async xReport() {
    const answer = await this.outbox.request("GET", `/pos/shifts/${this.shift.id}`);
    if (answer.data) this.report(answer.data);
    else this.show([el("p", { class: "app-problem", role: "alert" }, why(answer))]);
  }

  // ── closing ──

  counting() {
    const { money } = this;
    const values = DENOMINATIONS[money.currency] ?? [];
    const key = crypto.randomUUID();
    const waiting = Number(byId("till-state").dataset.waiting ?? 0);
    const counts = () => values.map((value) => ({ value, count: Number(byId(`till-count-${value}`).value || 0) }));
    const summed = () => counts().reduce((sum, one) => sum + money.minor(one.value) * BigInt(one.count), 0n);
    const total = field("till-counted", t("counted"), { inputmode: "decimal" });
    const closing = field("till-closing", t("closingFloat"), { inputmode: "decimal" });
    const add = () => {
      byId("till-counted").value = money.text(summed());
    };
    const row = (value) =>
      el(
        "label",
        { class: "till-coin" },
        el("span", {}, money.show(money.minor(value))),
        el("input", {
          id: `till-count-${value}`,
          class: "form-control",
          inputmode: "numeric",
          pattern: "[0-9]*",
          maxlength: "5",
          autocomplete: "off",
          oninput: add,
        }),
      );
    const send = async () => {
      if (counts().some((one) => !Number.isInteger(one.count) || one.count < 0)) return t("noAmount");
      const counted = typed(byId("till-counted").value);
      const left = byId("till-closing").value.trim() ? typed(byId("till-closing").value) : undefined;
      if (counted === null || left === null) return t("noAmount");
      const coins = counts().filter((one) => one.count);
      const body = {
        counted,
        denominations: coins.length && summed() === money.minor(counted) ? coins : [],
        ...(left === undefined ? {} : { closing_float: left }),
        cashier_id: this.crew.name,
        note: byId("till-closing-note").value,
      };
      const answer = await this.outbox.request("POST", `/pos/shifts/${this.shift.id}/close`, body, { "idempotency-key": key });
      if (!answer.data) return why(answer);
      await this.#keep({ shift: null, left: answer.data.closing_float });
      this.report(answer.data);
      return null;
    };
    return [
      this.#offlineNote(),
      waiting ? el("p", { class: "till-kept", role: "status" }, icon("clock"), t("waitingNext", { count: waiting })) : "",
      form(
        [
          values.length ? el("div", { class: "till-coins", role: "group", "aria-label": t("coins") }, ...values.map(row)) : "",
          total,
          closing,
          el("p", { class: "till-quiet" }, t("closingHint")),
          field("till-closing-note", t("note"), { maxlength: "2000" }),
        ].filter(Boolean),
        [icon("check"), t("closeShift")],
        send,
      ),
    ];
  }

  // ── the report ──

  report(report) {
    const title = report.number ? t("zReport") : t("xReport");
    const paper = this.drawn(report, title);
    toPaper(paper);
    this.show(
      [
        paper,
        el(
          "div",
          { class: "till-dialog-foot" },
          button([icon("printer"), t("print")], () => window.print(), "btn-lg"),
          own.may.includes("pos.report") // the page is opened by the log-in of the till, not by the cashier's
            ? el("a", { class: "btn btn-lg", href: `${own.root}/shifts/${report.id}` }, icon("eye"), t("allOfIt"))
            : "",
          button([icon("check"), t("ready")], () => this.dialog.close(), "btn-primary btn-lg", { id: "till-report-ready" }),
        ),
      ],
      title,
    );
    byId("till-report-ready").focus();
  }

  drawn(report, title) {
    const { money } = this;
    const amount = (text) => money.show(money.minor(text));
    const row = (words, text, kind = "") => el("tr", { class: kind }, el("td", {}, words), el("td", { class: "app-number" }, text));
    const some = (text) => Boolean(millionths(text));
    const cash = [
      row(t("drawer"), "", "till-group"),
      row(t("openingFloat"), amount(report.opening_float)),
      row(t("cashSales"), amount(report.cash_sales)),
      some(report.cash_refunds) ? row(t("cashRefunds"), amount(`-${report.cash_refunds}`)) : "",
      some(report.paid_in) ? row(t("paidIn"), amount(report.paid_in)) : "",
      some(report.paid_out) ? row(t("paidOut"), amount(`-${report.paid_out}`)) : "",
      row(t("expected"), amount(report.expected), "till-sum"),
    ];
    if (report.number) {
      cash.push(row(t("counted"), amount(report.counted)));
      cash.push(row(t("difference"), amount(report.difference), some(report.difference) ? "till-differs" : ""));
      cash.push(row(t("closingFloat"), amount(report.closing_float)));
    }
    return el(
      "article",
      { class: "till-receipt till-report", tabindex: "0", "aria-label": title },
      el("h2", {}, this.shop().seller),
      el("p", { id: "till-report-number" }, report.number ?? title),
      el("p", {}, `${report.terminal_id} · ${report.cashier_id ?? ""}`),
      el("p", {}, report.closed_at ? `${time(report.opened_at)} – ${time(report.closed_at)}` : time(report.opened_at)),
      el(
        "table",
        {},
        el(
          "tbody",
          {},
          row(t("salesCount", { count: report.sales }), amount(report.gross)),
          report.returns ? row(t("returnsCount", { count: report.returns }), amount(report.returned)) : "",
          report.late ? row(t("lateCount", { count: report.late }), amount(report.late_total), "till-sub") : "",
          row(t("total"), amount(report.total), "till-sum"),
          some(report.discounts) ? row(t("discount"), amount(report.discounts), "till-sub") : "",
          ...report.taxes.map((one) => row(t("taxOver", { rate: money.count(one.rate), net: amount(one.net) }), amount(one.tax), "till-sub")),
          ...report.methods.map((one) => row(t(one.method), amount(one.total))),
          ...cash,
        ),
      ),
    );
  }
}

/** Why the server said no, in its words. */
export function why(answer) {
  const fields = (answer.problem?.fields ?? []).map((one) => one.problem);
  return fields[0] ?? answer.problem?.detail ?? t("noConnection");
}
