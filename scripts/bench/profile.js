// npm run bench -- --profile WORKLOAD: one workload under V8's profiler, and a flame graph of it.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { byPart, callTree, flameGraph, ownTimes } from './flame-graph.js';
import { giveBack } from './machine.js';
import { SUBJECTS, start, subject } from './subjects.js';
import { ask, measure, WORKLOADS, warmUp } from './workloads.js';

const FOLDER = 'runs';
/** µs. More often, and the profiler is what is measured. */
const INTERVAL = 500;
const PLAN = { seconds: 4, warm: 0.2, rounds: 50_000 };
const EXIT_USAGE = 2;
const LINES = 25;

function usage(line) {
  console.error(`bench: ${line}`);
  process.exitCode = EXIT_USAGE;
}

function line(time, whole, packets, name) {
  const each = `${((time * 1000) / packets).toFixed(0)} ns`;
  return `${((time / whole) * 100).toFixed(1).padStart(6)} %  ${each.padStart(9)}  ${name}`;
}

/** `cpu`: µs in all. What the profiler did not see, above all, is the kernel in the addon's reads. */
function table(tree, { packets, cpu, sent }) {
  const times = ownTimes(tree).filter(([name]) => !name.includes('node:inspector'));
  const seen = times.reduce((sum, [, time]) => sum + time, 0);
  const rest = [
    'outside of JavaScript: the kernel in reads and polls, and the event loop',
    Math.max(0, cpu - seen),
  ];
  const sorted = [rest, ...times].sort(([, left], [, right]) => right - left);
  const each = ((cpu * 1000) / packets).toFixed(0);
  const show = ([name, time]) => line(time, cpu, packets, name);
  return [
    `${packets} packets, ${sent} of them sent; ${each} ns of processor time for each`,
    ...[rest, ...byPart(times)].map(show),
    '',
    ...sorted.slice(0, LINES).map(show),
  ].join('\n');
}

async function record(one, workload, file) {
  const server = await start(one);
  await warmUp(server, one);
  await measure(server, workload, { ...PLAN, seconds: 1 });
  const before = await ask(server, `profile ${INTERVAL}`);
  const result = await measure(server, workload, PLAN);
  const after = await ask(server, `profiled ${file}`);
  const sent = after.packetsSent - before.packetsSent;
  const packets = after.packetsReceived - before.packetsReceived + sent;
  return { result, packets, sent, cpu: after.cpu - before.cpu };
}

export async function profile({ profile: workload, subject: key }) {
  const one = subject(key);
  const names = SUBJECTS.filter(({ ours, mtu }) => ours && mtu === 1500).map((each) => each.key);
  if (!Object.hasOwn(WORKLOADS, workload))
    return usage(`--profile takes one of ${Object.keys(WORKLOADS).join(' ')}`);
  if (one === undefined || !names.includes(key)) return usage(`--subject takes one of ${names.join(' ')}`);
  const path = `${FOLDER}/${workload}-${key}`;
  mkdirSync(FOLDER, { recursive: true });
  try {
    const counted = await record(one, workload, `${path}.cpuprofile`);
    const tree = callTree(JSON.parse(readFileSync(`${path}.cpuprofile`, 'utf8')));
    writeFileSync(`${path}.svg`, flameGraph(tree, `${one.name}: ${workload}`));
    console.log(table(tree, counted));
    console.log(
      `${JSON.stringify(counted.result)}\n${path}.svg, ${path}.cpuprofile (Chrome's DevTools and speedscope read it)`,
    );
  } finally {
    giveBack();
  }
}
