/** Python's values and operators, as far as assertions need them. */

export type Value = number | boolean | string | null | readonly Value[];

/** An `assert` that does not hold, or code that cannot be computed. */
export class CodeError extends Error {
  override readonly name = 'CodeError';
}

export function truth(value: Value): boolean {
  return isList(value) ? value.length > 0 : Boolean(value);
}

export function number(value: Value): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return Number(value);
  throw new CodeError(`${valueText(value)} is no number`);
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

/** As Python prints it. */
export function valueText(value: Value): string {
  if (isList(value)) return `(${value.map(valueText).join(', ')})`;
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return value === null ? 'None' : String(value);
}

function same(one: Value, other: Value): boolean {
  if (isList(one) && isList(other)) {
    return one.length === other.length && one.every((value, index) => same(value, other[index] as Value));
  }
  if (typeof one === 'boolean' || typeof other === 'boolean') return Number(one) === Number(other);
  return one === other;
}

function contains(list: Value, value: Value): boolean {
  if (!isList(list)) throw new CodeError(`${valueText(list)} is no list`);
  return list.some((item) => same(item, value));
}

function divided(by: number, result: number): number {
  if (by === 0) throw new CodeError('division by zero');
  return result;
}

export type Binary = (one: Value, other: Value) => Value;
const arithmetic =
  (compute: (one: number, other: number) => number): Binary =>
  (one, other) =>
    compute(number(one), number(other));

/** Bits of whole numbers beyond 32 too. */
const bitwise = (compute: (one: bigint, other: bigint) => bigint): Binary =>
  arithmetic((one, other) => {
    if (!Number.isInteger(one) || !Number.isInteger(other)) throw new CodeError('bits of no whole number');
    return Number(compute(BigInt(one), BigInt(other)));
  });
/** Nobody shifts further. */
const MOST_SHIFT = 63n;
const shift = (by: bigint): bigint => (by < 0n || by > MOST_SHIFT ? MOST_SHIFT : by);

/** From weak to strong; each level's operators group from the left. */
export const LEVELS: readonly {
  readonly pattern: RegExp;
  readonly operators: Readonly<Record<string, Binary>>;
}[] = [
  { pattern: /\|/y, operators: { '|': bitwise((one, other) => one | other) } },
  { pattern: /\^/y, operators: { '^': bitwise((one, other) => one ^ other) } },
  { pattern: /&/y, operators: { '&': bitwise((one, other) => one & other) } },
  {
    pattern: /<<|>>/y,
    operators: {
      '<<': bitwise((one, other) => one << shift(other)),
      '>>': bitwise((one, other) => one >> shift(other)),
    },
  },
  {
    pattern: /[+-]/y,
    operators: {
      '+': arithmetic((one, other) => one + other),
      '-': arithmetic((one, other) => one - other),
    },
  },
  {
    pattern: /\/\/|\*(?!\*)|[/%]/y,
    operators: {
      '*': arithmetic((one, other) => one * other),
      '/': arithmetic((one, other) => divided(other, one / other)),
      '//': arithmetic((one, other) => divided(other, Math.floor(one / other))),
      '%': arithmetic((one, other) => divided(other, one - other * Math.floor(one / other))),
    },
  },
];

export const COMPARISON = /[<>=!]=|<|>|not\s+in\b|in\b|is\b/y;
export const COMPARISONS: Readonly<Record<string, (one: Value, other: Value) => boolean>> = {
  '==': same,
  is: same,
  '!=': (one, other) => !same(one, other),
  '<': (one, other) => number(one) < number(other),
  '>': (one, other) => number(one) > number(other),
  '<=': (one, other) => number(one) <= number(other),
  '>=': (one, other) => number(one) >= number(other),
  in: (one, other) => contains(other, one),
  'not in': (one, other) => !contains(other, one),
};
