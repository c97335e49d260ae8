/** The simulated K's connections as its `ss` would show them. */

import type { ConnectionRecord } from '../../stack/connection-record.ts';
import type { KernelSocket } from '../stage.ts';

/** None for a listener. */
export function kernelSocketOf(record: ConnectionRecord): KernelSocket[] {
  if ((record.state as string) === 'LISTEN') return [];
  const { state, local, peer, recvQ, sendQ, timers } = record;
  const [timer] = timers;
  return [
    {
      ...{ state, local, peer, recvQ, sendQ },
      timer:
        timer === undefined ? null : { name: timer.name, remainingMs: timer.remainingMs, count: timer.count },
    },
  ];
}
