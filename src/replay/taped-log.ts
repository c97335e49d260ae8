/** The event log as faults speak to it, while a tape listens: a replay's log has the same events then. */

import type { RecordingTape } from '../stack/tape.ts';
import type { FaultTrace, RuleAtWork } from '../trace/fault-trace.ts';

export function tapedLog(tape: RecordingTape, log: FaultTrace): FaultTrace {
  return {
    get lastSent(): number {
      return log.lastSent;
    },
    fate(packet, fate, rule, until) {
      tape.logCall('fate', [packet, fate, plain(rule), until]);
      return log.fate(packet, fate, rule, until);
    },
    rule(event, rule, what) {
      tape.logCall('rule', [event, plain(rule), what]);
      log.rule(event, rule, what);
    },
    arrives(segment) {
      tape.logCall('arrives', [segment]);
      log.arrives(segment);
    },
  };
}

function plain({ number, text, hits, left }: RuleAtWork): RuleAtWork {
  return { number, text, hits, left };
}
