/** Connections at rest: what they consist of is written down, and they come back as they were. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  createStack,
  memoryLink,
  type NodeStack,
  type VirtualClock,
  virtualClock,
} from '../../../src/index.ts';

import { Ledger } from '../../../src/tcp/compact/ledger.ts';
import { EVENT_READABLE, type Listener, type Tcb } from '../../../src/tcp/index.ts';
import { Parts } from '../../../src/tcp/parts.ts';
import { Rack } from '../../../src/tcp/recovery/recovery.ts';
import { parseAddress } from '../../../src/wire/address.ts';

const QUIET_SECOND = 1_000_000;

class Pair {
  readonly clock: VirtualClock = virtualClock();
  readonly server: NodeStack;
  readonly client: NodeStack;
  readonly accepted: Tcb[] = [];
  readonly opened: Tcb[] = [];
  answered = 0;

  private constructor(clock: VirtualClock, server: NodeStack, client: NodeStack) {
    this.clock = clock;
    this.server = server;
    this.client = client;
  }

  static async start(config: Record<string, string | boolean> = {}): Promise<Pair> {
    const clock = virtualClock();
    const [near, far] = memoryLink();
    const server = await createStack({ clock, device: near, address: '10.9.0.2', config });
    const client = await createStack({ clock, device: far, address: '10.9.0.1' });
    const pair = new Pair(clock, server, client);
    pair.listen();
    return pair;
  }

  private listen(): void {
    const { tcp } = this.server;
    const bytes = new Uint8Array(100);
    const owner = {
      connectionsWaiting: (listener: Listener): void => {
        for (let tcb = tcp.accept(listener, owner); tcb !== null; tcb = tcp.accept(listener, owner))
          this.accepted.push(tcb);
      },
      connectionEvents: (tcb: Tcb, events: number): void => {
        if ((events & EVENT_READABLE) !== 0) tcp.send(tcb, bytes, 0, tcp.receiveInto(tcb, bytes, 0, 100));
      },
    };
    tcp.listen({ address: 0, port: 7, backlog: 10_000 }, owner);
  }

  open(count: number): void {
    const user = {
      connectionEvents: (_: Tcb, events: number): void => {
        if ((events & EVENT_READABLE) !== 0) this.answered++;
      },
    };
    const peerAddress = parseAddress('10.9.0.2') as number;
    for (let i = 0; i < count; i++) {
      const options = { localAddress: 0, localPort: 0, peerAddress, peerPort: 7 };
      this.opened.push(this.client.tcp.connect(options, user));
    }
    this.clock.advanceBy(QUIET_SECOND);
  }

  get resting(): number {
    return this.server.tcp.context.resting.count;
  }

  /** The server has a turn now and then: a connection comes and goes. */
  let(us: number): void {
    const end = this.clock.now + us;
    while (this.clock.now < end) {
      this.clock.advanceBy(10_000);
      this.server.runTurn();
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.client.close(), this.server.close()]);
  }
}

/** Own fields that hold plain values, of a part and of what it holds. */
function fieldsOf(
  part: object,
  path: string,
): { holder: Record<string, unknown>; name: string; path: string }[] {
  return Object.entries(part).flatMap(([name, value]) => {
    if (name === 'memory' || name === 'context' || name === 'clock') return [];
    if (value !== null && typeof value === 'object' && !ArrayBuffer.isView(value))
      return /^(Rack|ProportionalRate|HyStart)$/.test(value.constructor.name)
        ? fieldsOf(value, `${path}.${name}`)
        : [];
    if (!['number', 'boolean', 'string'].includes(typeof value)) return [];
    return [{ holder: part as Record<string, unknown>, name, path: `${path}.${name}` }];
  });
}

function other(value: unknown): unknown {
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'string') return 'disorder';
  return Number.isInteger(value) ? Number(value) + 7 : 12_345.75;
}

/** What makes no difference while nothing is lost or in flight; what says which kind something is. */
const NO_STATE = new Set([
  'congestion.name',
  'congestion.hystart.kind',
  'inFlight.head',
  'inFlight.resendHint',
  'inFlight.settled',
  'inFlight.total',
  'inFlight.sacked',
  'inFlight.lost',
  'inFlight.resent',
]);

