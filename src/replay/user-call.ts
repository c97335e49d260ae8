/** A call of the recording with what came of it then. */

import type { DoneCall } from '../stack/replay.ts';

export interface UserCall extends Omit<DoneCall, 'tcb' | 'listener'> {
  /** Both ends of its connection, which is the same in another run; null for other calls. */
  readonly ends: string | null;
  /** What the caller knew: the peer had closed. */
  readonly peerClosed: boolean;
  /** Port of a listener, 0 for other calls. */
  readonly port: number;
}

export function userCall({ tcb, listener, ...call }: DoneCall): UserCall {
  // Bytes belong to the recording.
  return {
    ...call,
    ends: tcb === null ? null : endsOf(tcb),
    peerClosed: tcb?.peerClosed === true,
    port: listener?.port ?? 0,
  };
}

export function endsOf(tcb: {
  readonly localAddress: number;
  readonly localPort: number;
  readonly peerAddress: number;
  readonly peerPort: number;
}): string {
  return `${tcb.localAddress}:${tcb.localPort} ${tcb.peerAddress}:${tcb.peerPort}`;
}
