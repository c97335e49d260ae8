/** What faults need of the world around them: time, and a look at the stack's connections. */

import type { Seq } from '../base/seq.ts';
import type { State } from '../tcp/state.ts';
import type { FaultTrace } from '../trace/fault-trace.ts';

/** Time, virtual or real. µs. */
export interface Timeline {
  now(): number;
  /** Runs `run` at `time`, or later, never before; soon, when that is past. */
  at(time: number, run: () => void): void;
}

/** Our end of a connection at this moment. */
export interface ConnectionSight {
  readonly id: number;
  readonly incarnation: number;
  readonly state: State;
  readonly iss: Seq;
  readonly irs: Seq;
  readonly sndNxt: Seq;
  readonly rcvNxt: Seq;
  readonly rcvWnd: number;
  /** How far window fields are shifted: ours, the peer's. */
  readonly rcvShift: number;
  readonly sndShift: number;
  readonly timestamps: boolean;
  /** TS.Recent: the peer's newest timestamp. */
  readonly tsRecent: number;
  readonly localAddress: number;
  readonly localPort: number;
  readonly peerAddress: number;
  readonly peerPort: number;
}

/** Read only: looking changes nothing. */
export interface ConnectionLookup {
  between(local: number, localPort: number, peer: number, peerPort: number): ConnectionSight | null;
  byId(id: number): ConnectionSight | null;
  forEach(visit: (connection: ConnectionSight) => void): void;
  /** Somebody listens there. */
  listens(address: number, port: number): boolean;
}

export interface FaultWorld {
  readonly timeline: Timeline;
  /** Of rules that name no seed of their own. */
  readonly seed: number;
  readonly trace: FaultTrace | null;
  /** Shared memory in which several layers with the same rules count their hits together, by rule number. */
  readonly hits?: Int32Array;
}
