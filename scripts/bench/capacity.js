// npm run bench -- capacity: a hundred thousand connections and a million in TIME-WAIT, in one process behind one TUN,
// and what a request among them waits.

import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { program } from './build.js';
import { describeMachine, giveBack, residentMemory } from './machine.js';
import { fourwave, start, widen } from './subjects.js';
import { ask, clientCommand, collect, measure } from './workloads.js';

const HELP = `npm run bench -- capacity [--established N] [--time-wait N] [--json]
  --established N  connections that are open and idle, default 100000
  --time-wait N    connections in TIME-WAIT besides, default 1000000
Takes two to four minutes: opens the first, makes the others by connections that the stack closes first, and asks an
echo service a byte each millisecond before, meanwhile, after, and while the TIME-WAITs run out.`;

const OPTIONS = {
  established: { type: 'string', default: '100000' },
  'time-wait': { type: 'string', default: '1000000' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
};
const EXIT_USAGE = 2;
/** Each with 64,000 ports. */
const ADDRESSES = 64;
/** s: long enough to make them all before the first is over. */
const MSL = 60;
const PROBE = 5;
/** Enough under way that the stack is what limits. */
const LANES = 100;

const tell = (line) => process.stderr.write(`${line}\n`);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const probe = (server) => measure(server, 'probe', { seconds: PROBE });

/** Connections that stay open until the program ends; resolves when all are. */
function openIdle(server, count) {
  const [command, ...args] = clientCommand(server, 'spread', { connections: count });
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    child.stdout.once('data', () => resolve(child));
    child.once('exit', (code) => reject(new Error(`the client that opens connections ended with ${code}`)));
  });
}

/** What the stack holds at a moment, and how long a request waits then. */
async function look(server, title) {
  const { timeWait, connections } = await ask(server, 'report');
  const { p50, p99, p999, max } = await probe(server);
  tell(`${title}: ${connections} connections, ${timeWait} in TIME-WAIT, p99 ${p99} µs`);
  return { title, connections, timeWait, p50, p99, p999, max, memory: residentMemory(server.pid) };
}

/** As {@link look}, while connections come and go. */
async function lookAmongOthers(server, title) {
  const others = measure(server, 'churn', { seconds: PROBE + 1, warm: 0, connections: LANES });
  await sleep(300);
  const seen = await look(server, title);
  const { units, seconds } = await others;
  return { ...seen, rate: units / seconds };
}

async function stages(server, established, timeWaits) {
  const rows = [];
  await lookAmongOthers(server, 'warm-up');
  rows.push(await look(server, 'nothing else'));
  rows.push(await lookAmongOthers(server, 'connections come and go'));
  const before = await collect(server, true);
  const memory = residentMemory(server.pid);
  const idle = await openIdle(server, established);
  try {
    await collect(server, true);
    const perConnection = (residentMemory(server.pid) - memory) / established;
    rows.push(await look(server, `${established} are open`));
    const begun = residentMemory(server.pid);
    const first = (await ask(server, 'report')).timeWait;
    rows.push(await make(server, timeWaits));
    const { timeWait } = await collect(server, true);
    const perTimeWait = (residentMemory(server.pid) - begun) / (timeWait - first);
    rows.push(await look(server, `and ${timeWaits} in TIME-WAIT`));
    rows.push(await lookAmongOthers(server, 'and connections come and go'));
    await untilTheyExpire(server);
    rows.push(await look(server, 'TIME-WAITs run out'));
    return { rows, perConnection, perTimeWait, before };
  } finally {
    idle.kill('SIGKILL');
  }
}

/** Makes TIME-WAITs until there are so many; of all looks meanwhile the one with the longest wait. */
async function make(server, timeWaits) {
  let worst = null;
  while ((await ask(server, 'report')).timeWait < timeWaits) {
    const seen = await lookAmongOthers(server, 'while those in TIME-WAIT are made, at worst');
    if (worst === null || seen.max > worst.max) worst = seen;
  }
  return worst;
}

async function untilTheyExpire(server) {
  const { timeWait } = await ask(server, 'report');
  for (let waited = 0; waited < 2 * MSL + 10; waited++) {
    if ((await ask(server, 'report')).timeWait < timeWait - 1000) return;
    await sleep(1000);
  }
  throw new Error('the TIME-WAITs do not run out');
}

function table(rows) {
  const head = ['', 'connections', 'TIME-WAIT', 'opened /s', 'p50 µs', 'p99', 'p99.9', 'most', 'memory MB'];
  const cells = rows.map((row) => [
    row.title,
    String(row.connections),
    String(row.timeWait),
    row.rate === undefined ? '' : row.rate.toFixed(0),
    ...[row.p50, row.p99, row.p999, row.max].map((time) => time.toFixed(0)),
    (row.memory / 1e6).toFixed(0),
  ]);
  const all = [head, ...cells];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column].length)));
  return all
    .map((row) =>
      row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  '),
    )
    .join('\n');
}

function count(text, name) {
  if (/^\d{1,7}$/.test(text) && Number(text) > 0) return Number(text);
  console.error(`bench: ${name} must be a number of connections, not ${JSON.stringify(text)}`);
  process.exit(EXIT_USAGE);
}

export async function capacity(args) {
  let values;
  try {
    ({ values } = parseArgs({ args, options: OPTIONS }));
  } catch (error) {
    console.error(`bench: ${error.message}`);
    process.exitCode = EXIT_USAGE;
    return;
  }
  if (values.help) return console.log(HELP);
  const established = count(values.established, '--established');
  const timeWaits = count(values['time-wait'], '--time-wait');
  const { why } = program('client');
  if (why !== null) throw new Error(`the bench needs a C compiler: ${why}`);
  const options = [
    `msl=${MSL}s`,
    `timeWait.max=${timeWaits + 500_000}`,
    `connections.max=${established + 10_000}`,
  ];
  try {
    const server = await start(fourwave('raw', 'auto', 1500, options));
    widen(server, ADDRESSES);
    const { rows, perConnection, perTimeWait } = await stages(server, established, timeWaits);
    await server.stop();
    const machine = describeMachine();
    if (values.json) console.log(JSON.stringify({ machine, rows, perConnection, perTimeWait }, null, 2));
    else {
      console.log(table(rows));
      console.log(
        `${perConnection.toFixed(0)} bytes for each open one, ${perTimeWait.toFixed(0)} for each TIME-WAIT`,
      );
    }
  } finally {
    giveBack();
  }
}
