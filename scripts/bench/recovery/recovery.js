// Goodput on a bad path: Fourwave with the kernel beside the kernel with itself, through the same
// impairments. Both transfers of a run are side by side in one process, with the same seed: the nth
// packet of either meets the same fate, and what the machine does to one it does to the other.

import { execFileSync, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CELLS } from './recovery-cells.js';
import { judge, nameOf, show } from './recovery-table.js';

const HELP = `npm run bench -- recovery [--runs N] [--quick] [--lanes N] [--only TEXT] [--json]
  --runs N      runs of each cell, default 20; the medians are shown
  --quick       three runs
  --lanes N     runs at a time, default 8
  --only TEXT   cells with this in their name, as the table writes it: "to cubic 20 ms 1 %"
  --config JSON options of the stack, for experiments: '{"hystart":"off"}'
  --json        every single run, as JSON`;

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** In both namespaces: upstream defaults for buffers, and no run may learn from the one before. */
const SYSCTLS = [
  'net.ipv4.tcp_no_metrics_save=1',
  'net.ipv4.tcp_rmem=4096 131072 6291456',
  'net.ipv4.tcp_wmem=4096 16384 4194304',
];

const cleanUp = [];
const ip = (...args) => execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });

function undoAll() {
  for (const undo of cleanUp.splice(0).reverse()) undo();
}

function namespace(name) {
  ip('netns', 'add', name);
  cleanUp.push(() => ip('netns', 'del', name));
  ip('netns', 'exec', name, 'sysctl', '-qw', ...SYSCTLS);
  return name;
}

/** Starts a program that speaks in messages, and waits for its first one. */
function start(command, args) {
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  cleanUp.push(() => child.kill('SIGTERM'));
  return new Promise((resolve, reject) => {
    child.once('message', () => resolve(child));
    child.once('exit', (code) => reject(new Error(`${args.at(-1)} ended with ${code}`)));
  });
}

async function startPeer(netns) {
  return start('ip', ['netns', 'exec', netns, process.execPath, here('recovery-peer.js')]);
}

function jobs(runs, only) {
  const cells = CELLS.filter((cell) => nameOf(cell).includes(only));
  if (cells.length === 0) throw new Error(`no cell has "${only}" in its name`);
  return Array.from({ length: runs }, (_, run) => cells.map((cell) => ({ cell, seed: run + 1 }))).flat();
}

async function lane(slot, { near, far, peers, queue, results, config }) {
  const worker = await start(process.execPath, [here('recovery-far-end.js')]);
  for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
    const done = new Promise((resolve, reject) => {
      worker.once('exit', (code) => reject(new Error(`a lane ended with ${code}`)));
      worker.removeAllListeners('message');
      worker.on('message', (message) => {
        if (message.done) resolve(message);
        else peers[message.end].send(message);
      });
    });
    worker.send({ ...job, slot, lane: slot * 2, near, far, config });
    const { ours, theirs } = await done;
    worker.removeAllListeners('exit');
    results.get(job.cell).push({ seed: job.seed, ours, theirs });
    if (process.stderr.isTTY) process.stderr.write(`\r${queue.length} runs wait `);
  }
}

export async function recovery(args) {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: 'string', default: '20' },
      quick: { type: 'boolean', default: false },
      lanes: { type: 'string', default: '8' },
      only: { type: 'string', default: '' },
      config: { type: 'string', default: '{}' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return;
  }
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => {
      undoAll();
      process.exit(1);
    });
  }
  try {
    const [near, far] = ['near', 'far'].map((end) => namespace(`fwr-${process.pid}-${end}`));
    const peers = { near: await startPeer(near), far: await startPeer(far) };
    const queue = jobs(values.quick ? 3 : Number(values.runs), values.only);
    const results = new Map(queue.map(({ cell }) => [cell, []]));
    const world = { near, far, peers, queue, results, config: JSON.parse(values.config) };
    await Promise.all(Array.from({ length: Number(values.lanes) }, (_, slot) => lane(slot, world)));
    if (process.stderr.isTTY) process.stderr.write('\r');
    const rows = [...results].map(([cell, runs]) => judge(cell, runs));
    if (values.json) console.log(JSON.stringify(rows.map((row) => ({ ...row, all: results.get(row.cell) }))));
    else show(rows);
    process.exitCode = rows.every(({ ok }) => ok) ? 0 : 1;
  } finally {
    undoAll();
  }
}
