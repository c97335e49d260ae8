import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACK, ATTACKER, freshSeed, HashRandom, icmp, idOf, PSH, SYN, seqOf, Wire } from '../support/wire.ts';
import { isBiased, packBits, weaknesses } from './support/statistics.ts';

const SAMPLES = 100_000;
const VICTIMS = 50_000;
const ECHO = 0x0800;
/** Sets of counters in the stack: a stranger shares the victim's with this chance. */
const BUCKETS = 1024;

/** An echo request above the MTU: its reply is fragmented, the only thing that needs an identification. */
const LARGE = new Uint8Array(1500);

function identificationToward(wire: Wire, source: number): number {
  wire.take();
  wire.device.inject(icmp(source, ECHO, 1, LARGE));
  const [first] = wire.take();
  assert.ok(first !== undefined, 'the echo was answered');
  return idOf(first);
}

/**
 * How many of `VICTIMS` an attacker could tell traffic from: his own identification moves
 * by more than one when something was sent to the victim in between.
 */
function victimsCounted(toAttacker: (turn: number) => number, toVictim: (victim: number) => void): number {
  let seen = 0;
  for (let i = 0; i < VICTIMS; i++) {
    const before = toAttacker(i);
    toVictim(i);
    if (((toAttacker(i) - before) & 0xffff) !== 1) seen++;
  }
  return seen;
}

test('ID-01, RFC 6864 §4.1: every segment has DF and identification 0, over 100,000 segments of all kinds', (t) => {
  const wire = new Wire({ random: new HashRandom(freshSeed(t)) });
  wire.listen(7);
  let seen = 0;
  const look = (packets: Uint8Array[]): void => {
    for (const packet of packets) {
      assert.equal(idOf(packet), 0);
      assert.equal(((packet[6] as number) << 8) | (packet[7] as number), 0x4000, 'DF alone');
      seen++;
    }
  };
  for (let i = 0; seen < SAMPLES; i++) {
    const from = { source: 0x0a100000 + i, sourcePort: 4000, destinationPort: 7 };
    const [answer] = wire.ask({ ...from, flags: SYN, seq: 1 });
    assert.ok(answer !== undefined);
    look([answer]);
    const ack = (seqOf(answer) + 1) | 0;
    wire.take();
    wire.send({ ...from, flags: ACK, seq: 2, ack });
    const tcb = wire.accepted.pop();
    assert.ok(tcb !== undefined);
    wire.stack.tcp.send(tcb, LARGE, 0, 1400);
    wire.stack.settle();
    wire.send({ ...from, flags: ACK | PSH, seq: 2, ack, payload: LARGE.subarray(0, 100) });
    wire.send({ ...from, flags: SYN, seq: 9 });
    wire.send({ ...from, flags: SYN, seq: 9, destinationPort: 9 });
    wire.pass(300_000);
    wire.abort(tcb);
    look(wire.take());
  }
});

test('A16, RFC 6864 §4.3: the identifications toward 100,000 destinations start at unrelated points', (t) => {
  const wire = new Wire({ random: new HashRandom(freshSeed(t)) });
  const ids = Uint16Array.from({ length: SAMPLES }, (_, i) => {
    if (i % 20_000 === 0) wire.pass(121_000_000);
    return identificationToward(wire, 0x0a100000 + i);
  });
  assert.deepEqual(weaknesses(packBits(ids, 16)), []);
  const counter = Uint16Array.from({ length: SAMPLES }, (_, i) => 777 + i);
  assert.notDeepEqual(weaknesses(packBits(counter, 16)), [], 'one counter for all would be found');
});

test('A16: what is sent to others shows in an attacker’s own identifications for 1 victim in 1024 only', (t) => {
  const wire = new Wire({ random: new HashRandom(freshSeed(t)) });
  const seen = victimsCounted(
    (turn) => {
      // The identifications of one destination last for 32,768 datagrams in two minutes.
      if (turn % 10_000 === 0) wire.pass(121_000_000);
      return identificationToward(wire, ATTACKER);
    },
    (victim) => identificationToward(wire, 0x0a100000 + victim),
  );
  t.diagnostic(`${seen} of ${VICTIMS} victims share the attacker's counter`);
  assert.ok(!isBiased(seen, VICTIMS, 1 / BUCKETS), `${seen}`);
});

test('the same measurement finds everybody where one counter serves all', () => {
  let global = 0;
  const next = (): number => global++ & 0xffff;
  assert.equal(victimsCounted(next, next), VICTIMS);
});
