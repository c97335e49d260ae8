/** The flags of the TCP header, as scripts write them. */

/** In the order of the bits, the lowest first. */
const LETTERS = 'FSRP.UEW'.split('');

/** The flag byte of `letters`. */
export function flagBits(letters: string): number {
  return LETTERS.reduce((bits, letter, place) => bits | (letters.includes(letter) ? 1 << place : 0), 0);
}

/** The letters of a flag byte, in their order. */
export function flagLetters(bits: number): string {
  return LETTERS.filter((_, place) => (bits & (1 << place)) !== 0).join('');
}
