/* The receipt: on the screen, on paper from this page, or as the document the server keeps. */
import { showToast } from "../parts/toasts.js";
import { field, form, head, toPaper } from "./dialogs.js";
import { button, byId, el, icon, t, time } from "./dom.js";
import { millionths } from "./money.js";

export class Receipt {
  constructor(shop, money, outbox, again) {
    Object.assign(this, { shop, money, outbox, again });
    this.dialog = byId("till-receipt");
    this.dialog.addEventListener("close", again);
  }

  /** A sale or return as the server keeps it. */
  showOrder(order) {
    const inclusive = order.prices_include_tax;
    this.show({
      client_id: order.client_id ?? "",
      order_id: order.id,
      number: order.number,
      kind: order.kind,
      made_at: order.placed_at,
      cashier: order.cashier_id ?? "",
      email: order.customer_email,
      lines: order.lines,
      amounts: order.lines.map((line) => (inclusive ? line.gross : line.net)),
      taxes: order.taxes,
      total: order.total,
      payments: order.payments.map((one) => ({ method: one.method, amount: one.tendered })),
    });
  }

  show(sale) {
    const { money } = this;
    const paid = sale.payments.reduce((sum, one) => sum + money.minor(one.amount), 0n);
    const change = paid - money.minor(sale.total);
    const paper = this.drawn(sale, change);
    toPaper(paper);
    this.dialog.replaceChildren(
      this.#change(sale, change),
      sale.number ? "" : el("p", { class: "till-kept" }, icon("clock"), t("kept")),
      paper,
      el(
        "div",
        { class: "till-dialog-foot" },
        button([icon("printer"), t("print")], () => window.print(), "btn-lg"),
        sale.order_id ? button([icon("file-text"), t("pdf")], () => this.open(sale), "btn-lg") : "",
        sale.order_id ? button([icon("mail"), t("mail")], () => this.#askAddress(sale), "btn-lg", { id: "till-mail" }) : "",
        button([icon("check"), t("next")], () => this.dialog.close(), "btn-primary btn-lg", { id: "till-next" }),
      ),
    );
    if (!this.dialog.open) this.dialog.showModal();
    byId("till-next").focus();
  }

  #change(sale, change) {
    const back = sale.kind === "credit";
    const amount = back ? -this.money.minor(sale.total) : change;
    return el(
      "div",
      { class: "till-change", role: "status" },
      el("span", {}, back ? t("givenBack") : t("change")),
      el("output", { id: "till-change" }, this.money.show(amount)),
    );
  }

  #askAddress(sale) {
    const dialog = byId("till-amount");
    const key = crypto.randomUUID();
    const send = async () => {
      const body = { email: byId("till-address").value };
      const answer = await this.outbox.request("POST", `/orders/pos/${sale.order_id}/receipt/mail`, body, { "idempotency-key": `${key} ${body.email}` });
      if (!answer.data) return answer.problem?.fields?.[0]?.problem ?? answer.problem?.detail ?? t("noConnection");
      dialog.close();
      showToast({ text: t("mailed", { email: answer.data.email }), tone: "success" });
      return null;
    };
    const address = field("till-address", t("address"), { type: "email", inputmode: "email", value: sale.email ?? "" });
    dialog.replaceChildren(head(dialog, t("mailReceipt")), form([address], [icon("send"), t("send")], send));
    dialog.showModal();
    byId("till-address").focus();
  }

  drawn(sale, change) {
    const { shop, money } = this;
    const row = (words, amount, kind = "") =>
      el("tr", { class: kind }, el("td", {}, words), el("td", { class: "app-number" }, amount));
    const rows = sale.lines.flatMap((line, at) => [
      row(
        `${money.count(line.quantity)} × ${line.name}`,
        money.show(money.minor(sale.amounts[at]) + money.minor(line.discount)),
      ),
      ...(millionths(line.discount) !== 0n ? [row(t("discount"), money.show(-money.minor(line.discount)), "till-sub")] : []),
    ]);
    const taxes = sale.taxes.map((one) =>
      row(t("taxOver", { rate: money.count(one.rate), net: money.show(money.minor(one.net)) }), money.show(money.minor(one.tax)), "till-sub"),
    );
    const paid = sale.payments.map((one) => row(t(one.method), money.show(money.minor(one.amount))));
    return el(
      "article",
      { class: "till-receipt", tabindex: "0", "aria-label": t("receipt") },
      el("h2", {}, shop().seller),
      ...[shop().address, shop().vat_number].filter(Boolean).map((words) => el("p", {}, words)),
      el("p", { id: "till-number" }, sale.number ?? t("notSynced")),
      el("p", {}, `${time(sale.made_at)} · ${sale.cashier}`),
      el(
        "table",
        {},
        el(
          "tbody",
          {},
          ...rows,
          row(t("total"), money.show(money.minor(sale.total)), "till-sum"),
          ...taxes,
          ...paid,
          change > 0n ? row(t("change"), money.show(change)) : "",
        ),
      ),
      el("p", { class: "till-quiet" }, sale.client_id),
    );
  }

  // The tab is opened at the click, or the browser takes it for a pop-up.
  async open(sale) {
    const tab = window.open("", "_blank");
    const answer = await this.outbox.request("POST", `/orders/pos/${sale.order_id}/receipt`, {});
    if (answer.data && tab) tab.location = answer.data.url;
    else {
      tab?.close();
      showToast({ text: answer.problem?.detail ?? t("noConnection"), tone: "danger" });
    }
  }
}
