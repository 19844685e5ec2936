/* Entrepot: the till, a page that sells with or without network.
 *
 * It draws itself from what it keeps in the browser; the server is asked for the catalogue, told of every sale, and
 * has the last word on both. `till/` holds the parts: money, store, outbox, shelf, basket, payment, receipt,
 * who stands at the till, its drawer, and what comes back.
 */
import { ask } from "./parts/dialogs.js";
import { showToast } from "./parts/toasts.js";
import { Basket } from "./till/basket.js";
import { Crew } from "./till/crew.js";
import { askAmount, fillDialog } from "./till/dialogs.js";
import { button, byId, el, icon, own, t, time } from "./till/dom.js";
import { Drawer } from "./till/drawer.js";
import { Money, millionths, typed } from "./till/money.js";
import { Outbox } from "./till/outbox.js";
import { Paying } from "./till/paying.js";
import { Receipt } from "./till/receipt.js";
import { Returns } from "./till/returns.js";
import { listenToScanner } from "./till/scanner.js";
import { Shelf } from "./till/shelf.js";
import { Store } from "./till/store.js";

const REFRESH_MS = 60_000;
const TERMINAL = "entrepot.till.terminal";

const search = byId("till-search");
let shop = { version: "", currency: "EUR", prices_include_tax: true, items: [], seller: "", read_at: "" };
let store, outbox, money, shelf, basket, paying, receipt, crew, drawer, returns;

async function start() {
  navigator.serviceWorker?.register(`${own.base}/worker.js`, { scope: own.base, updateViaCache: "none" });
  navigator.storage?.persist?.();
  store = await Store.open(`till ${own.tenant} ${own.entity}`);
  own.terminal = terminal();
  outbox = new Outbox(store, own, heard);
  crew = new Crew(store, outbox, drawCrew);
  drawer = new Drawer(store, outbox, crew, () => shop, drawCrew);
  basket = new Basket(drawBasket);
  openShop((await store.get("facts", "catalogue")) ?? shop);
  store.watch(refreshCounts);
  wire();
  await refreshCounts();
  await readCatalogue();
  outbox.try();
  setInterval(() => document.visibilityState === "visible" && readCatalogue(), REFRESH_MS);
  byId("till").dataset.ready = "";
}

// ── the catalogue ──

function openShop(read) {
  shop = read;
  money = new Money(shop.currency, own.locale);
  shelf ??= new Shelf(money, (item) => add(item));
  paying ??= new Paying(money, finish);
  receipt ??= new Receipt(() => shop, money, outbox, () => search.focus());
  returns ??= new Returns(outbox, crew, receipt, drawer, readCatalogue);
  shelf.money = paying.money = receipt.money = drawer.money = returns.money = money;
  shelf.fill(shop.items);
  shelf.draw();
  drawBasket();
}

async function readCatalogue() {
  if (!navigator.onLine || crew.locked) return;
  drawer.refresh();
  const read_at = new Date().toISOString();
  const known = shop.version ? { "if-none-match": `"${shop.version}"` } : {};
  const answer = await outbox.request("GET", "/pos/catalogue", null, known);
  if (answer.data) {
    await store.put("facts", { ...answer.data, read_at }, "catalogue");
    openShop({ ...answer.data, read_at });
    await refreshCounts();
  } else if (answer.status === 403) showToast({ text: answer.problem.detail, tone: "danger" });
}

// What other tabs and this one sold since the catalogue was read is not there any more.
async function refreshCounts() {
  await Promise.all([crew.read(), drawer.read()]);
  const [waiting, done, parked] = await Promise.all([store.all("outbox"), store.all("done"), store.all("parked")]);
  const left = [...waiting.filter((sale) => sale.state !== "refused"), ...done.filter((sale) => sale.done_at > shop.read_at)];
  shelf.gone = new Map();
  for (const line of left.flatMap((sale) => sale.lines)) {
    shelf.gone.set(line.variant_id, (shelf.gone.get(line.variant_id) ?? 0n) + millionths(line.quantity));
  }
  shelf.draw();
  byId("till-parked-count").textContent = parked.length || "";
  drawState(waiting);
  if (byId("till-outbox").open) showOutbox();
}

// The connection came or went. What was sold and closed elsewhere meanwhile is not known here yet.
let answered = true;
function heard() {
  const back = outbox.reachable && !answered;
  answered = outbox.reachable;
  drawState();
  if (back) readCatalogue();
}

// Who stands at the till and what they may do, and whether its drawer is open.
let locked = false;
function drawCrew() {
  if (locked && !crew.locked) readCatalogue(); // a locked till does not ask
  locked = crew.locked;
  byId("till-cashier").textContent = crew.name;
  byId("till-shift").textContent = drawer.shift ? t("shiftOpen") : t("shiftNone");
  byId("till-shift").closest("button").dataset.state = drawer.shift ? "online" : "offline";
  for (const tool of document.querySelectorAll("[data-may]")) tool.hidden = !crew.may(tool.dataset.may);
}

