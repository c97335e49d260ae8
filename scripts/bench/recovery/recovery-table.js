// From single runs to the table.

import { isJudged } from './recovery-cells.js';

const LEAST_GOODPUT = 0.95;
const MOST_STALL = 1.2;

const ascending = (numbers) => numbers.toSorted((a, b) => a - b);
/** The value that a part of all is not above. */
const quantile = (numbers, part) => ascending(numbers)[Math.ceil(numbers.length * part) - 1] ?? 0;
/** With the mean of the two in the middle. */
const median = (numbers) => (quantile(numbers, 0.5) + ascending(numbers)[numbers.length >> 1]) / 2;

/** As the table writes it, and as `--only` is compared with. */
export function nameOf({ direction, congestion, rtt, loss, reordering }) {
  const way = direction === 'to' ? 'to' : 'from';
  return `${way} ${congestion} ${rtt} ms ${loss * 100} %${reordering > 0 ? ' reordered' : ''}`;
}

function summary(runs) {
  return {
    goodput: median(runs.map(({ goodput }) => goodput)),
    stall: quantile(
      runs.flatMap(({ gaps }) => gaps),
      0.99,
    ),
    longest: quantile(
      runs.flatMap(({ gaps }) => gaps),
      1,
    ),
    repeated: median(runs.map(({ repeated }) => repeated)),
    inVain: median(runs.map(({ inVain }) => inVain)),
  };
}

export function judge(cell, runs) {
  const ours = summary(runs.map((run) => run.ours));
  const theirs = summary(runs.map((run) => run.theirs));
  const goodput = ours.goodput / theirs.goodput;
  const stall = ours.stall / theirs.stall;
  const ok = !isJudged(cell) || (goodput >= LEAST_GOODPUT && stall <= MOST_STALL);
  return {
    cell,
    name: nameOf(cell),
    judged: isJudged(cell),
    ok,
    goodput,
    stall,
    ours,
    theirs,
    runs: runs.length,
  };
}

export function show(rows) {
  const heads = [
    'goodput Mbit/s',
    'kernel',
    'ratio',
    'p99 stall ms',
    'kernel',
    'ratio',
    'in vain %',
    'kernel',
    '',
  ];
  const name = Math.max(...rows.map((row) => row.name.length));
  const line = (first, cells) =>
    console.log(`${first.padEnd(name)}${cells.map((cell) => cell.padStart(15)).join('')}`);
  line('', heads);
  for (const row of rows) {
    const { ours, theirs } = row;
    line(row.name, [
      ours.goodput.toFixed(2),
      theirs.goodput.toFixed(2),
      row.goodput.toFixed(2),
      ours.stall.toFixed(0),
      theirs.stall.toFixed(0),
      row.stall.toFixed(2),
      (ours.inVain * 100).toFixed(2),
      (theirs.inVain * 100).toFixed(2),
      row.judged ? (row.ok ? 'ok' : 'BELOW') : 'information',
    ]);
  }
  const judged = rows.filter((row) => row.judged);
  const kept = judged.filter(({ ok }) => ok).length;
  console.log(
    `${rows[0].runs} runs a cell. ${kept} of ${judged.length} cells: goodput at least ${LEAST_GOODPUT} of the ` +
      `kernel's, the 99th percentile of stalls at most ${MOST_STALL} times the kernel's.`,
  );
}
