/* The payment dialog: several payments until nothing is owed; more cash than that is given back. */
import { button, byId, el, icon, t } from "./dom.js";
import { typed } from "./money.js";

const METHODS = [
  ["cash", "cash", "F10"],
  ["card", "credit-card", "F11"],
  ["gift", "tag", ""],
];
const NOTES = [5n, 10n, 20n, 50n, 100n, 200n];

export class Paying {
  /** `finish(payments)` sells and answers with why not, or nothing. */
  constructor(money, finish) {
    this.money = money;
    this.finish = finish;
    this.dialog = byId("till-paying");
    this.payments = [];
    this.busy = false;
    this.dialog.addEventListener("cancel", (event) => {
      if (this.busy) event.preventDefault();
    });
    this.dialog.addEventListener("keydown", (event) => {
      const method = METHODS.find(([, , key]) => key && key === event.key);
      if (!method) return;
      event.preventDefault();
      this.pay(method[0]);
    });
  }

  open(total) {
    this.total = total;
    this.payments = [];
    this.problem = "";
    this.draw();
    this.dialog.showModal();
    this.focus();
  }

  get paid() {
    return this.payments.reduce((sum, one) => sum + one.minor, 0n);
  }

  pay(method, minor) {
    const owed = this.total - this.paid;
    if (owed < 0n || (owed === 0n && this.payments.length) || this.busy) return;
    const given = minor ?? this.given(owed);
    this.problem = "";
    if (given === null || given < 0n || (given === 0n && owed !== 0n)) this.problem = t("noAmount");
    else if (given > owed && method !== "cash") this.problem = t("tooMuch");
    else this.payments.push({ method, minor: given, amount: this.money.text(given) });
    this.draw();
    this.focus();
  }

  given(owed) {
    const text = byId("till-given")?.value ?? "";
    if (!text.trim()) return owed;
    const plain = typed(text);
    return plain === null ? null : this.money.minor(plain);
  }

  async done() {
    if (this.busy) return;
    this.busy = true;
    this.draw();
    this.problem = (await this.finish(this.payments, this.total)) ?? "";
    this.busy = false;
    if (this.problem) {
      this.draw();
      this.focus();
    } else this.dialog.close();
  }

  draw() {
    const { money, total, paid } = this;
    const owed = total - paid;
    const ready = owed <= 0n && this.payments.length > 0;
    this.dialog.replaceChildren(
      el("header", { class: "till-dialog-head" }, el("h2", {}, t("payment")), this.closer()),
      el("div", { class: "till-due" }, el("span", {}, t("toPay")), el("output", { id: "till-due" }, money.show(total))),
      el("ul", { class: "till-payments" }, ...this.payments.map((one, at) => this.row(one, at))),
      ready ? "" : this.asking(owed),
      el("p", { class: "app-problem", role: "alert", id: "till-problem" }, this.problem),
      el(
        "div",
        { class: `till-left ${ready ? "is-ready" : ""}`, role: "status" },
        el("span", {}, owed > 0n || !ready ? t("left") : t("change")),
        el("output", { id: "till-left" }, money.show(owed < 0n ? -owed : owed)),
      ),
      button(this.busy ? t("working") : [icon("check"), t("finish")], () => this.done(), "btn-primary btn-lg till-finish", {
        id: "till-finish",
        disabled: !ready || this.busy,
      }),
    );
  }

  asking(owed) {
    const { unit } = this.money;
    const quick = [...new Set(NOTES.map((note) => ((owed + note * unit - 1n) / (note * unit)) * note * unit))]
      .filter((amount) => amount > owed)
      .slice(0, 4);
    return el(
      "div",
      { class: "till-asking" },
      el("label", { class: "form-label", for: "till-given" }, t("amount")),
      el("input", {
        id: "till-given",
        class: "form-control form-control-lg",
        inputmode: "decimal",
        autocomplete: "off",
        placeholder: this.money.text(owed),
        onkeydown: (event) => {
          if (event.key !== "Enter") return;
          event.preventDefault();
          this.pay("cash");
        },
      }),
      el(
        "div",
        { class: "till-quick", role: "group", "aria-label": t("quick") },
        button(t("exact"), () => this.pay("cash", owed)),
        ...quick.map((amount) => button(this.money.show(amount), () => this.pay("cash", amount))),
      ),
      el(
        "div",
        { class: "till-methods" },
        ...METHODS.map(([method, image, key]) =>
          button([icon(image), t(method), key ? el("kbd", {}, key) : ""], () => this.pay(method), "btn-lg", {
            "data-method": method,
          }),
        ),
      ),
    );
  }

  row(one, at) {
    const remove = () => {
      this.payments.splice(at, 1);
      this.draw();
      this.focus();
    };
    return el(
      "li",
      {},
      el("span", {}, t(one.method)),
      el("span", { class: "app-number" }, this.money.show(one.minor)),
      button(icon("trash"), remove, "btn-icon btn-ghost-secondary", { "aria-label": t("remove"), disabled: this.busy }),
    );
  }

  closer() {
    return button(icon("x"), () => this.dialog.close(), "btn-icon btn-ghost-secondary", {
      "aria-label": t("close"),
      disabled: this.busy,
    });
  }

  focus() {
    const finish = byId("till-finish");
    (finish.disabled ? byId("till-given") : finish)?.focus();
  }
}
