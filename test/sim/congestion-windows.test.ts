/**
 * cwnd, round trip by round trip, of a whole connection in virtual time, beside sequences that were
 * worked out by hand from the RFCs. In segments; the path adds nothing to the round trip of 100 ms.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OFFLOADS } from '../../src/device/memory-link.ts';
import type { Impairments } from '../../src/sim/impairments.ts';
import type { ConfigValue } from '../../src/stack/config.ts';
import { Rounds, RTT, SECOND } from './support/rounds.ts';

/** Windows of 10, 20 and 40 are behind it: the first of the eighty of round 4. */
const FIRST_OF_ROUND_4 = 71;

/** Loses everything that is sent for two rounds from the end of round 4 on. */
function blackout(rounds: Rounds): void {
  const { a } = rounds.bulk.link;
  a.impair({ delay: RTT / 2, loss: 1 });
  rounds.runTo(6 * RTT);
  a.impair({ delay: RTT / 2 });
}

function near(actual: readonly number[], expected: readonly number[], within: number): void {
  assert.equal(actual.length, expected.length);
  actual.forEach((window, i) => {
    const off = Math.abs(window - (expected[i] as number));
    assert.ok(
      off <= within,
      `${i}: ${actual.join(' ')}, expected ${expected.map((x) => x.toFixed(2)).join(' ')}`,
    );
  });
}

/** W_cubic(t) = C (t - K)^3 + W_max, RFC 9438 §4.2, after a loss at `wMax`; t in seconds. */
function cubicWindow(t: number, wMax: number): number {
  const k = Math.cbrt((wMax - 0.7 * wMax) / 0.4);
  return 0.4 * (t - k) ** 3 + wMax;
}

/** W_est, §4.3: α is 0.529 segments a round from `from` on, and one as soon as `prior` is reached. */
function friendlyWindow(rounds: number, from: number, prior: number): number {
  let window = from;
  for (let i = 0; i < rounds; i++) window += window >= prior ? 1 : 0.9 / 1.7;
  return window;
}

