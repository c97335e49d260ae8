import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACK, FIN, freshSeed, HashRandom, PSH, RST, SYN } from '../support/wire.ts';
import { open } from '../support/wire-connection.ts';
import { attack, rightGuesses, StackTarget, type Target, VICTIM_ENDS } from './support/side-channel.ts';

/** Linux before 4.7: a hundred challenge ACKs a second for all connections together. */
class GlobalLimit implements Target {
  private left = 100;

  forge(hit: boolean): void {
    if (hit) this.answer();
  }

  probe(): number {
    let answers = 0;
    for (let i = 0; i < 200; i++) if (this.answer()) answers++;
    return answers;
  }

  pass(): void {
    this.left = 100;
  }

  private answer(): boolean {
    if (this.left === 0) return false;
    this.left--;
    return true;
  }
}

const ATTACKS: Record<string, new (seed: string) => Target> = {
  'the four-tuple, by SYN': class extends StackTarget {
    forge(hit: boolean): void {
      this.wire.send({ ...VICTIM_ENDS, sourcePort: hit ? 40_000 : 40_001, flags: SYN, seq: 1 });
    }
  },
  'the four-tuple, by ACK': class extends StackTarget {
    forge(hit: boolean): void {
      this.wire.send({ ...VICTIM_ENDS, sourcePort: hit ? 40_000 : 40_001, flags: ACK, seq: 1, ack: 1 });
    }
  },
  'whether there was a connection a moment ago, by ACK': class extends StackTarget {
    constructor(seed: string) {
      super(seed);
      // The peer closes and resets nothing: TIME-WAIT, which would be over after a minute.
      const { ends, tcb, seq, ack } = open(this.wire, { ...VICTIM_ENDS, sourcePort: 40_002 });
      this.wire.stack.tcp.shutdown(tcb);
      this.wire.stack.settle();
      this.wire.send({ ...ends, flags: FIN | ACK, seq, ack: (ack + 1) | 0 });
      assert.equal(this.wire.stack.tcp.stats.timeWait, 1);
    }

    forge(hit: boolean): void {
      assert.equal(this.wire.stack.tcp.stats.timeWait, 1);
      this.wire.send({ ...VICTIM_ENDS, sourcePort: hit ? 40_002 : 40_001, flags: ACK, seq: 1, ack: 1 });
    }

    override pass(): void {
      super.pass(1_100_000);
    }
  },
  'the sequence number, by reset': class extends StackTarget {
    forge(hit: boolean): void {
      this.wire.send({ ...VICTIM_ENDS, flags: RST, seq: (this.victim.seq + (hit ? 9 : 2 ** 31)) | 0 });
    }
  },
  'the ACK number, by data': class extends StackTarget {
    forge(hit: boolean): void {
      const ack = (this.victim.ack + (hit ? -(2 ** 30) : 2 ** 30)) | 0;
      const payload = new Uint8Array(1);
      this.wire.send({ ...VICTIM_ENDS, flags: ACK | PSH, seq: (this.victim.seq + 9) | 0, ack, payload });
    }
  },
};

test('CVE-2016-5696: the attack learns every guess from a limit that all connections share', (t) => {
  assert.equal(rightGuesses(new GlobalLimit(), new HashRandom(freshSeed(t)), 200, 50), 1);
});

for (const [name, Attack] of Object.entries(ATTACKS)) {
  test(`D05, CVE-2016-5696: by the challenge ACKs of his own connection an attacker learns nothing of ${name}`, (t) => {
    const seed = freshSeed(t);
    const target = new Attack(seed);
    const counts = new Set<number>();
    for (let i = 0; i < 20; i++) for (const hit of [true, false]) counts.add(attack(target, hit, 50));
    assert.deepEqual([...counts], [10], 'he sees the same whatever he forges');
  });
}
