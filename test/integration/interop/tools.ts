/** What each program of the matrix does: bytes both ways through our stack, and their sums. */

import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { STACK } from '../../support/running-stack.ts';
import { type Payload, sha256 } from './payloads.ts';
import { IPERF_PORT, MAIN, type Rig, SSH_PORT } from './rig.ts';
import type { Tool } from './rows.ts';

type Traffic = (rig: Rig, bytes: number) => Promise<void>;

const SITE = `http://${STACK}`;
const UPLOAD = `${SITE}/upload`;
/** Smaller files of which `bytes` consist. */
const PARTS = 40;
const PART_BYTES = 100_000;
const PARALLEL = 200;
/** Seconds that curl, ab and wrk may wait. */
const PATIENCE = 1500;

function partOf(rig: Rig, bytes: number): { part: Payload; times: number } {
  const part = rig.payloads.file(Math.min(PART_BYTES, Math.floor(bytes / PARTS)));
  return { part, times: Math.ceil(bytes / part.bytes) };
}

/** All through the echo service and back. */
function echoed(command: string): Traffic {
  return async (rig, bytes) => {
    const { path, sum } = rig.payloads.file(bytes);
    await rig.sh(`${command} < ${path} > ${rig.output('echoed')}`);
    assert.equal(sha256(rig.read('echoed')), sum, 'what came back from echo');
  };
}

const curlBulk: Traffic = async (rig, bytes) => {
  const { path, name, sum } = rig.payloads.file(bytes);
  const curl = `curl -sS --max-time ${PATIENCE}`;
  assert.equal(await rig.sh(`${curl} -T ${path} ${UPLOAD}`), sum, 'what arrived of the upload');
  await rig.sh(`${curl} -o ${rig.output('down')} ${SITE}/${name}`);
  assert.equal(sha256(rig.read('down')), sum, 'what was downloaded');
};

/** The end of an answer may take longer than the 5 s for which the server keeps an idle connection. */
function isVeryLossy({ row }: Rig): boolean {
  return row.link === '10 % loss';
}

type CurlOptions = Readonly<Record<string, string>>;

/** A configuration file of curl's: one line for each option of each transfer. Sections have options of their own. */
function curlConfig(rig: Rig, name: string, sections: readonly (readonly CurlOptions[])[]): string {
  const path = rig.output(name);
  const text = sections.map((transfers) => {
    const options = transfers.flatMap((transfer) => Object.entries(transfer));
    return options.map(([option, value]) => `${option} = "${value}"\n`).join('');
  });
  writeFileSync(path, text.join('next\n'));
  return path;
}

const curlKeepAlive: Traffic = async (rig, bytes) => {
  const { part, times } = partOf(rig, bytes);
  const many = <Item>(item: Item): Item[] => Array.from({ length: times }, () => item);
  const quiet = { silent: 'true', 'max-time': String(PATIENCE), 'write-out': '%{stderr}%{num_connects} ' };
  const config = curlConfig(rig, 'config', [
    [quiet, ...many({ url: `${SITE}/${part.name}` })],
    [quiet, ...many({ url: UPLOAD, 'upload-file': part.path })],
  ]);
  const output = rig.output('bodies');
  const connects = await rig.sh(`curl -K ${config} 2>&1 >${output}`);
  const most = isVeryLossy(rig) ? 3 : 1;
  const opened = connects.trim().split(' ').map(Number);
  assert.equal(opened.length, 2 * times);
  assert.ok(opened.reduce((sum, one) => sum + one, 0) <= most, `one connection for all: ${connects}`);
  const bodies = rig.read('bodies');
  const downloads = bodies.subarray(0, times * part.bytes);
  assert.equal(sha256(downloads), rig.payloads.repeated(part, times), 'what was downloaded');
  assert.equal(bodies.subarray(downloads.length).toString(), part.sum.repeat(times), 'what was uploaded');
  await pipelined(rig, part, Math.min(times, PARTS));
};

