/** `up --queues N`: several stacks, one for each queue, that are one stack to everybody. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ask, converse, openControl } from '../../../src/cli/control/client.ts';
import { encode } from '../../../src/cli/control/protocol.ts';
import type { Stats } from '../../../src/cli/render/stats.ts';
import type { ConnectionRecord } from '../../../src/stack/connection-record.ts';
import { eventually, type Program, RunningStack, STACK, skipWithout } from '../../support/running-stack.ts';

const PEERS = fileURLToPath(new URL('peers.py', import.meta.url));
const KERNEL = '10.9.0.1';
const ECHO = 7;
const SERVER = 9990;
const NOWHERE = 9991;
const LEAKY = '2002';
/** Connections whose text comes in fragments. */
const FRAGMENTED = 12;
const IDLE = 24;
/** s */
const IDLENESS = 7;

/** How packets find their queue, by what `up` is told. */
const MODES = [
  { name: 'the kernel steers', queues: 2, steering: 'bpf', args: [] },
  { name: 'the workers sort', queues: 3, steering: 'ring', args: ['--steering', 'ring', '--offload', 'off'] },
];

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
  const events = lines.map((line) => JSON.parse(line) as Event);
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
        await stack.startUp('--queues', String(queues), '--log', log, '--set', 'msl=1s', ...args);
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
          '12',
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

      test('an id finds its owner: connections of every queue are aborted by name', async () => {
        // Nobody reads on this port, and nobody closes.
        await Promise.all(
          Array.from({ length: 4 * queues }, () => stack.run('nc', ['-N', '-w', '1', STACK, LEAKY])),
        );
        const held = (await ss()).filter(({ local }) => local === `${STACK}:${LEAKY}`);
        assert.equal(new Set(held.map(({ id }) => queueOf(id))).size, queues);
        for (const { id } of held) await control('abort', { id });
        const left = (await ss()).filter(({ id }) => held.some((one) => one.id === id));
        assert.deepEqual(left, []);
      });
    });
  }
});
