/**
 * RFC 9293 §3.3.2, Figure 5, as a table. Only arrows in it compile, and only this file assigns
 * `state`. The diagrams in docs/ are generated from it.
 */

import { invariant } from '../base/invariant.ts';
import type { State } from './state.ts';

interface ArcShape {
  readonly from: State;
  readonly on: string;
  readonly to: State;
  /** What goes out because of it; empty when nothing does. */
  readonly send: string;
  readonly rfc: string;
  /** Why the arrow is not one of Figure 5's own. */
  readonly note?: string;
}

// biome-ignore format: table
export const ARCS = [
  { from: 'CLOSED',       on: 'passive OPEN',       to: 'LISTEN',       send: '',        rfc: 'RFC 9293 §3.10.1' },
  { from: 'CLOSED',       on: 'active OPEN',        to: 'SYN-SENT',     send: 'SYN',     rfc: 'RFC 9293 §3.10.1' },
  { from: 'LISTEN',       on: 'rcv SYN',            to: 'SYN-RECEIVED', send: 'SYN,ACK', rfc: 'RFC 9293 §3.10.7.2' },
  { from: 'LISTEN',       on: 'CLOSE',              to: 'CLOSED',       send: '',        rfc: 'RFC 9293 §3.10.4' },
  { from: 'SYN-SENT',     on: 'rcv SYN,ACK',        to: 'ESTABLISHED',  send: 'ACK',     rfc: 'RFC 9293 §3.10.7.3' },
  { from: 'SYN-SENT',     on: 'rcv SYN',            to: 'SYN-RECEIVED', send: 'SYN,ACK', rfc: 'RFC 9293 §3.10.7.3' },
  { from: 'SYN-SENT',     on: 'CLOSE',              to: 'CLOSED',       send: '',        rfc: 'RFC 9293 §3.10.4' },
  { from: 'SYN-RECEIVED', on: 'rcv ACK of SYN',     to: 'ESTABLISHED',  send: '',        rfc: 'RFC 9293 §3.10.7.4' },
  { from: 'SYN-RECEIVED', on: 'CLOSE',              to: 'FIN-WAIT-1',   send: 'FIN',     rfc: 'RFC 9293 §3.10.4' },
  { from: 'SYN-RECEIVED', on: 'rcv RST (passive OPEN)', to: 'LISTEN',   send: '',        rfc: 'RFC 9293 §3.10.7.4', note: 'note 1: only a connection that came from LISTEN goes back there' },
  { from: 'SYN-RECEIVED', on: 'rcv SYN (passive OPEN)', to: 'LISTEN',   send: '',        rfc: 'RFC 9293 §3.10.7.4', note: 'the fourth check, with RFC 5961 off' },
  { from: 'ESTABLISHED',  on: 'CLOSE',              to: 'FIN-WAIT-1',   send: 'FIN',     rfc: 'RFC 9293 §3.10.4' },
  { from: 'ESTABLISHED',  on: 'rcv FIN',            to: 'CLOSE-WAIT',   send: 'ACK',     rfc: 'RFC 9293 §3.10.7.4' },
  { from: 'FIN-WAIT-1',   on: 'rcv ACK of FIN',     to: 'FIN-WAIT-2',   send: '',        rfc: 'RFC 9293 §3.10.7.4' },
  { from: 'FIN-WAIT-1',   on: 'rcv FIN',            to: 'CLOSING',      send: 'ACK',     rfc: 'RFC 9293 §3.10.7.4' },
  { from: 'FIN-WAIT-2',   on: 'rcv FIN',            to: 'TIME-WAIT',    send: 'ACK',     rfc: 'RFC 9293 §3.10.7.4' },
  { from: 'CLOSE-WAIT',   on: 'CLOSE',              to: 'LAST-ACK',     send: 'FIN',     rfc: 'RFC 9293 §3.10.4' },
  { from: 'CLOSING',      on: 'rcv ACK of FIN',     to: 'TIME-WAIT',    send: '',        rfc: 'RFC 9293 §3.10.7.4' },
  { from: 'LAST-ACK',     on: 'rcv ACK of FIN',     to: 'CLOSED',       send: '',        rfc: 'RFC 9293 §3.10.7.4' },
  { from: 'TIME-WAIT',    on: 'Timeout=2MSL',       to: 'CLOSED',       send: '',        rfc: 'RFC 9293 §3.10.8' },
  { from: 'TIME-WAIT',    on: 'rcv SYN',            to: 'CLOSED',       send: '',        rfc: 'RFC 9293 §3.6.1',    note: 'MAY-2: a new incarnation may take the place of the old one' },
  { from: 'FIN-WAIT-2',   on: 'Timeout=FIN-WAIT-2', to: 'CLOSED',       send: '',        rfc: 'RFC 9293 §3.10.8',   note: 'a policy of ours: nobody is left to read' },
] as const satisfies readonly ArcShape[];

/** What ends a connection from every state but CLOSED; drawn apart, as the figure's note 3 does. */
// biome-ignore format: table
export const ARCS_FROM_ANY = [
  { on: 'rcv RST',          rfc: 'RFC 9293 §3.10.7.4', note: 'an acceptable reset' },
  { on: 'ABORT',            rfc: 'RFC 9293 §3.10.5',   note: 'the user aborts, or closes with unread data (SHLD-3)' },
  { on: 'USER TIMEOUT',     rfc: 'RFC 9293 §3.10.8',   note: 'R2 or the user timeout has passed (MUST-20)' },
  { on: 'keep-alive death', rfc: 'RFC 9293 §3.8.4',    note: 'the probes went unanswered' },
  { on: 'hard ICMP error',  rfc: 'RFC 9293 §3.9.2.2',  note: 'only while opening (RFC 5927)' },
  { on: 'eviction',         rfc: 'RFC 9293 §3.8.3',    note: 'a limit of the stack was reached and this one was chosen' },
] as const;

type Arc = (typeof ARCS)[number];
export type EventIn<From extends State> = Extract<Arc, { from: From }>['on'];
export type Next<From extends State, On> = Extract<Arc, { from: From; on: On }>['to'];
export type AnyStateEvent = (typeof ARCS_FROM_ANY)[number]['on'];

/** Whatever has a state of Figure 5: a connection, or a listener. */
export interface Machine {
  state: State;
  /** Called after the move; the one place that watches transitions. */
  stateChanged(from: State, on: string): void;
}

/** Moves along one arrow of Figure 5. Only arrows in {@link ARCS} compile. */
export function transition<From extends State, On extends EventIn<From>>(
  machine: Machine,
  from: From,
  on: On,
  to: Next<From, On>,
): void {
  invariant(machine.state === from, 'transition from a state we are not in');
  machine.state = to;
  machine.stateChanged(from, on);
}

/** Moves to CLOSED along an arrow that leaves every state. */
export function transitionFromAny(machine: Machine, on: AnyStateEvent): void {
  const from = machine.state;
  if (from === 'CLOSED') return;
  machine.state = 'CLOSED';
  machine.stateChanged(from, on);
}

/** Gives a compact record's state to the block it is expanded into: no arrow, the state it already had. */
export function restoreState(machine: Machine, state: State): void {
  machine.state = state;
}
