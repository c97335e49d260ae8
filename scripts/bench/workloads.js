// What is measured, and how one measurement is made.

import { execFile, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { program } from './build.js';
import { pinned, processors, residentMemory } from './machine.js';

const PATIENCE = 60_000;
/** What checking passes carry in each direction. */
const CHECKED_BYTES = 200e6;
/** `/large` of the servers with HTTP. */
const LARGE = 1e9;
const CURL_PATIENCE = 30;
/** A fresh server has compiled nothing yet. Rounds. */
const SPREAD_WARM_UP = 10_000;
const WARMED = ['churn', 'requests', 'rtt'];
/** Seconds of the server's processor. */
const WARM_UP = 1;
const WARM_UP_WINDOW = 0.4;
const MOST_TRIES = 8;

/** `scale`: from units a second to what the table says. */
export const WORKLOADS = {
  sink: { title: 'sink', unit: 'Gbit/s', scale: 8e-9 },
  source: { title: 'source', unit: 'Gbit/s', scale: 8e-9 },
  both: { title: 'both at once', unit: 'Gbit/s', scale: 8e-9 },
  rtt: { title: 'RTT, one core', unit: 'µs p50 / p99', mode: 'rtt', oneCore: true },
  'rtt-across': { title: 'RTT, across cores', unit: 'µs p50 / p99', mode: 'rtt' },
  churn: { title: 'connect–request–close', unit: '/s', scale: 1 },
  requests: { title: 'keep-alive requests', unit: '/s', scale: 1 },
};

function execute([command, ...args]) {
  return new Promise((resolve, reject) => {
    execFile(command, args, { timeout: PATIENCE, maxBuffer: 1 << 20 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(stderr.trim() || error.message));
    });
  });
}

export function clientCommand(server, mode, { oneCore = false, ...options }) {
  const cores = processors();
  const settings = { pid: server.pid, source: server.source, sources: server.sources, ...options };
  const words = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  return pinned(oneCore ? cores.server : cores.client, server.netns, [
    program('client').path,
    mode,
    server.host,
    ...words,
  ]);
}

/** One measurement: `{ units, seconds, cpu }`, and for round trips `p50` and `p99`. */
export async function measure(server, workload, options) {
  const { mode = workload, oneCore = false } = WORKLOADS[workload] ?? {};
  return JSON.parse(await execute(clientCommand(server, mode, { ...options, oneCore })));
}

/** A fresh server in JavaScript has compiled nothing: small exchanges are repeated until it has worked for a while. */
export async function warmUp(server, { workloads }) {
  for (const workload of WARMED.filter((each) => workloads.includes(each))) {
    for (let worked = 0, tries = 0; worked < WARM_UP && tries < MOST_TRIES; tries++)
      worked += (await measure(server, workload, { seconds: WARM_UP_WINDOW, warm: 0 })).cpu;
  }
}

/** Every byte of both directions is looked at. @throws Error that says which was wrong */
export async function check(server, { ours = false }) {
  await execute(clientCommand(server, 'check-source', { bytes: CHECKED_BYTES }));
  if (ours) await execute(clientCommand(server, 'check-sink', { bytes: CHECKED_BYTES }));
}

/** `curl` of a gigabyte: `{ units, seconds, cpu }`; with `look`, every byte is looked at instead. */
export async function large(server, look = false) {
  const curl = ['curl', '-sS', '--max-time', String(CURL_PATIENCE), `http://${server.host}:8080/large`];
  const client = `${program('client').path} check-input ${server.host} bytes=${LARGE}`;
  const script = look
    ? `${curl.join(' ')} | ${client}`
    : `${curl.join(' ')} -o /dev/null -w '%{size_download} %{time_total}'`;
  const before = processorSeconds(server);
  const said = await execute(pinned(processors().client, server.netns, ['sh', '-c', script]));
  if (look) return null;
  const [units, seconds] = said.split(' ').map(Number);
  if (units !== LARGE) throw new Error(`curl got ${units} bytes`);
  return { units, seconds, cpu: (await processorSeconds(server)) - (await before) };
}

/** As the client counts it. */
async function processorSeconds({ pid }) {
  const { readdirSync, readFileSync } = await import('node:fs');
  return readdirSync(`/proc/${pid}/task`)
    .map((task) => Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]) / 1e9)
    .reduce((sum, seconds) => sum + seconds, 0);
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Says a word to a server of ours, which answers with a line of JSON. */
export async function ask({ child }, word) {
  let ended;
  const answer = new Promise((resolve, reject) => {
    ended = () => reject(new Error('the server has ended'));
    child.stdout.once('data', (line) => resolve(JSON.parse(line)));
    child.once('exit', ended);
  });
  child.stdin.write(`${word}\n`);
  return answer.finally(() => child.off('exit', ended));
}

/** Throws the server's garbage away where it has any; resolves to what it says of itself. */
export async function collect(server, speaks) {
  if (speaks) return ask(server, 'collect');
  await sleep(300);
  return {};
}

/**
 * `connections` open ones on a fresh server: `bytes` of its memory for each idle one, and seconds of its
 * processor for a byte there and back over the same one of them always, and over all in random order.
 */
export async function spread(server, connections, { speaks, seconds }) {
  await measure(server, 'requests', { seconds: 0.2, warm: 0.1 });
  await collect(server, speaks);
  const before = residentMemory(server.pid);
  const [command, ...args] = clientCommand(server, 'spread', {
    connections,
    seconds,
    warm: 0.1,
    // Of ours so many that those at rest have woken: what is asked for is the cost in use.
    rounds: speaks ? Math.max(SPREAD_WARM_UP, 2 * connections) : SPREAD_WARM_UP,
    oneCore: true,
  });
  const client = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let complaint = '';
  const watchdog = setTimeout(() => {
    complaint = `not done after ${PATIENCE / 1000} s\n${complaint}`;
    client.kill('SIGKILL');
  }, PATIENCE);
  client.stderr.on('data', (text) => (complaint += text));
  const lines = createInterface({ input: client.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(complaint.trim() || 'the client has ended');
    return JSON.parse(value);
  };
  try {
    await next();
    await sleep(1000);
    await collect(server, speaks);
    const after = residentMemory(server.pid);
    client.stdin.write('\n');
    const [one, all] = [await next(), await next()];
    const bytes = (after - before) / connections;
    return { bytes, cpuOfOne: one.cpu / one.units, cpu: all.cpu / all.units };
  } finally {
    clearTimeout(watchdog);
    client.kill('SIGKILL');
  }
}

/** Memory of a connection in TIME-WAIT, on a fresh server that closes first. */
export async function timeWait(server, seconds) {
  await measure(server, 'requests', { seconds: 0.2, warm: 0.1 });
  const start = await collect(server, true);
  const before = residentMemory(server.pid);
  await measure(server, 'churn', { seconds, warm: 0.1 });
  await sleep(500);
  const end = await collect(server, true);
  const count = end.timeWait - start.timeWait;
  return { count, bytes: (residentMemory(server.pid) - before) / count };
}
