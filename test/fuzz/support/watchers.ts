/** What may look on while a stack runs, and must never disturb it. */

import assert from 'node:assert/strict';
import type { Clock } from '../../../src/base/clock.ts';
import { replay } from '../../../src/stack/replay.ts';
import { RecordingTape } from '../../../src/stack/tape.ts';
import { eventLine } from '../../../src/trace/jsonl.ts';
import { TraceRecorder } from '../../../src/trace/recorder.ts';
import { eventText } from '../../../src/trace/text.ts';

/** An event log each of whose events is told to people and to programs. */
export function readLog(clock: Clock): TraceRecorder {
  const recorder = new TraceRecorder({ clock, events: 64, connections: 2, perConnection: 8 });
  recorder.onEvent = (n) => {
    const event = recorder.latest;
    assert.ok(event !== undefined && event.n === n, `event ${n} is the latest`);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what it looks for
    assert.doesNotMatch(eventText(event), /[\u0000-\u001f\u007f-\u009f]/, 'a control character');
    assert.equal((JSON.parse(eventLine(event)) as { n: number }).n, n);
    if (n % 50 === 0) recorder.eventsSince(n - 50, 20);
  };
  return recorder;
}

/** A tape that, played, sends the same packets. */
export class CheckedTape {
  readonly tape = new RecordingTape();
  private readonly sent: Uint8Array[] = [];

  take(packet: Uint8Array): void {
    this.sent.push(packet);
  }

  check(): void {
    const again: Uint8Array[] = [];
    replay(this.tape.recording, { onPacket: (packet) => again.push(packet) });
    assert.equal(again.length, this.sent.length, 'packets of the tape');
    again.forEach((packet, i) => {
      assert.equal(Buffer.compare(packet, this.sent[i] as Uint8Array), 0, `packet ${i} of the tape`);
    });
  }
}