/** All requests before the first answer: curl no longer can, nc does what it is told. */
async function pipelined(rig: Rig, part: Payload, times: number): Promise<void> {
  const request = (last: boolean): string =>
    `GET /${part.name} HTTP/1.1\r\nHost: stack\r\n${last ? 'Connection: close\r\n' : ''}\r\n`;
  const requests = Array.from({ length: times }, (_, index) => request(index === times - 1));
  writeFileSync(rig.output('requests'), requests.join(''));
  await rig.sh(`nc ${STACK} 80 < ${rig.output('requests')} > ${rig.output('pipelined')}`);
  let rest = rig.read('pipelined');
  for (let answer = 0; answer < times; answer++) {
    const end = rest.indexOf('\r\n\r\n') + 4;
    const head = rest.subarray(0, end).toString();
    assert.match(head, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(head, new RegExp(`\r\nContent-Length: ${part.bytes}\r\n`, 'i'));
    assert.equal(sha256(rest.subarray(end, end + part.bytes)), part.sum, `answer ${answer}`);
    rest = rest.subarray(end + part.bytes);
  }
  assert.equal(rest.length, 0, 'nothing follows the last answer');
}

const curlParallel: Traffic = async (rig, bytes) => {
  const part = rig.payloads.file(Math.floor(bytes / PARALLEL));
  const all = (name: string, transfer: CurlOptions): CurlOptions[] => {
    mkdirSync(rig.output(name));
    const outputs = Array.from({ length: PARALLEL }, (_, index) => join(rig.output(name), String(index)));
    return outputs.map((output) => ({ ...transfer, output }));
  };
  const contents = (name: string): Buffer[] =>
    readdirSync(rig.output(name)).map((file) => readFileSync(join(rig.output(name), file)));
  const curl = `curl -sS --no-progress-meter --max-time ${PATIENCE} --parallel --parallel-immediate`;
  const down = curlConfig(rig, 'config-down', [all('down', { url: `${SITE}/${part.name}` })]);
  const up = curlConfig(rig, 'config-up', [all('up', { url: UPLOAD, 'upload-file': part.path })]);
  for (const config of [down, up]) {
    const connects = await rig.sh(`${curl} --parallel-max ${PARALLEL} -w '%{num_connects} ' -K ${config}`);
    assert.equal(connects.trim(), Array.from({ length: PARALLEL }, () => '1').join(' '), 'each its own');
  }
  const sums = [...contents('down').map(sha256), ...contents('up').map((sum) => sum.toString())];
  assert.deepEqual(
    sums,
    Array.from({ length: 2 * PARALLEL }, () => part.sum),
  );
};

/** Uploads whose sums it prints, and downloads whose lengths it compares. */
const ab: Traffic = async (rig, bytes) => {
  const { part, times } = partOf(rig, bytes);
  const options = `-q -s ${PATIENCE} -n ${times} -c 10`;
  const up = await rig.sh(`ab ${options} -v 4 -u ${part.path} -T application/octet-stream ${UPLOAD}`);
  assert.equal(up.split(part.sum).length - 1, times, `sums in: ${up.slice(0, 1000)}`);
  // It takes a connection that the server has closed meanwhile for a failed request.
  const keepAlive = isVeryLossy(rig) ? '' : '-k';
  const down = await rig.sh(`ab ${options} ${keepAlive} ${SITE}/${part.name}`);
  for (const output of [up, down]) {
    assert.match(output, new RegExp(`^Complete requests: +${times}$`, 'm'));
    assert.match(output, /^Failed requests: +0$/m);
    assert.doesNotMatch(output, /Non-2xx/);
  }
  assert.match(down, new RegExp(`^HTML transferred: +${times * part.bytes} bytes$`, 'm'));
};

/** Every answer is compared with what it must be: the file, or the sum of what was uploaded. */
function wrkScript({ path, name, sum }: Payload): string {
  return `
local file = io.open("${path}", "rb")
local content = file:read("*a")
file:close()
local threads = {}
local turn = 0
function setup(thread)
  thread:set("downs", 0)
  thread:set("ups", 0)
  thread:set("wrong", 0)
  table.insert(threads, thread)
end
function request()
  turn = turn + 1
  if turn % 2 == 0 then return wrk.format("PUT", "/upload", nil, content) end
  return wrk.format("GET", "/${name}")
end
function response(status, headers, body)
  if body == content then downs = downs + 1
  elseif body == "${sum}" then ups = ups + 1
  else wrong = wrong + 1 end
end
function done(summary)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.timeout + errors.status
  for _, thread in ipairs(threads) do
    io.write(string.format("RESULT %d %d %d %d\\n", thread:get("downs"), thread:get("ups"), thread:get("wrong"), failed))
  end
end
`;
}

/** For a time, not for a number of bytes. */
const wrk: Traffic = async (rig, bytes) => {
  const { part } = partOf(rig, bytes);
  writeFileSync(rig.output('script.lua'), wrkScript(part));
  const seconds = isVeryLossy(rig) ? 8 : 3;
  const options = `-t 1 -c 10 -d ${seconds}s --timeout ${PATIENCE}s`;
  const output = await rig.sh(`wrk ${options} -s ${rig.output('script.lua')} ${SITE}/`);
  const [downs, ups, wrong, failed] = (/^RESULT (.*)$/m.exec(output)?.[1] ?? '').split(' ').map(Number);
  assert.deepEqual([wrong, failed], [0, 0], output);
  assert.ok(Number(downs) > 0 && Number(ups) > 0, output);
};

/** Through `fourwave connect` to an sshd of the kernel's: what cat gets it sends back. */
const ssh: Traffic = async (rig, bytes) => {
  await rig.startSshd();
  const { path, sum } = rig.payloads.file(bytes);
  const { folder, ready } = rig.stack;
  const options = [
    `ProxyCommand=${process.execPath} ${MAIN} connect --control ${ready.control} -N %h %p`,
    `UserKnownHostsFile=${join(folder, 'known_hosts')}`,
    'StrictHostKeyChecking=accept-new',
    'IdentitiesOnly=yes',
    'LogLevel=ERROR',
  ].map((option) => `-o '${option}'`);
  const target = `-i ${join(folder, 'user')} -p ${SSH_PORT} root@${rig.stack.kernel}`;
  await rig.sh(`ssh -F none ${options.join(' ')} ${target} cat < ${path} > ${rig.output('echoed')}`);
  assert.equal(sha256(rig.read('echoed')), sum, 'what came back by ssh');
};

/** Bytes with which a client of iperf3 names its test, on each of its connections. */
const IPERF_COOKIE = 37;

interface IperfReport {
  readonly error?: string;
  readonly end: { readonly sum_sent: { bytes: number }; readonly sum_received: { bytes: number } };
}

/**
 * Its control connection needs its own server: that is the kernel's, our stack is client and server
 * between the two, and each connection is two of ours. What iperf3 sends it does not say; what we were
 * given and what the far end got must be the same.
 */
const iperf3: Traffic = async (rig, bytes) => {
  const { stack } = rig;
  for (const direction of ['up', 'down'] as const) {
    const relayed = (): string[] => readdirSync(stack.folder).filter((name) => /-(up|down)$/.test(name));
    for (const name of relayed()) rmSync(join(stack.folder, name));
    const got = rig.output(direction);
    const file = (end: 'up' | 'down'): string => (end === direction ? `-F ${got}` : '');
    const server = stack.start('sh', '-c', `exec iperf3 -s -1 -B ${stack.kernel} ${file('up')}`);
    await rig.listens(IPERF_PORT);
    const reverse = direction === 'down' ? '-R' : '';
    const output = await rig.sh(`iperf3 -J -c ${STACK} ${reverse} -n ${bytes} ${file('down')}`);
    await server.kill('SIGTERM');
    const report = JSON.parse(output) as IperfReport;
    assert.equal(report.error, undefined);
    assert.ok(report.end.sum_sent.bytes >= bytes, `${report.end.sum_sent.bytes} bytes sent`);
    const flows = relayed()
      .filter((name) => name.endsWith(direction))
      .map((name) => readFileSync(join(stack.folder, name)))
      .sort((a, b) => b.length - a.length);
    const arrived = readFileSync(got);
    const start = direction === 'up' ? IPERF_COOKIE : 0;
    const carried = flows[0]?.subarray(start) ?? Buffer.alloc(0);
    // Its server's test is over when its client has handed over all: what still comes then it refuses.
    if (direction === 'down') assert.ok(arrived.length >= bytes, `${arrived.length} bytes arrived`);
    assert.ok(carried.length >= Math.max(1, arrived.length), `${carried.length} bytes came`);
    assert.equal(sha256(carried.subarray(0, arrived.length)), sha256(arrived), direction);
  }
};

export const TRAFFIC: Readonly<Record<Tool, Traffic>> = {
  nc: echoed(`nc -N ${STACK} 7`),
  ncat: echoed(`ncat ${STACK} 7`),
  socat: echoed(`socat -t ${PATIENCE} -b 65536 - TCP:${STACK}:7`),
  'curl bulk': curlBulk,
  'curl keep-alive': curlKeepAlive,
  'curl parallel': curlParallel,
  ab,
  wrk,
  ssh,
  iperf3,
};
