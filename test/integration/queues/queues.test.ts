/** `up --queues N`: several stacks, one for each queue, that are one stack to everybody. */

import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ask, converse, openControl } from '../../../src/cli/control/client.ts';
import { encode } from '../../../src/cli/control/protocol.ts';
import type { Stats } from '../../../src/cli/render/stats.ts';
import type { ConnectionRecord } from '../../../src/stack/connection-record.ts';
import { isOfKeyframe } from '../../../src/trace/world/keyframe.ts';
import { eventually, Program, RunningStack, STACK, skipWithout } from '../../support/running-stack.ts';

const PEERS = fileURLToPath(new URL('peers.py', import.meta.url));
const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const KERNEL = '10.9.0.1';
const ECHO = 7;
const SERVER = 9990;
const NOWHERE = 9991;
const LISTENED = 4444;
const LEAKY = '2002';
/** Connections whose text comes in fragments. */
const FRAGMENTED = 16;
const IDLE = 24;
/** s */
const IDLENESS = 7;

/** How packets find their queue, by what `up` is told. */
const MODES = [
  { name: 'the kernel steers', queues: 2, steering: 'bpf', args: [] },
  { name: 'the workers sort', queues: 3, steering: 'ring', args: ['--steering', 'ring', '--offload', 'off'] },
];

// Blocks of pcapng.
const SECTION_BLOCK = 0x0a0d0d0a;
const PACKET_BLOCK = 6;

/** How many blocks of each type; every block ends with its length again. */
function blocksOf(bytes: Buffer): Map<number, number> {
  const kinds = new Map<number, number>();
  for (let at = 0; at < bytes.length; ) {
    const [type, length] = [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4)];
    assert.equal(bytes.readUInt32LE(at + length - 4), length);
    kinds.set(type, (kinds.get(type) ?? 0) + 1);
    at += length;
  }
  return kinds;
}

