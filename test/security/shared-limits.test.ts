import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ACK,
  ATTACKER,
  destinationOf,
  freshSeed,
  HashRandom,
  RST,
  SYN,
  segment,
  VICTIM,
} from '../support/wire.ts';
import {
  ATTACKER_ENDS,
  rightGuesses,
  SECOND,
  StackTarget,
  type Target,
  VICTIM_ENDS,
} from './support/side-channel.ts';

/** A limit that is the same in every second, and the same for all: what each of the attacks must find. */
class FixedLimit implements Target {
  private left = 1000;

  forge(hit: boolean): void {
    if (!hit) this.left--;
  }

  probe(): number {
    return this.left;
  }

  pass(): void {
    this.left = 1000;
  }
}

/** The resets that the attacker's probes of a closed port earn: he has as many addresses as probes are sent from. */
class ResetTarget extends StackTarget {
  protected probes: Uint8Array[] = [];

  constructor(seed: string, addresses: readonly number[], probes: number) {
    super(seed);
    this.probes = Array.from({ length: probes }, (_, i) => probeFrom(addresses[i % addresses.length] ?? 0));
  }

  forge(hit: boolean): void {
    const sourcePort = hit ? VICTIM_ENDS.sourcePort : 1024 + (this.wire.clock.now % 30_000);
    this.wire.send({ ...VICTIM_ENDS, sourcePort, flags: ACK, seq: 1, ack: 1 });
  }

  override probe(): number {
    return this.answersTo(this.probes).length;
  }

  /** Those of the attacker's own addresses that get nothing when the victim has got a lot. */
  neighbours(candidates: readonly number[]): number[] {
    const silent: number[] = [];
    for (let at = 0; at < candidates.length; at += 100) {
      const some = candidates.slice(at, at + 100);
      this.pass(5 * SECOND);
      for (let i = 0; i < 300; i++) this.forge(false);
      const answered = new Set(this.answersTo(some.map(probeFrom)).map(destinationOf));
      silent.push(...some.filter((address) => !answered.has(address)));
    }
    return silent;
  }

  private answersTo(probes: readonly Uint8Array[]): Uint8Array[] {
    this.wire.take();
    for (const packet of probes) this.wire.device.inject(packet);
    return this.wire.take().filter((packet) => destinationOf(packet) !== VICTIM);
  }
}

function probeFrom(source: number): Uint8Array {
  return segment({ source, sourcePort: 50_000, destinationPort: 9, flags: SYN, seq: 1 });
}

function ownAddresses(count: number): number[] {
  return Array.from({ length: count }, (_, i) => 0x0a200000 + i);
}

/** Whether the SYN queue is full: the last SYN that fits is answered with a cookie, which is not sent again. */
class SynQueueTarget extends StackTarget {
  private readonly syns = Array.from({ length: 1024 }, (_, i) =>
    segment({ ...ATTACKER_ENDS, sourcePort: 1024 + i, flags: SYN, seq: 1 }),
  );
  private readonly resets = Array.from({ length: 1024 }, (_, i) =>
    segment({ ...ATTACKER_ENDS, sourcePort: 1024 + i, flags: RST, seq: 2 }),
  );
  private forgedPort = 0;

  forge(hit: boolean): void {
    if (this.forgedPort === 0) for (let i = 0; i < 1023; i++) this.inject(this.syns[i]);
    this.forgedPort = hit ? VICTIM_ENDS.sourcePort : 41_000;
    this.wire.send({ ...VICTIM_ENDS, sourcePort: this.forgedPort, flags: SYN, seq: 1 });
  }

  override probe(): number {
    this.inject(this.syns[1023]);
    this.wire.take();
    this.wire.pass(1.1 * SECOND);
    const sentAgain = this.wire.take().filter((packet) => destinationOf(packet) === ATTACKER).length;
    for (const packet of this.resets) this.inject(packet);
    // The victim knows nothing of a SYN,ACK for the wrong guess.
    this.wire.send({ ...VICTIM_ENDS, sourcePort: 41_000, flags: RST, seq: 2 });
    this.forgedPort = 0;
    return sentAgain;
  }

  private inject(packet: Uint8Array | undefined): void {
    if (packet !== undefined) this.wire.device.inject(packet);
  }
}

test('a limit that is fixed tells every guess', (t) => {
  assert.equal(rightGuesses(new FixedLimit(), new HashRandom(freshSeed(t)), 100, 1), 1);
});

for (const forged of [1, 20]) {
  test(`D05: by the resets that he earns himself, with twenty addresses, an attacker does not learn whether a four-tuple is in use: ${forged} forged segments for each guess`, (t) => {
    const seed = freshSeed(t);
    const target = new ResetTarget(seed, ownAddresses(20), 1600);
    const right = rightGuesses(target, new HashRandom(`${seed}/coin`), 100, forged);
    t.diagnostic(`${Math.round(100 * right)} % right`);
    assert.ok(right < 0.8, `${right} of the guesses right`);
  });
}

test('D05: with the victim’s whole share of a second spent on one guess an attacker is right a little more often than a coin', (t) => {
  const seed = freshSeed(t);
  const target = new ResetTarget(seed, ownAddresses(20), 1600);
  const right = rightGuesses(target, new HashRandom(`${seed}/coin`), 150, 250);
  t.diagnostic(`${Math.round(100 * right)} % right`);
  assert.ok(right < 0.85, `${right} of the guesses right`);
});

test('D05: nor with a thousand addresses, some of which share the victim’s own limit', (t) => {
  const seed = freshSeed(t);
  const scout = new ResetTarget(seed, [], 0);
  const neighbours = scout.neighbours(ownAddresses(1024));
  t.diagnostic(`${neighbours.length} addresses of 1024 got nothing when the victim got a lot`);
  if (neighbours.length === 0) return;
  const target = new ResetTarget(seed, neighbours.slice(0, 1), 300);
  const right = rightGuesses(target, new HashRandom(`${seed}/coin`), 100, 1);
  t.diagnostic(`${Math.round(100 * right)} % right`);
  assert.ok(right < 0.8, `${right} of the guesses right`);
});

test('D05: by the cookies that he gets himself he does not learn whether a four-tuple is in use', (t) => {
  const seed = freshSeed(t);
  const right = rightGuesses(new SynQueueTarget(seed), new HashRandom(`${seed}/coin`), 100, 1);
  t.diagnostic(`${Math.round(100 * right)} % right`);
  assert.ok(right < 0.8, `${right} of the guesses right`);
});
