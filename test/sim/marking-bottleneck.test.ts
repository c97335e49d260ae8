/** A bottleneck that marks and does not drop: what ECN is for. EC-05, EC-06. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REASON, type ReasonName } from '../../src/base/reasons.ts';
import { Host } from '../../src/sim/host.ts';
import { Link } from '../../src/sim/link.ts';
import { World } from '../../src/sim/world.ts';
import type { ConfigValue } from '../../src/stack/config.ts';
import { EVENT_OPENED, EVENT_WRITABLE } from '../../src/tcp/events.ts';
import type { Tcb } from '../../src/tcp/tcb.ts';
import { parseAddress } from '../../src/wire/address.ts';

const SECOND = 1_000_000;
const PORT = 7000;
/** Bit/s. */
const RATE = 20e6;
/** Without any queue, µs. */
const RTT = 30_000;
/** Bandwidth-delay product, bytes. */
const BDP = (RATE / 8) * (RTT / SECOND);
const CHUNK = new Uint8Array(64 * 1024);

interface Transfer {
  /** Share of the rate that the receiver's application has read, headers not counted. */
  readonly goodput: number;
  readonly marked: number;
  readonly dropped: number;
  /** Of the sender. */
  readonly count: (reason: ReasonName) => number;
  /** Of the sender in the last quarter, µs. */
  readonly longestRtt: number;
}

/** A sender that always has more, through a bottleneck whose queue marks from half a BDP on and holds two. */
function transfer(config: Record<string, ConfigValue>, seconds: number): Transfer {
  const world = new World({ seed: 1 });
  const link = new Link(world, {
    impairmentsAtoB: { delay: RTT / 2, rate: RATE, queueBytes: 2 * BDP, markBytes: BDP / 2 },
    impairmentsBtoA: { delay: RTT / 2 },
  });
  const client = new Host(world, link.a, { name: 'client', address: '10.9.0.1/24', config });
  const server = new Host(world, link.b, { name: 'server', address: '10.9.0.2/24', config });
  let received = 0;
  const { tcp } = server.stack;
  const read = (tcb: Tcb): void => {
    received += tcb.readable;
    tcp.discard(tcb, tcb.readable);
  };
  tcp.listen(
    { address: 0, port: PORT, backlog: 1 },
    { connectionsWaiting: (listener) => tcp.accept(listener, { connectionEvents: read }) },
  );
  let sender: Tcb | null = null;
  world.at(0, () => {
    const { stack } = client;
    stack.refreshClock();
    const write = (tcb: Tcb, events: number): void => {
      if ((events & (EVENT_OPENED | EVENT_WRITABLE)) === 0) return;
      while (stack.tcp.send(tcb, CHUNK, 0, CHUNK.length) > 0);
    };
    const peerAddress = parseAddress('10.9.0.2') as number;
    sender = stack.tcp.connect(
      { localAddress: 0, localPort: 0, peerAddress, peerPort: PORT },
      { connectionEvents: write },
    );
  });
  let longestRtt = 0;
  world.run((seconds * SECOND * 3) / 4);
  for (let i = 0; i < 100; i++) {
    world.run((seconds * SECOND) / 400);
    longestRtt = Math.max(longestRtt, (sender as Tcb | null)?.rtt.srtt ?? 0);
  }
  return {
    goodput: (received * 8) / (RATE * seconds),
    marked: link.a.counts.marked,
    dropped: link.a.counts.queueDropped,
    count: (reason) => client.stack.counters.byReason[REASON[reason]] as number,
    longestRtt,
  };
}

for (const congestion of ['cubic', 'reno']) {
  test(`EC-06: ${congestion}: a bottleneck that marks: nothing is lost or sent again, the link is busy, and its queue short`, () => {
    const marks = transfer({ ecn: 'on', congestion }, 10);
    assert.equal(marks.dropped, 0);
    assert.equal(marks.count('TCP_RETRANSMIT'), 0);
    assert.ok(marks.marked > 0);
    assert.ok(marks.count('TCP_ECN_REDUCTION') >= 3);
    assert.ok(marks.goodput > 0.85, `${marks.goodput} of the rate`);

    const drops = transfer({ ecn: 'off', congestion }, 10);
    assert.deepEqual([drops.marked, drops.count('TCP_ECN_REDUCTION')], [0, 0]);
    assert.ok(drops.dropped > 0 && drops.count('TCP_RETRANSMIT') > 0, 'the same queue overflows without ECN');
    assert.ok(
      marks.longestRtt < 0.7 * drops.longestRtt,
      `${marks.longestRtt} µs, ${drops.longestRtt} without`,
    );
  });
}
