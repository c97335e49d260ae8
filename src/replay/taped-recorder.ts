/**
 * The event log of a run that is recorded. What others than the stack tell it (faults, who looks at the
 * kernel's end) goes onto the tape: a replay's log has the same events then.
 */

import type { RecordingTape } from '../stack/tape.ts';
import type { Tcb } from '../tcp/tcb.ts';
import type { Fate, FatedPacket, RuleAtWork } from '../trace/fault-trace.ts';
import type { EventName } from '../trace/record.ts';
import { type RecorderOptions, TraceRecorder } from '../trace/recorder.ts';

export class TapedRecorder extends TraceRecorder {
  private readonly tape: RecordingTape;

  /** The clock is wrapped: its readings are recorded. */
  constructor(tape: RecordingTape, options: RecorderOptions) {
    super({ ...options, clock: tape.logClock(options.clock) });
    this.tape = tape;
  }

  override fate(packet: FatedPacket, fate: Fate, rule: RuleAtWork, until: number): number {
    this.tape.logCall('fate', [packet, fate, plain(rule), until]);
    return super.fate(packet, fate, rule, until);
  }

  override rule(event: 'rule' | 'hit' | 'expired', rule: RuleAtWork, what: string): void {
    this.tape.logCall('rule', [event, plain(rule), what]);
    super.rule(event, rule, what);
  }

  override arrives(segment: number): void {
    this.tape.logCall('arrives', [segment]);
    super.arrives(segment);
  }

  override note(name: EventName, data: Readonly<Record<string, unknown>>, connection?: Tcb): number {
    this.tape.logCall('note', [name, data, connection?.id ?? null]);
    return super.note(name, data, connection);
  }
}

function plain({ number, text, hits, left }: RuleAtWork): RuleAtWork {
  return { number, text, hits, left };
}
