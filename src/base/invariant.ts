/** Checks for our own bugs; never for input from the wire or from a user. */

/** Throws when `condition` does not hold: a bug of ours. The per-packet guard counts it. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`fourwave: broken invariant: ${message}`);
}

/** The default arm of an exhaustive `switch`. */
export function unreachable(value: never): never {
  throw new Error(`fourwave: unreachable: ${String(value)}`);
}