interface Event {
  readonly ev: string;
  readonly t: number;
  readonly n: number;
  readonly conn?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/**
 * Who does not own a flow has no business with it. A reset that belongs to no connection may only be
 * the owner's, for a segment that came after its connection was over: the kernel, when it does not
 * steer, changes the queue of a flow in the middle, and what went by way of another worker may come late.
 */
function onlyOwnersReset(events: readonly Event[], queues: number, steered: boolean): void {
  const owners = new Map<string, number>();
  for (const { ev, data, n } of events) {
    if (ev === 'conn:opened') owners.set(`${String(data['local'])} ${String(data['peer'])}`, n % queues);
  }
  for (const { ev, n, conn, data } of events) {
    if (ev !== 'seg:sent' || conn !== undefined || !String(data['flags']).includes('RST')) continue;
    assert.ok(!steered, 'nothing is late where the kernel steers');
    const { src, sport, dst, dport } = data['raw'] as Record<string, string | number>;
    assert.equal(n % queues, owners.get(`${src}:${sport} ${dst}:${dport}`));
  }
}

function readLog(text: string): Event[] {
  const [header, ...lines] = text.trimEnd().split('\n');
  assert.equal((JSON.parse(header as string) as { tcplog: number }).tcplog, 1);
  // Keyframes say nothing new, under the number of the event before them.
  const events = lines.map((line) => JSON.parse(line) as Event).filter(({ ev }) => !isOfKeyframe(ev));
  assert.equal(new Set(events.map(({ n }) => n)).size, events.length, 'no number names two events');
  assert.ok(
    events.every(({ t }, i) => i === 0 || t >= (events[i - 1] as Event).t),
    'in the order of time',
  );
  return events;
}

describe('several queues', { concurrency: true }, () => {
  for (const { name, queues, steering, args } of MODES) {
    describe(`${queues} queues, ${name}`, { skip: skipWithout('python3'), concurrency: true }, () => {
      let stack: RunningStack;
      let idle: Program;
      let log: string;

      before(async () => {
        stack = new RunningStack();
        log = `${stack.folder}/log`;
        await stack.startUp('--queues', String(queues), '--log', log, ...args);
        idle = stack.start('python3', PEERS, 'echo', STACK, String(ECHO), String(IDLE), String(IDLENESS));
        await eventually(
          () => idle.text.includes('open') || !idle.running,
          () => idle.stderr,
        );
      });
      after(async () => {
        try {
          await stack.stopUp();
          onlyOwnersReset(readLog(readFileSync(log, 'utf8')), queues, steering === 'bpf');
        } finally {
          await stack.close();
        }
      });

      const control = <Answer>(command: string, given: Record<string, unknown> = {}): Promise<Answer> =>
        ask<Answer>({ control: stack.ready.control }, command, given);
      const queueOf = (id: string): number => (Number(id.slice(1)) - 1) % queues;
      const ss = (): Promise<ConnectionRecord[]> => control<ConnectionRecord[]>('ss');

      /** `fourwave connect`: says a line and returns what comes back. */
      async function talk(given: Record<string, unknown>, text: string): Promise<string> {
        const socket = await openControl({ control: stack.ready.control });
        let got = '';
        try {
          for await (const message of converse(socket, { command: 'connect', arguments: given })) {
            if ('event' in message) {
              socket.write(encode({ data: Buffer.from(text).toString('base64') }));
              socket.write(encode({ end: true, fin: true }));
            }
            if ('data' in message) got += Buffer.from(message.data, 'base64').toString();
          }
        } finally {
          socket.destroy();
        }
        return got;
      }

      test('the ready line tells of queues and steering', () => {
        const { queues: said, steering: how } = stack.ready as unknown as Record<string, unknown>;
        assert.deepEqual({ said, how }, { said: queues, how: steering });
      });

      test(`${IDLE} connections on all queues are there once, and alive after ${IDLENESS} s of idleness`, async () => {
        const records = await ss();
        const ids = records.map(({ id }) => id);
        assert.equal(new Set(ids).size, ids.length, 'no id twice');
        const listeners = records.filter(({ state }) => state === 'LISTEN').map(({ local }) => local);
        assert.equal(new Set(listeners).size, listeners.length, 'a listener is one listener');
        const used = new Set(
          records.filter(({ local }) => local === `${STACK}:${ECHO}`).map(({ id }) => queueOf(id)),
        );
        assert.equal(used.size, queues, 'every queue has some');
        const { code, stdout, stderr } = await idle.end();
        assert.equal(code, 0, stderr);
        assert.match(stdout.toString(), new RegExp(`echoed ${IDLE}`));
      });

      test('active opens leave from all queues, and what comes back finds them', async () => {
        const server = stack.start('python3', PEERS, 'serve', String(SERVER));
        await eventually(
          () => server.text.includes('listening'),
          () => server.stderr,
        );
        const opens = Array.from({ length: 4 * queues }, (_, i) => `line ${i}`);
        const told = await Promise.all(opens.map((text) => talk({ host: KERNEL, port: SERVER }, text)));
        assert.deepEqual(told, opens);
        // From ports that are given, too: each of these belongs to one queue.
        for (const localPort of [40001, 40002, 40003, 40004, 40005, 40006]) {
          assert.equal(await talk({ host: KERNEL, port: SERVER, localPort }, 'x'), 'x');
        }
        const ours = (await control<ConnectionRecord[]>('ss')).filter(
          ({ peer }) => peer === `${KERNEL}:${SERVER}`,
        );
        assert.equal(new Set(ours.map(({ id }) => queueOf(id))).size, queues, JSON.stringify(ours));
      });

      test('connections that come and go all day are all served', async () => {
        const runs = ['200', '200'].map((count) =>
          stack.run('python3', [PEERS, 'churn', STACK, String(ECHO), count]),
        );
        for (const { code, stdout, stderr } of await Promise.all(runs)) {
          assert.equal(code, 0, stderr);
          assert.match(stdout.toString(), /served 200/);
        }
      });

      test('fragments meet in one queue and their text comes to its connection', async () => {
        const { code, stdout, stderr } = await stack.run('python3', [
          PEERS,
          'fragments',
          STACK,
          String(ECHO),
          String(FRAGMENTED),
        ]);
        assert.equal(code, 0, stderr);
        assert.match(stdout.toString(), new RegExp(`answered ${FRAGMENTED}`));
        const { tables } = await control<Stats>('stats');
        // All fragments of two addresses come to one queue; one in `queues` of the flows is its own.
        const handed = tables['handedOver'] as number;
        assert.ok(handed > 0 && (steering === 'ring' || handed <= FRAGMENTED), JSON.stringify(tables));
        assert.equal(tables['handedOverLost'], 0);
        const { code: pinged } = await stack.run('ping', [
          '-c',
          '4',
          '-i',
          '0.2',
          '-s',
          '5000',
          '-W',
          '2',
          STACK,
        ]);
        assert.equal(pinged, 0);
      });

      test('an ICMP error comes to the connection that it is about, on whatever queue', async () => {
        const refuse = stack.start('python3', PEERS, 'refuse', STACK, String(NOWHERE));
        await eventually(
          () => refuse.text.includes('listening'),
          () => refuse.stderr,
        );
        for (let i = 0; i < 2 * queues; i++) {
          await assert.rejects(talk({ host: '10.9.0.77', port: NOWHERE }, ''), /ECONNREFUSED/);
        }
      });

      test('one stack to the control socket: stats are sums, an id finds its owner, rules count together', async () => {
        const before = await control<Stats>('stats');
        assert.ok((before.totals['segmentsReceived'] as number) >= IDLE);
        assert.ok(
          (before.tables['listeners'] as number) >= 10 && (before.tables['listeners'] as number) < 20,
        );
        const added = await control<{ number: number }[]>('fault', {
          verb: 'add',
          text: 'drop in where syn && dport==13 times 3',
        });
        const daytime = Array.from({ length: 6 }, () => stack.run('nc', ['-w', '8', STACK, '13']));
        await Promise.all(daytime);
        const [rule] = (
          await control<{ number: number; hits: number; left: number }[]>('fault', { verb: 'list' })
        ).filter(({ number }) => number === added[0]?.number);
        assert.deepEqual({ hits: rule?.hits, left: rule?.left }, { hits: 3, left: 0 });
        await control('config', { key: 'msl', value: '1200ms' });
        const [msl] = await control<{ value: string }[]>('config', { key: 'msl' });
        assert.equal(msl?.value, '1200ms');
      });

      test('who listens through the control socket gets the connections of all queues, one at a time', async () => {
        const socket = await openControl({ control: stack.ready.control });
        const given = { port: LISTENED, keep: true, interactive: true };
        const nc = Array.from({ length: 3 * queues }, (_, i) => `client ${i}\n`);
        let got = '';
        let clients: Promise<unknown> = Promise.resolve();
        const listening = (async () => {
          for await (const message of converse(socket, { command: 'listen', arguments: given })) {
            if ('data' in message) got += Buffer.from(message.data, 'base64').toString();
          }
        })().catch(() => {});
        await eventually(
          async () => (await ss()).some(({ local }) => local.endsWith(`:${LISTENED}`)),
          () => 'nobody listens',
        );
        clients = Promise.all(
          nc.map((text) => stack.run('nc', ['-N', '-w', '5', STACK, String(LISTENED)], text)),
        );
        await clients;
        await eventually(
          () => got.length === nc.join('').length,
          () => got,
        );
        assert.deepEqual(got.trimEnd().split('\n').sort(), nc.map((text) => text.trimEnd()).sort());
        socket.destroy();
        await listening;
      });

      test('a capture has one header, whole blocks, and packets of every queue', async () => {
        const socket = await openControl({ control: stack.ready.control });
        const parts: Buffer[] = [];
        const capturing = (async () => {
          for await (const message of converse(socket, { command: 'capture', arguments: {} })) {
            if ('data' in message) parts.push(Buffer.from(message.data, 'base64'));
          }
        })().catch(() => {});
        await eventually(
          () => parts.length > 0,
          () => 'no header',
        );
        const { code } = await stack.run('python3', [PEERS, 'churn', STACK, String(ECHO), '20']);
        assert.equal(code, 0);
        const kinds = (): Map<number, number> => blocksOf(Buffer.concat(parts));
        await eventually(
          () => (kinds().get(PACKET_BLOCK) ?? 0) >= 20 * 8,
          () => `${kinds().get(PACKET_BLOCK) ?? 0} packets`,
        );
        socket.destroy();
        await capturing;
        assert.equal(kinds().get(SECTION_BLOCK), 1);
      });

      test('who follows the log sees every queue, in the order of time, the past before the present', async () => {
        const socket = await openControl({ control: stack.ready.control });
        const events: Event[] = [];
        const following = (async () => {
          const given = { follow: true, level: 'extra', conn: null };
          for await (const message of converse(socket, { command: 'log', arguments: given })) {
            if ('event' in message) events.push(message.event as Event);
          }
        })().catch(() => {});
        await eventually(
          () => events.length > 0,
          () => 'nothing of the past',
        );
        const present = (events.at(-1) as Event).t;
        const { code } = await stack.run('python3', [PEERS, 'churn', STACK, String(ECHO), '40']);
        assert.equal(code, 0);
        const opened = (): Event[] => events.filter(({ ev, t }) => ev === 'conn:opened' && t > present);
        await eventually(
          () => opened().length >= 40,
          () => `${opened().length} opened`,
        );
        socket.destroy();
        await following;
        assert.equal(new Set(opened().map(({ conn }) => queueOf(conn as string))).size, queues);
        assert.equal(new Set(events.map(({ n }) => n)).size, events.length, 'nothing twice');
        assert.ok(events.every(({ t }, i) => i === 0 || t >= (events[i - 1] as Event).t));
      });

      test('no thread has kept a privilege', () => {
        for (const thread of readdirSync(`/proc/${stack.ready.pid}/task`)) {
          const status = readFileSync(`/proc/${stack.ready.pid}/task/${thread}/status`, 'utf8');
          assert.match(status, /^CapEff:\t0+$/m);
          assert.match(status, /^NoNewPrivs:\t1$/m);
        }
      });

      test('an id finds its owner: connections of every queue are aborted by name', async () => {
        // Nobody closes on this port.
        const left = await stack.run('python3', [PEERS, 'leave', STACK, LEAKY, '30']);
        assert.equal(left.code, 0, left.stderr);
        const held = (await ss()).filter(({ local }) => local === `${STACK}:${LEAKY}`);
        assert.equal(new Set(held.map(({ id }) => queueOf(id))).size, queues);
        for (const { id } of held) await control('abort', { id });
        const still = (await ss()).filter(({ id }) => held.some((one) => one.id === id));
        assert.deepEqual(still, []);
      });
    });
  }

  test('a kernel that takes no program from us: the workers sort', {
    skip: skipWithout('unshare', 'nc'),
  }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fourwave-unprivileged-'));
    chmodSync(folder, 0o777);
    try {
      const { stdout, stderr } = await new Program('unshare', [
        '-m',
        'sh',
        '-euc',
        UNPRIVILEGED,
        folder,
        MAIN,
      ]).end();
      assert.match(stdout.toString(), /"queues":2,"steering":"ring"/, stderr);
      assert.match(stdout.toString(), /^said 1\nsaid 2\nsaid 3\nsaid 4$/m, stderr);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

/** Root of a user namespace may open a TUN of its own, and may load no program. */
const UNPRIVILEGED = `
mknod $0/tun c 10 200
chmod 666 $0/tun
mount --bind $0/tun /dev/net/tun
export FOLDER=$0 MAIN=$1 HOME=$0
exec setpriv --reuid 65534 --regid 65534 --clear-groups unshare -Urn sh -euc '
  ip link set lo up
  ${process.execPath} $MAIN up --json --quiet --queues 2 --control $FOLDER/socket > $FOLDER/out &
  for i in $(seq 100); do grep -q ready $FOLDER/out && break; sleep 0.1; done
  cat $FOLDER/out
  for i in 1 2 3 4; do echo said $i | nc -N -w 5 10.9.0.2 7; done
  kill $!
  wait $! || true
'
`;
