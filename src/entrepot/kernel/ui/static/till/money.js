/* Exact amounts in the browser: whole numbers only, with the rounding and the tax of the server (pure/taxes.py).
 *
 * What comes from the server is text; a price or a quantity is counted in millionths, money in minor units (cents).
 */
const MILLION = 1_000_000n;

/** "12.345" in millionths. */
export function millionths(text) {
  const found = /^(-?)(\d*)(?:\.(\d{0,6}))?/.exec(String(text));
  const size = BigInt(found[2] || "0") * MILLION + BigInt((found[3] ?? "").padEnd(6, "0"));
  return found[1] ? -size : size;
}

/** Millionths as text again: 2500000n is "2.5". */
export function plain(count) {
  const rest = String(count % MILLION).padStart(6, "0").replace(/0+$/, "");
  return `${count / MILLION}${rest ? `.${rest}` : ""}`;
}

/** What a person typed, in either notation: "1,5" and "1.5"; null when it is no amount. */
export function typed(text) {
  const plain = text.trim().replace(",", ".");
  return /^\d{1,9}(\.\d{1,6})?$/.test(plain) ? plain : null;
}

export class Money {
  constructor(currency, locale) {
    this.currency = currency;
    this.format = new Intl.NumberFormat(locale, { style: "currency", currency });
    this.number = new Intl.NumberFormat(locale, { maximumFractionDigits: 6 });
    this.digits = this.format.resolvedOptions().maximumFractionDigits;
    this.unit = 10n ** BigInt(this.digits);
  }

  /** An amount as text, in minor units. */
  minor(text) {
    return divided(millionths(text) * this.unit, MILLION);
  }

  /** A price times a quantity, rounded once. */
  times(price, quantity) {
    return divided(millionths(price) * millionths(quantity) * this.unit, MILLION * MILLION);
  }

  /** Minor units as the API takes them: "12.50". */
  text(minor) {
    const sign = minor < 0n ? "-" : "";
    const size = minor < 0n ? -minor : minor;
    if (this.digits === 0) return `${sign}${size}`;
    return `${sign}${size / this.unit}.${String(size % this.unit).padStart(this.digits, "0")}`;
  }

  show(minor) {
    return this.format.format(this.text(minor));
  }

  count(quantity) {
    return this.number.format(quantity);
  }
}

/** What lines come to: each rounded once, tax per rate over their sum. */
export function totalled(lines, inclusive, money) {
  const rates = new Map();
  const amounts = lines.map((line) => {
    const full = money.times(line.price, line.quantity);
    const discount = money.minor(line.discount);
    const amount = full - (discount > full ? full : discount);
    const key = `${line.tax_code} ${line.tax_rate}`;
    const rate = rates.get(key) ?? { rate: line.tax_rate, sum: 0n };
    rate.sum += amount;
    rates.set(key, rate);
    return amount;
  });
  const taxes = [...rates.values()].map(({ rate, sum }) => {
    const part = millionths(rate);
    const tax = divided(sum * part, (inclusive ? 100n * MILLION + part : 100n * MILLION));
    return { rate, net: inclusive ? sum - tax : sum, tax };
  });
  const net = taxes.reduce((sum, one) => sum + one.net, 0n);
  const tax = taxes.reduce((sum, one) => sum + one.tax, 0n);
  return { amounts, taxes, net, tax, total: net + tax };
}

// Half away from zero, as the server rounds.
function divided(top, bottom) {
  const size = ((top < 0n ? -top : top) * 2n + bottom) / (2n * bottom);
  return top < 0n ? -size : size;
}
