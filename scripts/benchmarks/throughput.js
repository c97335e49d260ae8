// The stack over a TUN, with and without offload, beside the kernel talking to itself over veth:
// interleaved passes in one run, medians, rates a second and for each CPU second of the side measured.
// The client is the same Node program everywhere; it is part of what limits the highest figures.

import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const HELP = `npm run bench -- [--passes N] [--seconds S] [--json]
  --passes N    interleaved passes, default 5; the medians are shown
  --seconds S   length of each measurement, default 1.5
  --json        every single value, as JSON
npm run bench -- recovery --help: goodput on a bad path`;
const METRICS = ['sink', 'source', 'rtt', 'conn'];
const TICKS = 100;

let values;

const prefix = `fwb-${process.pid}`;
const cleanUp = [];
const ip = (...args) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'inherit'] });

function namespace(name) {
  ip('netns', 'add', name);
  cleanUp.push(() => ip('netns', 'del', name));
  ip('-n', name, 'link', 'set', 'lo', 'up');
  return name;
}

/** Starts a program and waits for its first line. */
function start(command, args) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  cleanUp.push(() => child.kill('SIGTERM'));
  return new Promise((resolve, reject) => {
    child.stdout.once('data', () => resolve(child));
    child.once('exit', (code) => reject(new Error(`${command} ended with ${code}`)));
  });
}

async function fourwave(offload) {
  const netns = namespace(`${prefix}-${offload}`);
  const up = ['dist/cli/main.js', 'up', '--netns', netns, '--offload', offload, '--json', '--quiet'];
  const child = await start(process.execPath, up);
  return { name: `fourwave, offload ${offload}`, netns, host: '10.9.0.2', pid: child.pid };
}

async function kernel() {
  const [near, far] = [namespace(`${prefix}-near`), namespace(`${prefix}-far`)];
  ip('link', 'add', 'fwb0', 'netns', near, 'type', 'veth', 'peer', 'name', 'fwb1', 'netns', far);
  ip('-n', near, 'addr', 'add', '10.9.0.1/24', 'dev', 'fwb0');
  ip('-n', far, 'addr', 'add', '10.9.0.2/24', 'dev', 'fwb1');
  ip('-n', near, 'link', 'set', 'fwb0', 'up');
  ip('-n', far, 'link', 'set', 'fwb1', 'up');
  const server = ['netns', 'exec', far, process.execPath, 'scripts/benchmarks/throughput-peer.js', 'server'];
  const child = await start('ip', server);
  return { name: 'kernel over veth, node:net', netns: near, host: '10.9.0.2', pid: child.pid };
}

/** User and system time of a process so far, seconds. */
function cpu(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

function measure(peer, metric) {
  const before = cpu(peer.pid);
  const command = [
    process.execPath,
    'scripts/benchmarks/throughput-peer.js',
    'client',
    peer.host,
    metric,
    values.seconds,
  ];
  const result = JSON.parse(ip('netns', 'exec', peer.netns, ...command));
  return { ...result, cpuSeconds: Math.max(1 / TICKS, cpu(peer.pid) - before) };
}

const median = (numbers) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

function show(peers, results) {
  const unit = { sink: 8e-9, source: 8e-9, rtt: 1, conn: 1 };
  const titles = {
    sink: 'sink Gbit/s',
    source: 'source Gbit/s',
    rtt: 'RTT p50 / p99 µs',
    conn: 'connections/s',
  };
  const width = Math.max(...peers.map(({ name }) => name.length));
  console.log(`${''.padEnd(width)}  ${METRICS.map((metric) => titles[metric].padStart(18)).join('')}`);
  for (const { name } of peers) {
    const cells = METRICS.map((metric) => {
      const runs = results[name][metric];
      const value = median(runs.map((run) => run.value * unit[metric]));
      if (metric === 'rtt') return `${value.toFixed(0)} / ${median(runs.map(({ p99 }) => p99)).toFixed(0)}`;
      return metric === 'conn' ? value.toFixed(0) : value.toFixed(2);
    });
    console.log(`${name.padEnd(width)}  ${cells.map((cell) => cell.padStart(18)).join('')}`);
    const perCpu = METRICS.map((metric) => {
      if (metric === 'rtt') return '';
      const rate = median(
        results[name][metric].map(({ total, cpuSeconds }) => (total * unit[metric]) / cpuSeconds),
      );
      return metric === 'conn' ? rate.toFixed(0) : rate.toFixed(2);
    });
    console.log(
      `${'  a second of its CPU'.padEnd(width)}  ${perCpu.map((cell) => cell.padStart(18)).join('')}`,
    );
  }
}

export async function throughput(args) {
  values = parseArgs({
    args,
    options: {
      passes: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '1.5' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  }).values;
  if (values.help) {
    console.log(HELP);
    return;
  }
  try {
    const peers = [await fourwave('auto'), await fourwave('off'), await kernel()];
    const results = Object.fromEntries(
      peers.map(({ name }) => [name, Object.fromEntries(METRICS.map((metric) => [metric, []]))]),
    );
    for (let pass = 0; pass < Number(values.passes); pass++) {
      for (const metric of METRICS)
        for (const peer of peers) results[peer.name][metric].push(measure(peer, metric));
    }
    if (values.json) console.log(JSON.stringify(results));
    else show(peers, results);
  } finally {
    for (const undo of cleanUp.reverse()) undo();
  }
}
