/** What the main thread and the worker of a queue say to each other. */

import type { SteeringKey } from '../../../device/steering-key.ts';
import type { TunDescription } from '../../../device/tun.ts';
import type { LogEvent } from '../../../trace/log-event.ts';
import type { Message } from '../../control/protocol.ts';
import type { UpOptions } from '../options.ts';

/** With what a worker begins. */
export interface WorkerStart {
  readonly options: UpOptions;
  /** The whole interface; the worker takes the queue of its number. */
  readonly tun: TunDescription;
  readonly index: number;
  readonly count: number;
  readonly key: SteeringKey;
  /** The kernel does not steer. */
  readonly sort: boolean;
  /** Of {@link Exchange}. */
  readonly exchange: SharedArrayBuffer;
  /** What all secrets that siblings share are made from. */
  readonly secret: Uint8Array;
  /** Hits of the fault rules, by their number. */
  readonly hits: SharedArrayBuffer;
  /** `performance.timeOrigin` of the main thread, and t = 0 of the event log on its clock, µs. */
  readonly timeOrigin: number;
  readonly origin: number;
}

/** To a worker. `id` numbers a conversation. */
export type ToWorker =
  | {
      readonly type: 'call';
      readonly id: number;
      readonly command: string;
      readonly arguments: Readonly<Record<string, unknown>>;
    }
  /** What the client has said, when the worker had asked for more; null: it is gone. */
  | { readonly type: 'said'; readonly id: number; readonly value: Record<string, unknown> | null }
  /** The client has taken what was sent. */
  | { readonly type: 'taken'; readonly id: number }
  | { readonly type: 'gone'; readonly id: number }
  | { readonly type: 'stop' };

export interface WorkerReady {
  readonly type: 'ready';
  readonly offload: readonly string[];
  readonly config: object;
}

export interface WorkerFailure {
  readonly exit: number;
  readonly message: string;
}

/** From a worker. */
export type FromWorker =
  | WorkerReady
  /** It could not begin. */
  | { readonly type: 'refused'; readonly failure: WorkerFailure }
  /** Its device is gone, or a handler has thrown. */
  | { readonly type: 'broken'; readonly message: string }
  | { readonly type: 'send'; readonly id: number; readonly message: Message }
  | { readonly type: 'more'; readonly id: number }
  | { readonly type: 'done'; readonly id: number; readonly result: unknown }
  | { readonly type: 'error'; readonly id: number; readonly failure: WorkerFailure }
  /** Events for the log and for people; none that is earlier than `mark` (seconds) will follow. */
  | { readonly type: 'events'; readonly events: readonly LogEvent[]; readonly mark: number };
