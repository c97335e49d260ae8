import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ATTACKER,
  destinationOf,
  freshSeed,
  HashRandom,
  icmp,
  ipHeader,
  OURS,
  protocolOf,
  VICTIM,
  Wire,
} from '../support/wire.ts';
import { open } from '../support/wire-connection.ts';
import { rightGuesses, type Target } from './support/side-channel.ts';
import { isAboveChance } from './support/statistics.ts';

const UNREACHABLE = 0x0300;
const PROTOCOL_UNREACHABLE = UNREACHABLE | 2;
const PORT_UNREACHABLE = UNREACHABLE | 3;
const FRAGMENTATION_NEEDED = UNREACHABLE | 4;
const SEQUENCE_SPACE = 2 ** 32;
/** The first flight toward a peer that names no MSS: ten segments of 536 bytes. */
const IN_FLIGHT = 5360;

/** An ICMP error about a segment that we might have sent to the victim. */
function forgedError(
  ports: readonly [number, number],
  seq: number,
  typeAndCode: number,
  rest = 0,
): Uint8Array {
  const quote = new Uint8Array(28);
  const view = new DataView(quote.buffer);
  ipHeader(view, 6, OURS, VICTIM);
  view.setUint16(20, ports[0]);
  view.setUint16(22, ports[1]);
  view.setInt32(24, seq);
  view.setUint16(2, 1500);
  return icmp(ATTACKER, typeAndCode, rest, quote);
}

/** A connection with data in flight to the victim. */
function sending(seed: string): { wire: Wire; tcb: ReturnType<Wire['connect']> } {
  const wire = new Wire({ random: new HashRandom(seed) });
  wire.listen(7);
  const { tcb } = open(wire, { source: VICTIM, sourcePort: 40_000, destinationPort: 7 });
  wire.stack.tcp.send(tcb, new Uint8Array(20_000), 0, 20_000);
  wire.stack.settle();
  return { wire, tcb };
}

test('D09, RFC 5927 §4.1: 100,000 forged errors with guessed sequence numbers touch neither connection nor path MTU', (t) => {
  const seed = freshSeed(t);
  const { wire, tcb } = sending(seed);
  const guesses = new HashRandom(`${seed}/guesses`);
  const mss = tcb.snd.mss;
  for (let i = 0; i < 100_000; i++) {
    const seq = guesses.nextUint32();
    wire.device.inject(
      forgedError([7, 40_000], seq, i % 2 === 0 ? FRAGMENTATION_NEEDED : PORT_UNREACHABLE, 576),
    );
  }
  const believed = 100_000 - wire.counter('ICMP_QUOTE_OUTSIDE');
  const bytes = (tcb.snd.nxt - tcb.snd.una) | 0;
  assert.ok(!isAboveChance(believed, (100_000 * bytes) / SEQUENCE_SPACE), `${believed} of 100,000 believed`);
  assert.equal(tcb.state, 'ESTABLISHED');
  if (believed === 0) assert.equal(tcb.snd.mss, mss);
});

test('D09, RFC 5927 §7: a sweep in steps of what is in flight lowers the path MTU with one packet of 801,300, and not below 552', (t) => {
  const { wire, tcb } = sending(freshSeed(t));
  assert.equal((tcb.snd.nxt - tcb.snd.una) | 0, IN_FLIGHT);
  const packets = Math.ceil(SEQUENCE_SPACE / IN_FLIGHT);
  assert.equal(packets, 801_300);
  for (let i = 0; i < packets; i++) {
    const seq = (tcb.snd.una + 5 + i * IN_FLIGHT) | 0;
    wire.device.inject(forgedError([7, 40_000], seq, FRAGMENTATION_NEEDED, 68));
  }
  const hits = wire.counter('ICMP_PMTU') + wire.counter('PKT_TOO_BIG');
  assert.ok(hits >= 1 && hits <= 2, `${hits}`);
  assert.equal(tcb.pathMtu, 552);
  assert.equal(tcb.state, 'ESTABLISHED');
});

test('D09: an idle connection has nothing in flight, and believes no error at all', (t) => {
  const wire = new Wire({ random: new HashRandom(freshSeed(t)) });
  wire.listen(7);
  const { tcb } = open(wire, { source: VICTIM, sourcePort: 40_000, destinationPort: 7 });
  for (let offset = -2000; offset < 2000; offset++) {
    wire.device.inject(forgedError([7, 40_000], (tcb.snd.nxt + offset) | 0, FRAGMENTATION_NEEDED, 576));
  }
  assert.equal(wire.counter('ICMP_QUOTE_OUTSIDE'), 4000);
});

test('D09, RFC 5927 §5.2: hard errors end nothing but a SYN-SENT connection, and that with its own ISN only', (t) => {
  const seed = freshSeed(t);
  const { wire, tcb } = sending(seed);
  wire.device.inject(forgedError([7, 40_000], tcb.snd.una, PROTOCOL_UNREACHABLE));
  wire.device.inject(forgedError([7, 40_000], tcb.snd.una, PORT_UNREACHABLE));
  assert.equal(wire.counter('ICMP_SOFT_ERROR'), 2, 'even with the right sequence number');
  assert.equal(tcb.state, 'ESTABLISHED');
  const opening = wire.connect(VICTIM, 80, 33_000);
  const guesses = new HashRandom(`${seed}/guesses`);
  for (let i = 0; i < 100_000; i++) {
    wire.device.inject(forgedError([33_000, 80], guesses.nextUint32(), PORT_UNREACHABLE));
  }
  assert.equal(opening.state, 'SYN-SENT');
  wire.device.inject(forgedError([33_000, 80], opening.snd.iss, PORT_UNREACHABLE));
  assert.equal(opening.state, 'CLOSED');
});

/** A datagram of a protocol that nobody speaks: it earns an ICMP error. */
function unknownProtocol(source: number): Uint8Array {
  const packet = new Uint8Array(28);
  ipHeader(new DataView(packet.buffer), 253, source, OURS);
  return packet;
}

/** What an attacker with a hundred addresses sees of the budget of ICMP errors. */
class ErrorBudget implements Target {
  private readonly wire: Wire;
  private readonly probes = Array.from({ length: 100 }, (_, i) => unknownProtocol(0x0a200000 + i));

  constructor(seed: string) {
    this.wire = new Wire({ random: new HashRandom(seed) });
  }

  forge(hit: boolean): void {
    if (hit) this.wire.device.inject(unknownProtocol(VICTIM));
  }

  probe(): number {
    this.wire.take();
    for (const probe of this.probes) this.wire.device.inject(probe);
    const answers = this.wire.take();
    assert.ok(answers.every((packet) => protocolOf(packet) === 1 && destinationOf(packet) !== VICTIM));
    return answers.length;
  }

  pass(us: number): void {
    this.wire.pass(us);
  }
}

/** The same without random costs. */
class FixedBudget implements Target {
  private left = 50;

  forge(hit: boolean): void {
    if (hit) this.left--;
  }

  probe(): number {
    return this.left;
  }

  pass(): void {
    this.left = 50;
  }
}

test('CVE-2020-25705: whether another was sent an ICMP error is hard to tell from one’s own, and sure where the limit is fixed', (t) => {
  const seed = freshSeed(t);
  const right = rightGuesses(new ErrorBudget(seed), new HashRandom(`${seed}/coin`), 2000, 1);
  t.diagnostic(`${Math.round(100 * right)} % right, for one error`);
  assert.ok(right < 0.7, `${right}`);
  assert.equal(rightGuesses(new FixedBudget(), new HashRandom(`${seed}/coin`), 2000, 1), 1);
});
