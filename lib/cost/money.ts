/**
 * Amounts of money, exact.
 *
 * An amount is a fraction of whole numbers, so that nothing is lost on the way from a price per gigabyte to
 * the price of a byte. The rule: an amount is rounded once, when it is shown, to the nearest, halves up.
 */

/** An amount that is never negative, in whatever currency the prices are. Never changes. */
export class Money {
  static readonly ZERO: Money = new Money(0n, 1n);

  readonly #numerator: bigint;
  readonly #denominator: bigint;

  private constructor(numerator: bigint, denominator: bigint) {
    const common = greatestCommonDivisor(numerator, denominator);
    this.#numerator = numerator / common;
    this.#denominator = denominator / common;
  }

  /**
   * The amount that a decimal text says, such as `0.00099`.
   *
   * @throws RangeError when it is no such text
   */
  static parse(text: string): Money {
    const [, whole = "", decimals = ""] = /^(\d{1,9})(?:\.(\d{1,15}))?$/.exec(text) ?? [];
    if (whole === "") throw new RangeError(`"${text}" is not a price`);
    return new Money(BigInt(whole + decimals), 10n ** BigInt(decimals.length));
  }

  /** The sum of several amounts. */
  static sum(amounts: Iterable<Money>): Money {
    let total = Money.ZERO;
    for (const amount of amounts) total = total.plus(amount);
    return total;
  }

  plus(other: Money): Money {
    return new Money(
      this.#numerator * other.#denominator + other.#numerator * this.#denominator,
      this.#denominator * other.#denominator,
    );
  }

  /**
   * So many times the amount, for each `per` of them: `price.times(bytes, gigabyte)`.
   *
   * @param count a whole number, not negative
   * @param per a whole number above 0
   */
  times(count: number, per = 1): Money {
    return new Money(this.#numerator * BigInt(count), this.#denominator * BigInt(per));
  }

  isZero(): boolean {
    return this.#numerator === 0n;
  }

  /** Below 0 when this is less than the other, above 0 when it is more. */
  compare(other: Money): number {
    const difference = this.#numerator * other.#denominator - other.#numerator * this.#denominator;
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  }

  /** The amount with so many decimals, rounded to the nearest, halves up. */
  toFixed(decimals: number): string {
    const scaled = this.#numerator * 10n ** BigInt(decimals);
    const rounded = (2n * scaled + this.#denominator) / (2n * this.#denominator);
    const digits = rounded.toString().padStart(decimals + 1, "0");
    const point = digits.length - decimals;
    return decimals === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`;
  }

  /** In JSON an amount is a number, rounded to nine decimals. */
  toJSON(): number {
    return Number(this.toFixed(9));
  }
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  while (b !== 0n) [a, b] = [b, a % b];
  return a;
}

const SMALLEST_DECIMALS = 9;

/**
 * An amount for people: two decimals; below one cent as many as two digits take, so that a request does not
 * look free; `$0.00` only for nothing.
 *
 * @param currency as ISO 4217 names it; a dollar has its sign
 */
export function formatMoney(amount: Money, currency: string): string {
  const sign = currency === "USD" ? "$" : `${currency} `;
  if (amount.isZero() || amount.compare(Money.parse("0.01")) >= 0) return sign + amount.toFixed(2);
  for (let decimals = 4; decimals <= SMALLEST_DECIMALS; decimals++) {
    const text = amount.toFixed(decimals);
    // Three digits come of 0.00996, which is a cent when rounded.
    if (/^0\.0*[1-9]\d{1,2}$/.test(text)) return sign + text.replace(/0+$/, "");
  }
  return `under ${sign}${Money.parse("0.00000001").toFixed(8)}`;
}
