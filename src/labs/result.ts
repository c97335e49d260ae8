/** What came out of a lab. */

import type { ConnectionRecord } from '../stack/connection-record.ts';
import type { LogEvent } from '../trace/log-event.ts';
import type { Text } from './lab.ts';
import type { Exit, KernelSocket, StageMode } from './stage.ts';

/** One thing that was checked. */
export interface CheckLine {
  readonly text: Text;
  readonly ok: boolean;
  /** What was found instead, or the figure that was measured. */
  readonly detail?: string;
}

/** A program as it was at the end of the act. */
export interface ProgramReport {
  readonly name: string;
  readonly command: string;
  readonly printed: string;
  readonly bytes: number;
  readonly errors: string;
  readonly exit: Exit | null;
}

/** What is left of an act for its checks. */
export interface ActReport {
  readonly mode: StageMode;
  /** The whole event log of S. */
  readonly events: readonly LogEvent[];
  /** In the order of their start. */
  readonly programs: readonly ProgramReport[];
  /** K's sockets at the end. */
  readonly sockets: readonly KernelSocket[];
  /** S's connections at the end, listeners left out. */
  readonly connections: readonly ConnectionRecord[];
  /** What `stage.keep` kept. */
  readonly kept: Readonly<Record<string, unknown>>;
  /** What threw inside a stack, or was wrong on the wire: nothing may be here. */
  readonly trouble: readonly string[];
  /** Values of the variables that `expect` has bound, and the number of the event of each of its lines. */
  readonly bound: Readonly<Record<string, number>>;
  readonly lines: readonly number[];
}

/** One act, judged. */
export interface ActResult {
  readonly name: string;
  readonly ok: boolean;
  readonly report: ActReport;
  /** Expectation, invariants, the script's own checks and the lab's, in this order. */
  readonly checks: readonly CheckLine[];
  /** The two ladders side by side, where the expectation was not met; else ''. */
  readonly difference: string;
  /** What the script threw; '' when it ran to its end. */
  readonly error: string;
}

export interface LabResult {
  readonly id: string;
  readonly mode: StageMode;
  readonly ok: boolean;
  readonly acts: readonly ActResult[];
}
