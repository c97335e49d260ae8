/** Numbers of a row as readers see them. */

const FLAG_NAMES = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'];

/** `FIN,ACK`. */
export function flagNames(flags: number): string {
  return FLAG_NAMES.filter((_, bit) => (flags & (1 << bit)) !== 0).join();
}

export function seconds(microseconds: number): number {
  return Math.round(microseconds) / 1e6;
}

export function milliseconds(microseconds: number): number {
  return Math.round(microseconds) / 1e3;
}

/** Distance from `base`, negative just before it; without a base the number itself. */
export function relative(number: number, base: number): number {
  return base === 0 ? number : (number - base) | 0;
}
