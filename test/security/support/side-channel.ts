/**
 * An attacker who cannot see the packets between a victim and the stack, can forge the victim's
 * address, and has an address of his own: what his own packets tell him about the others'.
 */

import { ATTACKER, destinationOf, HashRandom, RST, VICTIM, Wire } from '../../support/wire.ts';
import { open } from '../../support/wire-connection.ts';

export const SECOND = 1_000_000;
export const VICTIM_ENDS = { source: VICTIM, sourcePort: 40_000, destinationPort: 7 };
export const ATTACKER_ENDS = { source: ATTACKER, sourcePort: 50_000, destinationPort: 7 };

/** What an attack is run against: a forged packet that hits or not, and probes that the attacker sees the answers to. */
export interface Target {
  forge(hit: boolean): void;
  /** How many of the attacker's own probes are answered. */
  probe(): number;
  pass(us: number): void;
}

/** Cao and others, CVE-2016-5696: fill the second with forged packets, and count what is left of the limit. */
export function attack(target: Target, hit: boolean, forged: number): number {
  target.pass(5 * SECOND);
  for (let i = 0; i < forged; i++) target.forge(hit);
  return target.probe();
}

/** How much of an attacker's guesses he gets right, when a coin decides whether each hits; 0.5 is nothing. */
export function rightGuesses(target: Target, coin: HashRandom, trials: number, forged: number): number {
  // He learns first what he sees when he hits, and when not.
  const seen = [false, true].map((hit) => {
    let sum = 0;
    for (let i = 0; i < 20; i++) sum += attack(target, hit, forged);
    return sum / 20;
  }) as [number, number];
  const threshold = (seen[0] + seen[1]) / 2;
  let right = 0;
  for (let i = 0; i < trials; i++) {
    const hit = (coin.nextUint32() & 1) === 1;
    const guess = attack(target, hit, forged) > threshold === seen[1] > seen[0];
    if (guess === hit) right++;
  }
  return right / trials;
}

/** A stack with the victim's connection and the attacker's own one. */
export abstract class StackTarget implements Target {
  protected readonly wire: Wire;
  protected readonly victim: { seq: number; ack: number };
  private readonly own: { seq: number; ack: number };

  constructor(seed: string) {
    this.wire = new Wire({ random: new HashRandom(seed), config: { 'buffer.receive': '64K' } });
    this.wire.listen(7);
    this.victim = open(this.wire, VICTIM_ENDS);
    this.own = open(this.wire, ATTACKER_ENDS);
  }

  abstract forge(hit: boolean): void;

  /** Resets in the attacker's own window, each of which earns a challenge ACK within the limit. */
  probe(): number {
    this.wire.take();
    for (let i = 0; i < 200; i++) {
      this.wire.send({ ...ATTACKER_ENDS, flags: RST, seq: (this.own.seq + 1 + i) | 0 });
    }
    return this.wire.take().filter((packet) => destinationOf(packet) === ATTACKER).length;
  }

  pass(us: number): void {
    this.wire.pass(us);
  }
}
