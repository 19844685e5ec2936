/* Who stands at the till: the user it was opened by, or a cashier who took over with a PIN, or nobody while it is locked.
 *
 * A PIN is checked by the server alone; the credential it gives is sent instead of the log-in of the till, so that
 * what a cashier may do is decided there. All tabs of this browser share one cashier.
 */
import { head } from "./dialogs.js";
import { button, byId, el, icon, own, t } from "./dom.js";

export class Crew {
  /** `changed()` is called when somebody else stands there. */
  constructor(store, outbox, changed) {
    Object.assign(this, { store, outbox, changed });
    this.dialog = byId("till-crew");
    this.dialog.addEventListener("cancel", (event) => this.locked && event.preventDefault());
    // A second Escape closes whatever is said.
    this.dialog.addEventListener("close", () => this.locked && !this.dialog.open && this.open());
    this.dialog.addEventListener("keydown", (event) => this.#pressed(event));
    outbox.crew = this;
  }

  async read() {
    const [cashier, lock] = await Promise.all([this.store.get("facts", "cashier"), this.store.get("facts", "lock")]);
    const known = this.cashier?.credential;
    const locked = this.locked;
    // Who logs in anew with a password opens the lock, and stands there themselves. That a credential has ended is
    // for the server to say: without connection the cashier goes on.
    this.cashier = cashier?.session === own.session ? cashier : null;
    this.locked = lock?.session === own.session;
    if (this.cashier?.credential !== known || this.locked !== locked) this.changed();
    if (this.locked && !(locked && this.dialog.open)) this.open();
    else if (locked && !this.locked) this.dialog.close();
  }

  get credential() {
    return this.cashier?.credential ?? null;
  }

  get name() {
    return this.cashier?.name ?? own.user;
  }

  may(permission) {
    return (this.cashier?.permissions ?? own.may).includes(permission);
  }

  /** The credential is no good any more: whoever stands there must say who they are. */
  async ended(credential) {
    if (credential !== this.credential) return;
    this.problem = t("pinEnded");
    await this.#become(null, true);
  }

  /** A lock stands above what opened meanwhile; who is typing a PIN types on. */
  toTop() {
    if (!this.locked || !this.dialog.open) return;
    this.dialog.close();
    this.dialog.showModal();
    this.#focus();
  }

  async open() {
    this.chosen = null;
    this.people = null;
    this.draw();
    if (!this.dialog.open) this.dialog.showModal();
    const answer = await this.outbox.request("GET", "/pos/cashiers", null);
    this.people = answer.data ?? null;
    if (!this.chosen) this.draw();
  }

  draw() {
    const offline = !this.outbox.reachable || !navigator.onLine;
    const title = this.locked ? t("locked") : t("cashierIs", { name: this.name });
    this.dialog.replaceChildren(
      this.locked ? el("header", { class: "till-dialog-head" }, el("h2", {}, title)) : head(this.dialog, title),
      offline ? el("p", { class: "till-kept", role: "status" }, icon("alert-triangle"), t("pinOffline")) : "",
      this.chosen && !offline ? this.#pad() : this.#list(offline),
      this.chosen ? "" : el("p", { class: "app-problem", role: "alert" }, this.problem ?? ""),
      this.#foot(offline),
    );
    this.#focus();
  }

  #focus() {
    (byId("till-pin") ?? this.dialog.querySelector(".till-people button"))?.focus();
  }

  #list(offline) {
    if (offline) return "";
    if (!this.people) return el("p", { class: "till-quiet" }, t("working"));
    if (!this.people.length) return el("p", { class: "till-quiet" }, t("nobodyHasPin"));
    const choose = (person) => {
      this.chosen = person;
      this.problem = "";
      this.draw();
    };
    return el(
      "div",
      { class: "till-people", role: "group", "aria-label": t("cashiers") },
      ...this.people.map((person) => button([icon("user"), person.name], () => choose(person), "btn-lg")),
    );
  }

  #pad() {
    const type = (digit) => {
      const input = byId("till-pin");
      input.value = digit === null ? input.value.slice(0, -1) : (input.value + digit).slice(0, 8);
    };
    const key = (digit) => button(digit, () => type(digit), "btn-lg", { "data-digit": digit });
    return el(
      "form",
      {
        class: "till-pad",
        onsubmit: (event) => {
          event.preventDefault();
          this.#enter();
        },
      },
      el("label", { class: "form-label", for: "till-pin" }, t("pinOf", { name: this.chosen.name })),
      el("input", {
        id: "till-pin",
        class: "form-control form-control-lg",
        type: "password",
        inputmode: "none",
        maxlength: "8",
        autocomplete: "off",
        "aria-describedby": "till-pin-problem",
      }),
      el("p", { class: "app-problem", role: "alert", id: "till-pin-problem" }, this.problem ?? ""),
      el(
        "div",
        { class: "till-digits", role: "group", "aria-label": t("digits") },
        ..."123456789".split("").map(key),
        button(icon("arrow-left"), () => type(null), "btn-lg", { "aria-label": t("erase") }),
        key("0"),
        el("button", { class: "btn btn-primary btn-lg", id: "till-pin-ok", "aria-label": t("takeOver") }, icon("check")),
      ),
    );
  }

  #foot(offline) {
    const back = () => {
      this.chosen = null;
      this.problem = "";
      this.draw();
    };
    return el(
      "div",
      { class: "till-dialog-foot" },
      this.chosen ? button([icon("users"), t("others")], back, "btn-lg") : "",
      this.locked && !this.chosen ? el("a", { class: "btn btn-lg", href: own.login }, icon("login"), t("logIn")) : "",
      !this.locked && !this.chosen && this.people?.length && !offline ? button([icon("lock"), t("lock")], () => this.lock(), "btn-lg", { id: "till-lock" }) : "",
    );
  }

  async #enter() {
    const input = byId("till-pin");
    if (!input.value || this.busy) return;
    this.busy = true;
    const answer = await this.outbox.request("PUT", "/pos/cashier", { user_id: this.chosen.id, pin: input.value });
    this.busy = false;
    if (!answer.data) {
      this.problem = answer.problem?.fields?.[0]?.problem ?? answer.problem?.detail ?? t("noConnection");
      this.draw();
      return;
    }
    const before = this.cashier;
    await this.#become(answer.data, false);
    if (before) this.#leave(before);
    this.dialog.close();
  }

  /** Nobody sells until somebody types a PIN. */
  async lock() {
    const before = this.cashier;
    this.problem = "";
    await this.#become(null, true);
    if (before) this.#leave(before);
  }

  async #become(cashier, locked) {
    await this.store.change(["facts"], ({ facts }) => {
      if (cashier) facts.put({ ...cashier, session: own.session }, "cashier");
      else facts.delete("cashier");
      if (locked) facts.put({ session: own.session }, "lock");
      else facts.delete("lock");
    });
    await this.read();
  }

  // The credential ends on the server too; when that does not get through it ends by itself.
  #leave(cashier) {
    this.outbox.request("POST", "/auth/logout", {}, { authorization: `Bearer ${cashier.credential}` });
  }

  #pressed(event) {
    if (this.chosen && /^\d$/.test(event.key) && event.target.id !== "till-pin") {
      event.preventDefault();
      byId("till-pin").value = (byId("till-pin").value + event.key).slice(0, 8);
    }
  }
}
