/** How full the tables are. */

import type { TcpContext } from './context.ts';

/** Sizes of the tables, for `stats` and for tests that look for leaks. */
export interface TcpStats {
  readonly connections: number;
  readonly timeWait: number;
  readonly synReceived: number;
  readonly orphans: number;
  readonly flows: number;
  readonly listeners: number;
  readonly timers: number;
  /** Buffers of all connections: capacity, bytes. */
  readonly memory: number;
}

export function statsOf(context: TcpContext): TcpStats {
  return {
    connections: context.connections,
    timeWait: context.timeWait.count,
    synReceived: context.synReceived.count,
    orphans: context.orphans,
    flows: context.flows.count,
    listeners: context.listeners.list.length,
    timers: context.timers.used,
    memory: context.pool.inUse,
  };
}