function drawState(sales) {
  const online = outbox.reachable && navigator.onLine;
  const state = byId("till-state");
  if (sales) {
    state.dataset.waiting = sales.filter((sale) => sale.state !== "refused").length;
    state.dataset.refused = sales.filter((sale) => sale.state === "refused").length;
  }
  const { waiting, refused } = state.dataset;
  const words = outbox.loggedOut ? t("loggedOut") : online ? t("online") : t("offline");
  const more = [Number(waiting) && t("waiting", { count: waiting }), Number(refused) && t("refusedCount", { count: refused })];
  state.dataset.state = outbox.loggedOut || Number(refused) ? "trouble" : !online || Number(waiting) ? "offline" : "online";
  byId("till-state-words").textContent = [words, ...more.filter(Boolean)].join(" · ");
}

// ── the basket ──

function add(item, quantity = "1") {
  basket.add(item, quantity);
  search.value = "";
  shelf.draw();
  byId("till-said").textContent = t("added", { name: item.name });
}

function drawBasket() {
  if (!basket || !money) return;
  const totals = basket.totals(shop, money);
  const lines = basket.lines.map((line, at) => drawnLine(line, at, totals.amounts[at]));
  byId("till-lines").replaceChildren(...lines);
  lines[basket.chosen]?.scrollIntoView({ block: "nearest" });
  byId("till-empty").hidden = lines.length > 0;
  byId("till-net").textContent = money.show(totals.net);
  byId("till-tax").textContent = money.show(totals.tax);
  byId("till-total").textContent = money.show(totals.total);
  byId("till-total-small").textContent = money.show(totals.total);
  byId("till-count").textContent = lines.length;
  for (const tool of document.querySelectorAll("[data-needs-line]")) tool.disabled = !basket.line;
}

function drawnLine(line, at, amount) {
  const facts = [line.sku, `${money.count(line.quantity)} × ${money.show(money.minor(line.price))}`];
  if (line.discount !== "0") facts.push(t("discountOf", { amount: money.show(money.minor(line.discount)) }));
  return el(
    "li",
    {},
    el(
      "button",
      {
        type: "button",
        class: "till-line",
        "aria-pressed": String(at === basket.chosen),
        "data-sku": line.sku,
        onclick: () => basket.choose(at),
      },
      el("span", { class: "till-line-count" }, money.count(line.quantity)),
      el("span", { class: "till-line-name" }, line.name, el("small", {}, facts.join(" · "))),
      el("span", { class: "till-line-amount" }, money.show(amount)),
    ),
  );
}

const TOOLS = {
  less: () => basket.more("-1"),
  more: () => basket.more("1"),
  remove: () => basket.remove(),
  quantity: () =>
    askAmount(t("quantity"), basket.line.quantity, (text) => {
      const plain = typed(text);
      if (plain === null || millionths(plain) === 0n) return t("noAmount");
      basket.change({ quantity: plain });
      return null;
    }),
  price: () =>
    askAmount(t("price"), basket.line.price, (text) => {
      const plain = typed(text);
      if (plain === null) return t("noAmount");
      basket.change({ price: plain, own_price: true });
      return null;
    }),
  // "10%" of the line, or an amount off it
  discount: () =>
    askAmount(t("discountHint"), basket.line.discount, (text) => {
      const plain = typed(text.replace(/%$/, ""));
      if (plain === null) return t("noAmount");
      const full = money.times(basket.line.price, basket.line.quantity);
      const off = text.endsWith("%") ? money.times(money.text(full), plain) / 100n : money.minor(plain);
      if (off > full) return t("tooMuch");
      basket.change({ discount: off ? money.text(off) : "0" });
      return null;
    }),
  park,
  clear: async () => {
    if (basket.lines.length && (await ask(t("clearAsk")))) basket.fill([]);
    search.focus();
  },
  pay: () => {
    if (!basket.lines.length) return;
    if (shop.needs_shift && !drawer.shift) drawer.open(t("firstOpen"));
    else paying.open(basket.totals(shop, money).total);
  },
  parked: showParked,
  state: showOutbox,
  crew: () => crew.open(),
  drawer: () => drawer.open(),
  returns: () => returns.open(),
  basket: () => byId("till").toggleAttribute("data-basket"),
};

// ── parked sales ──

async function park() {
  if (!basket.lines.length) return showParked();
  await store.put("parked", { id: crypto.randomUUID(), at: new Date().toISOString(), by: crew.name, lines: basket.lines });
  basket.fill([]);
  search.focus();
  return null;
}

async function showParked() {
  const parked = (await store.all("parked")).sort((one, other) => other.at.localeCompare(one.at));
  const resume = async (one) => {
    if (basket.lines.length) await park();
    await store.remove("parked", one.id);
    basket.fill(one.lines);
    byId("till-parked").close();
  };
  fillDialog("till-parked", t("parked"), parked.length ? "" : t("noneParked"), parked.map((one) =>
    el(
      "li",
      {},
      el("span", {}, time(one.at), el("small", {}, one.lines.map((line) => line.name).join(", "))),
      button(t("resume"), () => resume(one), "btn-primary"),
    ),
  ));
}

// ── selling ──

