/**
 * Instruments that tell random 32-bit numbers from predictable ones. Each of them says how far the
 * samples are from what chance gives; a good generator exceeds a limit below with a probability of
 * less than 1e-10 per figure, so that a whole run of the tests errs less than once in a million.
 *
 * They find what is guessable, they do not prove that nothing is: that rests on SipHash and its key.
 */

/** Standard deviations; P(|z| > 6.5) = 8e-11. */
const LIMIT = 6.5;
/** The same for counts that are too small for a normal distribution. */
const LIMIT_LOG10 = -10;

export const INSTRUMENTS = ['bits', 'bytes', 'serial', 'differences', 'predictor', 'duplicates'] as const;
export type Instrument = (typeof INSTRUMENTS)[number];

/** The instruments by which `values` (32-bit numbers in the order of their making) are not random. */
export function weaknesses(values: Int32Array): Instrument[] {
  const found: Record<Instrument, boolean> = {
    bits: largestBitBias(values) > LIMIT,
    bytes: [0, 8, 16, 24].some((shift) => isUneven(byteCounts(values, shift))),
    serial: largestCorrelation(values) > LIMIT,
    differences: isUneven(differenceCells(values)),
    predictor: predictorBeatsChance(values),
    duplicates: isAboveChance(duplicatePairs(values), (values.length * (values.length - 1)) / 2 ** 33),
  };
  return INSTRUMENTS.filter((name) => found[name]);
}

/** How many standard deviations the worst of the 32 bits is from being set half of the time. */
export function largestBitBias(values: Int32Array): number {
  let worst = 0;
  for (let bit = 0; bit < 32; bit++) {
    let set = 0;
    for (const value of values) set += (value >>> bit) & 1;
    worst = Math.max(worst, Math.abs(2 * set - values.length) / Math.sqrt(values.length));
  }
  return worst;
}

/** The largest correlation of a sample with one of the 16 before it, in standard deviations. */
export function largestCorrelation(values: Int32Array): number {
  const scaled = Float64Array.from(values, (value) => (value >>> 0) / 2 ** 32 - 0.5);
  let worst = 0;
  for (let lag = 1; lag <= 16; lag++) {
    let sum = 0;
    for (let i = lag; i < scaled.length; i++) sum += (scaled[i] as number) * (scaled[i - lag] as number);
    worst = Math.max(worst, Math.abs(sum * 12) / Math.sqrt(scaled.length - lag));
  }
  return worst;
}

/** Chi-square of equally likely cells as standard deviations (Wilson and Hilferty). */
export function chiSquareZ(counts: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < counts.length; i++) total += counts[i] as number;
  const expected = total / counts.length;
  let sum = 0;
  for (let i = 0; i < counts.length; i++) sum += ((counts[i] as number) - expected) ** 2 / expected;
  const degrees = counts.length - 1;
  return (Math.cbrt(sum / degrees) - (1 - 2 / (9 * degrees))) / Math.sqrt(2 / (9 * degrees));
}

/** Whether equally likely cells are filled too unevenly, or too evenly, for chance. */
export function isUneven(counts: ArrayLike<number>): boolean {
  return Math.abs(chiSquareZ(counts)) > LIMIT;
}

/** Whether `count` of `trials` is not what `probability` gives. Both expectations should be above 10. */
export function isBiased(count: number, trials: number, probability: number): boolean {
  const deviation = Math.sqrt(trials * probability * (1 - probability));
  return Math.abs(count - trials * probability) > LIMIT * deviation;
}

/** log10 of a bound on P(X ≥ count) where `mean` are expected (Chernoff). */
export function poissonTail(count: number, mean: number): number {
  if (count <= mean) return 0;
  return (count - mean - count * Math.log(count / mean)) / Math.LN10;
}

export function isAboveChance(count: number, mean: number): boolean {
  return poissonTail(count, mean) < LIMIT_LOG10;
}

export function duplicatePairs(values: Int32Array): number {
  const sorted = Int32Array.from(values).sort();
  let pairs = 0;
  let run = 0;
  for (let i = 1; i < sorted.length; i++) {
    run = sorted[i] === sorted[i - 1] ? run + 1 : 0;
    pairs += run;
  }
  return pairs;
}

function byteCounts(values: Int32Array, shift: number): Uint32Array {
  const counts = new Uint32Array(256);
  for (const value of values) (counts[(value >>> shift) & 0xff] as number)++;
  return counts;
}

/** Three differences in a row as a point in space, cut into cells: an attractor leaves cells empty. */
function differenceCells(values: Int32Array): Uint32Array {
  const bits = values.length >= 20_000 ? 3 : 2;
  const counts = new Uint32Array(1 << (3 * bits));
  for (let i = 3; i < values.length; i += 4) {
    let cell = 0;
    for (let back = 2; back >= 0; back--) {
      const difference = ((values[i - back] as number) - (values[i - back - 1] as number)) | 0;
      cell = (cell << bits) | (difference >>> (32 - bits));
    }
    (counts[cell] as number)++;
  }
  return counts;
}

/** What an attacker may send for one guess: as many packets as a fast link carries in a second. */
const REACH = 2 ** 20;

/**
 * Guesses each value of the second half from what came before: the last value, the last difference
 * once more, and the difference that followed the last time when the phase space was at this point
 * (Zalewski, Strange Attractors and TCP/IP Sequence Number Analysis).
 */
function predictorBeatsChance(values: Int32Array): boolean {
  const seen = new Map<number, number>();
  const half = values.length >> 1;
  let hits = 0;
  let guesses = 0;
  for (let i = 3; i < values.length; i++) {
    const [a, b, c] = [1, 2, 3].map((back) => values[i - back] as number) as [number, number, number];
    const step = (a - b) | 0;
    const point = ((step >>> 22) << 10) | (((b - c) | 0) >>> 22);
    const actual = values[i] as number;
    if (i >= half) {
      for (const difference of [0, step, seen.get(point)]) {
        if (difference === undefined) continue;
        guesses++;
        if (Math.abs((actual - a - difference) | 0) < REACH) hits++;
      }
    }
    seen.set(point, (actual - a) | 0);
  }
  return isAboveChance(hits, (guesses * 2 * REACH) / 2 ** 32);
}

/** Values of `width` bits, written one after the other into 32-bit words. */
export function packBits(values: ArrayLike<number>, width: number): Int32Array {
  const words = new Int32Array(Math.floor((values.length * width) / 32));
  let word = 0;
  for (let at = 0; at < words.length * 32; at++) {
    const value = values[Math.floor(at / width)] as number;
    word = (word << 1) | ((value >>> (width - 1 - (at % width))) & 1);
    if ((at & 31) === 31) words[at >> 5] = word;
  }
  return words;
}
