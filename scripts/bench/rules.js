// What the figures of a run mean: medians, and when a run means nothing.

/** The kernel with itself may be so much faster in one pass than in another; then the machine was busy. */
export const MOST_VARIATION = 1.5;

export function median(numbers) {
  if (numbers.length === 0) return Number.NaN;
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Two in each of three passes: fewer do not show how much the machine varies. */
const LEAST_RATES = 6;

/** `{ variation, void }` of the anchor's rates over the run. */
export function judgeAnchor(rates) {
  if (rates.length < LEAST_RATES) return { variation: null, void: true };
  const variation = Math.max(...rates) / Math.min(...rates);
  return { variation, void: !(variation <= MOST_VARIATION) };
}

/** Each pass has every job once, in an order that turns: none is always first. */
export function interleave(jobs, passes) {
  return Array.from({ length: passes }, (_, pass) =>
    jobs.map((_, place) => ({
      pass,
      job: jobs[(place + pass * Math.ceil(jobs.length / passes)) % jobs.length],
    })),
  ).flat();
}

/** One workload of one subject over all passes. */
export function summarize(runs) {
  const of = (value) => median(runs.map(value));
  return {
    runs: runs.length,
    rate: of(({ units, seconds }) => units / seconds),
    perCpu: of(({ units, cpu }) => units / cpu),
    ...(runs[0]?.p50 === undefined ? {} : { p50: of(({ p50 }) => p50), p99: of(({ p99 }) => p99) }),
  };
}

/** The goal is reached when the ratio is at least, or at most, the figure. */
export function meets(ratio, { atLeast, atMost }) {
  if (!Number.isFinite(ratio)) return null;
  return atLeast !== undefined ? ratio >= atLeast : ratio <= atMost;
}

/** Whether docs/benchmarks.md is written anew: only a whole run that means something is worth keeping. */
export function isKept(run, only) {
  return !run.void && only === '';
}