async function finish(payments, total) {
  const totals = basket.totals(shop, money);
  const sale = {
    client_id: crypto.randomUUID(),
    made_at: new Date().toISOString(),
    done_at: new Date().toISOString(),
    cashier: crew.name,
    terminal: own.terminal,
    shift: drawer.shift?.id ?? null,
    lines: basket.lines.map((line) => ({ ...line })),
    payments: payments.map(({ method, amount }) => ({ method, amount })),
    total: money.text(total),
    amounts: totals.amounts.map((amount) => money.text(amount)),
    taxes: totals.taxes.map((one) => ({ rate: one.rate, net: money.text(one.net), tax: money.text(one.tax) })),
  };
  const outcome = await outbox.sell(sale);
  if (outcome.refused) {
    readCatalogue(); // what was refused is often a price or a stock that changed
    return said(outcome.refused);
  }
  basket.fill([]);
  byId("till").removeAttribute("data-basket");
  receipt.show({ ...sale, order_id: outcome.sold?.id, number: outcome.sold?.number });
  crew.toTop();
  return null;
}

/** Why the server said no, with what it names. */
function said(problem) {
  const short = (problem?.available ?? []).map((one) => t("onlyLeft", { sku: one.sku, available: money.count(one.available) }));
  const fields = (problem?.fields ?? []).map((one) => one.problem);
  return [problem?.detail, ...short, ...fields.filter((words) => words !== problem?.detail)].filter(Boolean).join(" · ");
}

function terminal() {
  const known = localStorage.getItem(TERMINAL) ?? `till-${crypto.randomUUID().slice(0, 8)}`;
  localStorage.setItem(TERMINAL, known);
  return known;
}

async function showOutbox() {
  const sales = (await store.all("outbox")).sort((one, other) => one.made_at.localeCompare(other.made_at));
  const rows = sales.map((sale) =>
    el(
      "li",
      { class: sale.state === "refused" ? "is-refused" : "" },
      el(
        "span",
        {},
        `${time(sale.made_at)} · ${money.show(money.minor(sale.total))}`,
        el("small", {}, sale.state === "refused" ? said(sale.problem) : t("kept")),
      ),
      sale.state === "refused" ? button(t("again"), () => outbox.again(sale.client_id)) : icon("clock"),
    ),
  );
  const foot = outbox.loggedOut
    ? el("a", { class: "btn btn-primary btn-lg", href: own.login }, t("logIn"))
    : button([icon("refresh"), t("syncNow")], () => outbox.try(), "btn-primary btn-lg", { disabled: !sales.length });
  fillDialog("till-outbox", t("outbox"), sales.length ? "" : t("allSynced"), rows, foot);
}

// ── keys, taps and scans ──

const KEYS = { F2: () => search.focus(), F3: TOOLS.returns, F4: park, F6: TOOLS.parked, F7: TOOLS.quantity, F8: TOOLS.discount, F9: TOOLS.pay };
const LINE_KEYS = { "+": TOOLS.more, "-": TOOLS.less, Delete: TOOLS.remove };

function wire() {
  document.addEventListener("click", (event) => {
    const tool = event.target.closest("[data-tool]");
    if (tool) TOOLS[tool.dataset.tool]();
  });
  search.addEventListener("input", () => shelf.draw());
  byId("till-search-form").addEventListener("submit", (event) => {
    event.preventDefault();
    enter();
  });
  document.addEventListener("keydown", pressed);
  listenToScanner((code, field, before) => {
    const item = shelf.exact(code);
    const typing = field === search && !item && !/^\d{8,}$/.test(code);
    if (typing) return false;
    if (field) field.value = before;
    if (document.querySelector("dialog[open]")) showToast({ text: t("firstFinish"), tone: "warning" });
    else if (item) add(item);
    else showToast({ text: t("unknownCode", { code }), tone: "danger" });
    shelf.draw();
    return true;
  });
}

function enter() {
  const [, count, words] = /^(?:([\d.,]+)\*)?(.*)$/.exec(search.value.trim());
  const quantity = count ? typed(count) : "1";
  if (!words) return;
  const item = shelf.exact(words) ?? shelf.found(words)[0];
  if (item && quantity) add(item, quantity);
  else showToast({ text: t("unknownCode", { code: words }), tone: "warning" });
}

function pressed(event) {
  if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) return;
  const { key } = event;
  if (KEYS[key]) {
    event.preventDefault();
    if (key === "F7" || key === "F8") {
      if (basket.line && (key === "F7" || crew.may("orders.price"))) KEYS[key]();
    } else KEYS[key]();
    return;
  }
  const free = event.target !== search || !search.value;
  if (LINE_KEYS[key] && free && basket.line) {
    event.preventDefault();
    LINE_KEYS[key]();
  } else if ((key === "ArrowDown" || key === "ArrowUp") && free && basket.line) {
    event.preventDefault();
    basket.choose(basket.chosen + (key === "ArrowDown" ? 1 : -1));
  } else if (key === "Escape") {
    search.value = "";
    shelf.draw();
    search.focus();
  } else if (key.length === 1 && key !== " " && !event.target.matches?.("input, textarea, select")) search.focus();
}

start();