for (const offload of OFFLOADS) {
  const over = offload === 'off' ? '' : `, offload ${offload}`;
  const opened = (config: Readonly<Record<string, ConfigValue>>, impairments?: Impairments): Rounds =>
    new Rounds(config, impairments, offload);

  describe(`Reno by RFC 5681${over}`, () => {
    test('slow start doubles: 10, 20, 40, 80; a loss at 80 halves: 40; then one more each round', () => {
      const rounds = opened({ congestion: 'reno' });
      rounds.drop(FIRST_OF_ROUND_4);
      assert.deepEqual(rounds.cwndInRounds(1, 4), [10, 20, 40, 80]);
      rounds.cwndInRounds(5, 5);
      assert.deepEqual(rounds.cwndInRounds(6, 15), [41, 42, 43, 44, 45, 46, 47, 48, 49, 50]);
      assert.equal(rounds.ssthresh, 40);
      assert.equal(rounds.sender.tally.retransmissions, 1);
    });

    test('the initial window of RFC 5681 §3.1 for an SMSS of 1448 is three segments', () => {
      const rounds = opened({ congestion: 'reno', iw: 'rfc5681' });
      assert.deepEqual(rounds.cwndInRounds(1, 5), [3, 6, 12, 24, 48]);
    });

    test('three losses in one window halve once', () => {
      const rounds = opened({ congestion: 'reno' });
      rounds.drop(FIRST_OF_ROUND_4, FIRST_OF_ROUND_4 + 20, FIRST_OF_ROUND_4 + 40);
      rounds.runTo(6.5 * RTT);
      assert.equal(rounds.ssthresh, 40);
      assert.deepEqual(rounds.cwndInRounds(7, 9), [42, 43, 44]);
      assert.equal(rounds.sender.tally.retransmissions, 3);
    });

    test('without SACK (RFC 6582) the same window takes a round for each of its losses, and halves once', () => {
      const rounds = opened({ congestion: 'reno', sack: false });
      rounds.drop(FIRST_OF_ROUND_4, FIRST_OF_ROUND_4 + 20);
      rounds.runTo(8.5 * RTT);
      assert.equal(rounds.ssthresh, 40);
      assert.equal(rounds.sender.tally.retransmissions, 2);
      assert.equal(rounds.timeouts, 0);
      // Nothing is in flight then: cwnd = min(ssthresh, max(FlightSize, SMSS) + SMSS), §3.2 step 3 (1).
      assert.deepEqual(rounds.cwndInRounds(9, 14), [8, 16, 32, 40, 41, 42]);
    });

    test('a timeout: one segment, doubling up to half of what was in flight, 80, then one more each round', () => {
      // F-RTO would send new data in the second round to find out.
      const rounds = opened({ congestion: 'reno', frto: false });
      rounds.cwndInRounds(1, 4);
      blackout(rounds);
      // Round 5 has doubled once more; RTO = SRTT + 200 ms after what was sent at its beginning.
      assert.deepEqual(rounds.cwndInRounds(8, 18), [1, 2, 4, 8, 16, 32, 64, 80, 81, 82, 83]);
      assert.equal(rounds.ssthresh, 80);
      assert.equal(rounds.timeouts, 1);
    });
  });

  describe(`CUBIC by RFC 9438${over}`, () => {
    test('a loss at 80 leaves 56; K is 3.91 s, cwnd follows W_cubic(t + RTT) up to 80, then W_est', () => {
      const rounds = opened({ congestion: 'cubic' });
      rounds.drop(FIRST_OF_ROUND_4);
      assert.deepEqual(rounds.cwndInRounds(1, 5), [10, 20, 40, 80, 56]);
      assert.equal(rounds.ssthresh, 56);
      // The epoch begins with the first ACK of round 6; W_est is larger in that round alone.
      near(rounds.cwndInRounds(6, 6), [56 + 0.9 / 1.7], 0.05);
      const expected = Array.from({ length: 60 }, (_, i) => {
        const friendly = friendlyWindow(i + 2, 56, 80);
        return Math.max(friendly, cubicWindow((i + 2) / 10, 80));
      });
      near(rounds.cwndInRounds(7, 66), expected, 0.3);
      assert.equal(rounds.ssthresh, 56);
    });

    test('a timeout with 160 in flight: slow start up to 112, then 0.529 a round while the curve is still flat', () => {
      const rounds = opened({ congestion: 'cubic', frto: false });
      rounds.cwndInRounds(1, 4);
      blackout(rounds);
      assert.deepEqual(rounds.cwndInRounds(8, 15), [1, 2, 4, 8, 16, 32, 64, 112]);
      near(
        rounds.cwndInRounds(16, 20),
        [1, 2, 3, 4, 5].map((round) => 112 + (round * 0.9) / 1.7),
        0.05,
      );
      assert.equal(rounds.ssthresh, 112);
      assert.equal(rounds.timeouts, 1);
    });
  });

  describe(`a delay spike, RFC 5682 and RFC 4015: the timeout was spurious${over}`, () => {
    /** The late ACKs come one after the other: to send new data in between is a part of F-RTO. */
    const rate = 100e6;
    for (const congestion of ['reno', 'cubic'] as const) {
      for (const [how, config] of [
        ['timestamps (Eifel)', {}],
        ['F-RTO alone', { timestamps: false, sack: false }],
        ['timestamps without SACK', { sack: false }],
      ] as const) {
        test(`${congestion}, by ${how}: within a round trip of the first late ACK cwnd is what it was`, () => {
          const rounds = opened({ congestion, ...config }, { rate });
          rounds.drop(FIRST_OF_ROUND_4);
          rounds.cwndInRounds(1, 20);
          const before = rounds.cwnd;
          const { ssthresh } = rounds;
          const { world, link } = rounds.bulk;
          link.a.impair({ rate, delay: RTT / 2 + 4 * RTT });
          rounds.runTo(world.clock.now + RTT);
          link.a.impair({ rate, delay: RTT / 2 });
          assert.ok(
            world.runUntil(() => rounds.timeouts === 1, SECOND),
            'it has timed out',
          );
          assert.ok(rounds.cwnd < 1.1);
          const { una } = rounds.sender.snd;
          assert.ok(
            world.runUntil(() => rounds.sender.snd.una !== una, SECOND),
            'the late ACKs come',
          );
          world.run(RTT);
          assert.ok(rounds.cwnd >= before, `cwnd ${rounds.cwnd}, before ${before}`);
          assert.equal(rounds.ssthresh, ssthresh);
          world.run(10 * RTT);
          assert.ok(rounds.cwnd >= before, 'and it stays so');
          assert.equal(rounds.timeouts, 1);
        });
      }

      test(`${congestion}: a timeout that was right is not undone`, () => {
        const rounds = opened({ congestion });
        rounds.drop(FIRST_OF_ROUND_4);
        rounds.cwndInRounds(1, 20);
        const before = rounds.cwnd;
        const { world, link } = rounds.bulk;
        link.a.impair({ delay: RTT / 2, loss: 1 });
        rounds.runTo(world.clock.now + 2 * RTT);
        link.a.impair({ delay: RTT / 2 });
        assert.ok(world.runUntil(() => rounds.timeouts === 1, SECOND));
        world.run(2.5 * RTT);
        assert.ok(rounds.cwnd < before / 2 && rounds.ssthresh < before);
      });
    }
  });
}
