/* Sales on their way to the server.
 *
 * A sale is written down here before it is sent, under an id made here: one id, one order, however often it is sent.
 * With a connection it is sent at once, so that the cashier hears when the goods are gone. What got no answer stays,
 * and is sent as a sale that has happened. Of several tabs one syncs; a tab that dies loses nothing.
 */
const BATCH = 25;
const KEPT_DONE = 100;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 10_000;
const REFUSALS = new Set([400, 403, 404, 409, 422]);

export class Outbox {
  constructor(store, own, heard) {
    this.store = store;
    this.own = own;
    this.heard = heard; // told when the connection or the log-in comes and goes
    this.reachable = navigator.onLine;
    this.loggedOut = false;
    this.failures = 0;
    window.addEventListener("online", () => this.try());
    window.addEventListener("offline", () => this.#reached(false));
  }

  /** Finish a sale: {sold}, {refused} when the server says no, or {kept} when it did not answer. */
  sell(sale) {
    return navigator.locks.request(this.#saleLock(sale.client_id), async () => {
      await this.store.put("outbox", { ...sale, state: "sending" });
      if (!this.reachable || !navigator.onLine || this.loggedOut) return this.#keep(sale);
      const answer = await this.request("POST", "/orders/pos", this.#body(sale));
      if (answer.data) {
        await this.#finish([[sale, answer.data]]);
        return { sold: answer.data };
      }
      // Too many at once is no answer about this sale; what else was refused has left nothing behind.
      const busy = answer.status === 409 && !answer.problem.available;
      if (!REFUSALS.has(answer.status) || busy) return this.#keep(sale);
      await this.store.remove("outbox", sale.client_id);
      return { refused: answer.problem };
    });
  }

  /** Send what waits, now, and again later while something is left or nobody answers. */
  async try() {
    clearTimeout(this.timer);
    try {
      let asked = false;
      await navigator.locks.request(`${this.store.name} sync`, { ifAvailable: true }, async (lock) => {
        if (lock && navigator.onLine) asked = await this.#send();
      });
      if (navigator.onLine && !this.reachable && !asked) await this.#knock();
    } finally {
      if ((await this.#waiting()).length || (navigator.onLine && !this.reachable)) {
        const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.failures);
        this.timer = setTimeout(() => this.try(), pause * (0.5 + Math.random() / 2));
      }
    }
  }

  /** A sale the server refused is tried once more, after somebody mended what was wrong. */
  async again(clientId) {
    const sale = await this.store.get("outbox", clientId);
    if (sale?.state === "refused") await this.store.put("outbox", { ...sale, state: "waiting", problem: null });
    await this.try();
  }

  /** {data}, or {status, problem}; status 0 when there was no answer. */
  async request(method, path, body, headers = {}) {
    const { api, entity, tenant, locale } = this.own;
    const credential = headers.authorization ? null : this.crew?.credential;
    try {
      const response = await fetch(api + path, {
        method,
        credentials: "same-origin",
        cache: "no-store",
        headers: {
          "accept": "application/json",
          "accept-language": locale,
          "x-business-entity": entity,
          "x-tenant-id": tenant,
          ...(body ? { "content-type": "application/json" } : {}),
          ...(credential ? { authorization: `Bearer ${credential}` } : {}),
          ...headers,
        },
        body: body ? JSON.stringify(body) : undefined,
        signal: AbortSignal.timeout(15_000),
      });
      const content = response.status === 304 ? {} : await response.json();
      // A cashier whose credential has ended says who they are again; the till itself is still logged in.
      if (response.status === 401 && credential) this.crew.ended(credential);
      else if (!headers.authorization) this.loggedOut = response.status === 401;
      this.#reached(response.status < 500);
      return response.ok ? { data: content.data } : { status: response.status, problem: content };
    } catch {
      this.#reached(false);
      return { status: 0, problem: {} };
    }
  }

  /** Whether there was something to send; when nobody answered, that counts as one failure. */
  async #send() {
    let batch = BATCH;
    for (let asked = false; ; asked = true) {
      const sales = (await this.#waiting()).slice(0, batch);
      if (!sales.length) return asked;
      const answer = await this.request("POST", "/orders/pos/sync", { sales: sales.map((sale) => this.#body(sale, true)) });
      if (answer.data) {
        this.failures = 0;
        batch = BATCH;
        await this.#take(sales, answer.data);
      } else if ((answer.status === 400 || answer.status === 422) && sales.length > 1) {
        batch = 1; // one that cannot even be read must not hold up the others
      } else if (answer.status === 400 || answer.status === 422) {
        await this.store.put("outbox", { ...sales[0], state: "refused", problem: answer.problem });
      } else {
        this.failures += 1;
        return true;
      }
    }
  }

  // What this tab waited for another tab may have sent: is there a connection again?
  async #knock() {
    await this.request("GET", "/me");
    this.failures = this.reachable ? 0 : this.failures + 1;
  }

  async #take(sales, outcomes) {
    const bySale = new Map(outcomes.map((outcome) => [outcome.client_id, outcome]));
    const finished = [];
    for (const sale of sales) {
      const outcome = bySale.get(sale.client_id);
      if (outcome?.order_id) finished.push([sale, { id: outcome.order_id }]);
      else if (outcome) await this.store.put("outbox", { ...sale, state: "refused", problem: outcome.problem });
    }
    await this.#finish(finished);
  }

  // Those that wait, and those that a tab was sending when it died.
  async #waiting() {
    const sales = await this.store.all("outbox");
    const { held } = await navigator.locks.query();
    const busy = new Set(held.map((lock) => lock.name));
    return sales
      .filter((sale) => sale.state === "waiting" || (sale.state === "sending" && !busy.has(this.#saleLock(sale.client_id))))
      .sort((one, other) => one.made_at.localeCompare(other.made_at));
  }

  async #keep(sale) {
    await this.store.put("outbox", { ...sale, state: "waiting" });
    queueMicrotask(() => this.try());
    return { kept: true };
  }

  async #finish(finished) {
    if (!finished.length) return;
    const old = (await this.store.all("done")).sort((one, other) => other.made_at.localeCompare(one.made_at));
    await this.store.change(["outbox", "done"], ({ outbox, done }) => {
      for (const [sale, order] of finished) {
        outbox.delete(sale.client_id);
        done.put({ ...sale, state: "done", order_id: order.id, number: order.number ?? null });
      }
      for (const sale of old.slice(KEPT_DONE)) done.delete(sale.client_id);
    });
  }

  #body(sale, past = false) {
    const priced = this.crew.may("orders.price");
    return {
      client_id: sale.client_id,
      cashier_id: sale.cashier,
      terminal_id: sale.terminal,
      ...(sale.shift ? { shift_id: sale.shift } : {}),
      // The price of a sale that has happened is a fact as well, where whoever sends it may give prices.
      lines: sale.lines.map((line) => ({
        variant_id: line.variant_id,
        quantity: line.quantity,
        ...(line.own_price || (past && priced) ? { unit_price: line.price } : {}),
        ...(line.discount !== "0" ? { discount: line.discount } : {}),
      })),
      payments: sale.payments.map(({ method, amount }) => ({ method, amount })),
      ...(past ? { offline_at: sale.made_at } : {}),
    };
  }

  #reached(reachable) {
    const lost = this.reachable && !reachable;
    this.reachable = reachable;
    this.heard();
    if (!lost || !navigator.onLine) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.try(), FIRST_PAUSE_MS);
  }

  #saleLock(clientId) {
    return `${this.store.name} sale ${clientId}`;
  }
}