describe('a connection at rest', () => {
  test('every field of every part comes back, or keeps the connection awake', async () => {
    const { server, ...pair } = await Pair.start();
    const { context } = server.tcp;
    let fields = 0;
    const fresh = (): Parts => {
      const parts = new Parts(context, context.config);
      parts.recovery.rack = new Rack();
      return parts;
    };
    const paths = Object.entries(fresh()).flatMap(([name, part]) =>
      part === context ? [] : fieldsOf(part as object, name).map(({ path }) => path),
    );
    for (const path of paths) {
      if (NO_STATE.has(path)) continue;
      const [changed, back] = [fresh(), fresh()];
      const find = (parts: Parts): { holder: Record<string, unknown>; name: string } => {
        const [name = '', ...rest] = path.split('.');
        const part = (parts as unknown as Record<string, object>)[name] as object;
        return fieldsOf(part, name).find((one) => one.path === [name, ...rest].join('.')) as never;
      };
      const { holder, name } = find(changed);
      holder[name] = other(holder[name]);
      if (!changed.mayRest(context.config)) continue;
      const ledger = new Ledger();
      ledger.beginWriting();
      changed.exchange(ledger);
      ledger.beginReading();
      back.exchange(ledger);
      const found = find(back);
      assert.equal(found.holder[found.name], holder[name], path);
      fields++;
    }
    assert.ok(fields > 90, `${fields} fields`);
    await Promise.all([pair.client.close(), server.close()]);
  });

  test('few connections stay awake; of many all but a few rest, take a third of the memory, and answer as before', async () => {
    const pair = await Pair.start();
    pair.open(200);
    pair.let(QUIET_SECOND);
    assert.equal(pair.resting, 0);
    pair.open(1800);
    pair.let(2 * QUIET_SECOND);
    assert.equal(pair.accepted.length, 2000);
    assert.ok(pair.resting >= 1700, `${pair.resting} of 2000`);
    const { resting } = pair.server.tcp.context;
    const each = resting.bytes / resting.count;
    assert.ok(each < 500, `${each} bytes each`);
    for (const tcb of pair.opened) pair.client.tcp.send(tcb, Uint8Array.of(1, 2, 3), 0, 3);
    pair.clock.advanceBy(QUIET_SECOND);
    assert.equal(pair.answered, 2000);
    assert.ok(pair.accepted.every(({ tally }) => tally.bytesReceived === 3));
    await pair.close();
  });

  test('who looks at one finds it unchanged; ss leaves it at rest', async () => {
    const pair = await Pair.start();
    pair.open(1000);
    const before = JSON.stringify(pair.server.connections());
    pair.let(QUIET_SECOND);
    const at = pair.resting;
    assert.ok(at > 700);
    assert.equal(pair.server.connections().length, JSON.parse(before).length);
    assert.ok(pair.resting >= at, 'ss has woken some');
    const steady = (text: string): string =>
      text.replaceAll(/"(last\w+|\w*[aA]ge\w*|expiresIn\w*)":[\d.]+/g, '');
    assert.equal(steady(JSON.stringify(pair.server.connections())), steady(before));
    const sleeper = pair.accepted.find(({ parts }) => parts === null) as Tcb;
    assert.equal(sleeper.writable, sleeper.limits.send);
    assert.notEqual(sleeper.parts, null);
    await pair.close();
  });

  test('its keep-alive timer goes on; without one it has no row among the timers', async () => {
    const without = await Pair.start();
    without.open(1000);
    without.let(QUIET_SECOND);
    assert.ok(without.server.tcp.stats.timers < 300);
    await without.close();

    const pair = await Pair.start({ keepalive: 'on', 'keepalive.idle': '5s' });
    pair.open(1000);
    pair.let(QUIET_SECOND);
    assert.ok(pair.resting > 700);
    assert.equal(pair.server.tcp.stats.timers, 1000);
    const sent = pair.server.counters.segmentsSent;
    pair.let(6 * QUIET_SECOND);
    assert.ok(pair.server.counters.segmentsSent - sent >= 1000, 'each was probed');
    await pair.close();
  });

  test('it can be closed, reset and evicted', async () => {
    const pair = await Pair.start();
    pair.open(1000);
    pair.let(QUIET_SECOND);
    const [first, second] = pair.accepted.filter(({ parts }) => parts === null) as [Tcb, Tcb];
    pair.server.tcp.close(first);
    pair.server.tcp.abort(second);
    pair.clock.advanceBy(QUIET_SECOND);
    assert.equal(first.state, 'FIN-WAIT-2');
    assert.equal(second.state, 'CLOSED');
    assert.equal(pair.server.tcp.stats.connections, 999);
    await pair.server.close();
    pair.clock.advanceBy(QUIET_SECOND);
    assert.equal(pair.resting, 0);
    assert.equal(pair.server.tcp.stats.flows, 0);
    assert.equal(pair.opened.filter(({ state }) => state === 'CLOSED').length, 1000, 'each peer was told');
    await pair.client.close();
  });

  test('with another congestion control than those before, it keeps it', async () => {
    const pair = await Pair.start();
    pair.open(600);
    pair.let(QUIET_SECOND);
    pair.client.configure({ congestion: 'reno' });
    pair.open(600);
    for (let turns = 0; turns < 100; turns++) {
      pair.clock.advanceBy(10_000);
      pair.client.runTurn();
    }
    assert.ok(pair.opened.filter(({ parts }) => parts === null).length > 900);
    const windows = pair.opened.map(({ congestion: { name, cwnd } }) => `${name} ${cwnd}`);
    assert.deepEqual([...new Set(windows)], ['cubic 14480', 'reno 14480']);
    assert.ok(windows.slice(0, 600).every((one) => one.startsWith('cubic')));
    await pair.close();
  });

  test('where many are woken, all are left awake for longer', async () => {
    const pair = await Pair.start();
    pair.open(1000);
    pair.let(QUIET_SECOND);
    assert.ok(pair.resting > 700);
    for (const { snd } of pair.accepted) assert.ok(snd.mss > 0);
    pair.let(QUIET_SECOND);
    assert.equal(pair.resting, 0);
    pair.let(600 * QUIET_SECOND);
    assert.ok(pair.resting > 700, 'and it is forgotten');
    await pair.close();
  });
});
