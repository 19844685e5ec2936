/* The receipt: on the screen, on paper from this page, or as the document the server keeps. */
import { showToast } from "../parts/toasts.js";
import { button, byId, el, icon, t, time } from "./dom.js";
import { millionths } from "./money.js";

export class Receipt {
  constructor(shop, money, outbox, again) {
    Object.assign(this, { shop, money, outbox, again });
    this.dialog = byId("till-receipt");
    this.paper = byId("till-paper");
    this.dialog.addEventListener("close", again);
  }

  show(sale) {
    const { money } = this;
    const paid = sale.payments.reduce((sum, one) => sum + money.minor(one.amount), 0n);
    const change = paid - money.minor(sale.total);
    const paper = this.drawn(sale, change);
    this.paper.replaceChildren(...paper.cloneNode(true).childNodes);
    this.dialog.replaceChildren(
      el("div", { class: "till-change", role: "status" }, el("span", {}, t("change")), el("output", { id: "till-change" }, money.show(change))),
      sale.number ? "" : el("p", { class: "till-kept" }, icon("clock"), t("kept")),
      paper,
      el(
        "div",
        { class: "till-dialog-foot" },
        button([icon("printer"), t("print")], () => window.print(), "btn-lg"),
        sale.order_id ? button([icon("file-text"), t("pdf")], () => this.open(sale), "btn-lg") : "",
        button([icon("check"), t("next")], () => this.dialog.close(), "btn-primary btn-lg", { id: "till-next" }),
      ),
    );
    if (!this.dialog.open) this.dialog.showModal();
    byId("till-next").focus();
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
      ...(millionths(line.discount) > 0n ? [row(t("discount"), money.show(-money.minor(line.discount)), "till-sub")] : []),
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
