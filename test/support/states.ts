/** A testbed whose connection is in a given state, and a trace that writes down every change of state. */

import assert from 'node:assert/strict';
import type { State } from '../../src/tcp/state.ts';
import type { Tcb } from '../../src/tcp/tcb.ts';
import { TeeTrace } from '../../src/trace/tee.ts';
import type { Application } from './application.ts';
import { type HandshakeOptions, type Testbed, type TestbedOptions, testbed } from './peer.ts';

export const ALL_STATES: readonly State[] = [
  'CLOSED',
  'LISTEN',
  'SYN-SENT',
  'SYN-RECEIVED',
  'ESTABLISHED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'CLOSE-WAIT',
  'CLOSING',
  'LAST-ACK',
  'TIME-WAIT',
];

/** The states in which both SYNs are acknowledged, TIME-WAIT included. */
export const SYNCHRONIZED: readonly State[] = ALL_STATES.slice(4);

/** Every change of state of every connection and listener, as the engine reports it. */
export class StateTrace extends TeeTrace {
  readonly changes: { from: State; on: string; to: State }[] = [];

  constructor() {
    super([]);
  }

  override stateChanged(tcb: Tcb, from: State, on: string): void {
    this.changes.push({ from, on, to: tcb.state });
  }
}

export interface Scene {
  bed: Testbed;
  /** Null where the state has no connection, and in a passive SYN-RECEIVED. */
  app: Application | null;
}

/** Brings a fresh testbed to `state`; every segment on the way has been looked at. */
export function reach(state: State, options: TestbedOptions = {}, agreed: HandshakeOptions = {}): Scene {
  const bed = testbed(options);
  const app = open(bed, state, agreed);
  bed.peer.expectNothing();
  if (state !== 'CLOSED' && state !== 'LISTEN') assert.equal(stateOf(bed), state);
  return { bed, app };
}

/** The state of the one connection, `CLOSED` when there is none. */
export function stateOf(bed: Testbed): string {
  return bed.connections()[0]?.state ?? 'CLOSED';
}

function open(bed: Testbed, state: State, agreed: HandshakeOptions): Application | null {
  const { peer } = bed;
  if (state === 'CLOSED') return null;
  if (state === 'SYN-SENT') {
    const app = bed.connect(peer);
    peer.expect({ flags: 'S' });
    return app;
  }
  if (state === 'LISTEN' || state === 'SYN-RECEIVED') {
    bed.listen(7);
    if (state === 'LISTEN') return null;
    peer.send({ flags: 'S', options: { mss: 1460 } });
    peer.expect({ flags: 'SA' });
    return null;
  }
  const app = peer.handshake('passive', agreed);
  close(bed, app, state);
  return app;
}

/** From ESTABLISHED on. */
function close(bed: Testbed, app: Application, state: State): void {
  const { peer } = bed;
  if (state === 'ESTABLISHED') return;
  if (state === 'CLOSE-WAIT' || state === 'LAST-ACK') {
    peer.send({ flags: 'FA' });
    bed.advance(100);
    peer.expect({ flags: 'A', ack: peer.nxt });
    if (state === 'CLOSE-WAIT') return;
    app.shutdown();
    peer.expect({ flags: 'FA' });
    return;
  }
  app.shutdown();
  peer.expect({ flags: 'FA' });
  if (state === 'FIN-WAIT-1') return;
  if (state === 'CLOSING') {
    peer.send({ flags: 'FA', ack: peer.rcvNxt - 1 });
    peer.expect({ flags: 'A', ack: peer.nxt });
    return;
  }
  peer.ack();
  if (state === 'FIN-WAIT-2') return;
  peer.send({ flags: 'FA' });
  peer.expect({ flags: 'A', ack: peer.nxt });
}
