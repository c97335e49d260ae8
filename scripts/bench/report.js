// The figures of a run as tables, for a terminal and for docs/benchmarks.md.

import { WORKLOADS } from './workloads.js';

const NONE = '–';

function number(value) {
  if (value === undefined || value === null || !Number.isFinite(value)) return NONE;
  if (value >= 10_000) return `${(value / 1000).toFixed(value >= 100_000 ? 0 : 1)}k`;
  if (value >= 100) return value.toFixed(0);
  return value.toPrecision(3);
}

/** Rate, and behind the bar the rate for each second of the server's processor. */
function cell(workload, result) {
  if (result === undefined) return NONE;
  const { scale } = WORKLOADS[workload];
  if (scale === undefined) return `${number(result.p50)} / ${number(result.p99)}`;
  return `${number(result.rate * scale)} | ${number(result.perCpu * scale)}`;
}

function mainTable(run) {
  const titles = Object.values(WORKLOADS).map(({ title, unit }) => `${title}, ${unit}`);
  const rows = run.subjects.map(({ key, name }) => [
    name,
    ...Object.keys(WORKLOADS).map((workload) => cell(workload, run.results[key]?.[workload])),
  ]);
  return [['', ...titles], ...rows];
}

function goalTable(run) {
  const rows = run.goals.map(({ title, atLeast, atMost, value, met }) => [
    title,
    atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast}`,
    number(value),
    met === null ? 'not measured' : met ? 'reached' : 'missed',
  ]);
  return [['', 'goal', 'this run', ''], ...rows];
}

function largeTable(run) {
  const rows = run.subjects
    .filter(({ key }) => run.results[key]?.large !== undefined)
    .map(({ key, name }) => {
      const { rate, perCpu } = run.results[key].large;
      return [name, number(rate * 8e-9), number(perCpu * 8e-9)];
    });
  return [['', 'Gbit/s', 'Gbit/s per CPU-s'], ...rows];
}

function spreadTable(run) {
  const spreads = run.subjects.filter(({ key }) => run.results[key]?.spread !== undefined);
  const counts = [...new Set(spreads.flatMap(({ key }) => Object.keys(run.results[key].spread.by)))].map(
    Number,
  );
  const rows = spreads.map(({ key, name }) => [
    name,
    ...counts.map((count) => {
      const one = run.results[key].spread.by[count];
      if (one === undefined) return NONE;
      return [
        count < 1000 ? NONE : number(one.bytes),
        number(one.cpuOfOne * 1e6),
        number(one.cpu * 1e6),
      ].join(' | ');
    }),
    number(run.results[key].timeWait?.bytes),
  ]);
  const titles = counts.map((count) => `${count}: bytes each | µs, one | µs, all`);
  return [['connections', ...titles, 'TIME-WAIT, bytes each'], ...rows];
}

/** Every table of the run, with its heading. Empty ones are left out. */
export function tables(run) {
  return [
    ['Goals', goalTable(run)],
    ['Rate | rate per CPU-second of the server', mainTable(run)],
    ['`curl` of 1 GB', largeTable(run)],
    [
      'Many connections: memory of an idle one | server’s processor time of a byte there and back, on one | on all at random',
      spreadTable(run),
    ],
  ].filter(([, rows]) => rows.length > 1);
}

function aligned(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows
    .map((row) =>
      row.map((text, column) => (column === 0 ? text.padEnd(widths[0]) : text.padStart(widths[column]))),
    )
    .map((row) => row.join('  ').trimEnd())
    .join('\n');
}

function verdict(run) {
  const { variation } = run.anchor;
  if (!run.void) return `The anchor (kernel to kernel, veth, sink) varied by ${variation.toFixed(2)}.`;
  const anchor = 'VOID: the anchor (kernel to kernel, veth, sink)';
  if (variation === null)
    return `${anchor} was measured in fewer than three passes: nobody knows what the figures mean.`;
  return `${anchor} varied by ${variation.toFixed(2)}, more than 1.5: the machine was busy, the figures mean nothing.`;
}

function notes(run) {
  return [...run.skipped.map(({ name, why }) => `Not there: ${name}. ${why}`), ...run.failures];
}

export function text(run) {
  const parts = tables(run).map(([title, rows]) => `${title}\n\n${aligned(rows)}`);
  return [...parts, ...notes(run), verdict(run)].join('\n\n');
}

function markdownTable([head, ...rows]) {
  const line = (row) => `| ${row.map((field) => field.replaceAll('|', '·')).join(' | ')} |`;
  return [line(head), line(head.map((_, column) => (column === 0 ? '---' : '---:'))), ...rows.map(line)].join(
    '\n',
  );
}

const INTRODUCTION = `# Benchmarks

Written by \`npm run bench\`; do not edit. How it is measured and where the time goes: [performance.md](performance.md).

Each figure is the median of interleaved passes on one machine at one time: compare within the tables, not with other
machines. The client is a C program on the kernel's TCP, pinned to one processor; the server is pinned to another
(RTT, one core: both to the same one). Rates are per second, and per second of processor time of all threads of the
server. What the kernel does in the server's writes is in its time; with veth and loopback some of that is in the
client's, which flatters those lines.`;

export function markdown(run) {
  const { machine } = run;
  const facts = [
    `${run.date}: ${machine.processor}, ${machine.processors} processors, ${machine.system}, Linux ${machine.kernel}, load ${machine.load} at the start.`,
    `Fourwave ${machine.fourwave}, Node ${machine.node}, gcc ${machine.gcc ?? NONE}, ${machine.go ?? 'no Go'}, liblwip-dev ${machine.lwip ?? NONE}, golang-gvisor-gvisor-dev ${machine.gvisor ?? NONE}.`,
    `Command: \`${run.command}\`: ${run.passes} passes, windows of ${run.seconds} s after ${run.warm} s. ${run.checked}`,
  ];
  const sections = tables(run).map(
    ([title, rows]) => `## ${title.replaceAll(' | ', ' · ')}\n\n${markdownTable(rows)}`,
  );
  return `${[INTRODUCTION, ...facts, ...sections, ...notes(run), verdict(run)].join('\n\n')}\n`;
}
