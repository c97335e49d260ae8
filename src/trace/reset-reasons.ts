/** Why we send a reset: Linux's `sk_rst_reason` names without their prefix, and the clause. */

import { REASONS, type Reason, type ReasonName } from '../base/reasons.ts';
import type { CloseReason } from '../tcp/events.ts';

export interface ResetReasonShape {
  readonly name: string;
  readonly rfc: string;
  /** One sentence for people. */
  readonly text: string;
}

function row<const Name extends string>(
  name: Name,
  rfc: string,
  text: string,
): ResetReasonShape & { readonly name: Name } {
  return { name, rfc, text };
}

/** The order is part of recorded event logs: append. */
// biome-ignore format: table
export const RESET_REASONS = [
  row('NOT_SPECIFIED', '', 'none of the others'),
  row('NO_SOCKET', 'RFC 9293 §3.10.7.1', 'no connection and no listener has this address and port'),
  row('TCP_COOKIE_INVALID', 'RFC 9293 §3.10.7.2', 'an ACK to a listener that owes nobody anything'),
  row('TCP_INVALID_ACK_SEQUENCE', 'RFC 9293 §3.10.7.4', 'the ACK does not acknowledge our SYN'),
  row('INVALID_SYN', 'RFC 9293 §3.10.7.4', 'a SYN in a synchronized state, with RFC 5961 off'),
  row('TCP_ABORT_ON_DATA', 'RFC 9293 §3.6.1', 'data for an application that has closed (SHLD-3)'),
  row('TCP_ABORT_ON_CLOSE', 'RFC 9293 §3.6.1', 'CLOSE with bytes that were never read (SHLD-3)'),
  row('TCP_ABORT_ON_LINGER', 'RFC 9293 §3.10.5', 'ABORT: the user wanted no orderly end'),
  row('TCP_ABORT_ON_MEMORY', 'RFC 9293 §3.8.3', 'a limit of the stack was reached'),
  row('TCP_KEEPALIVE_TIMEOUT', 'RFC 9293 §3.8.4', 'the keep-alive probes went unanswered'),
] as const satisfies readonly ResetReasonShape[];

export type ResetReasonName = (typeof RESET_REASONS)[number]['name'];

const OF_ENDS: { readonly [Reason in CloseReason]?: ResetReasonName } = {
  'reset-sent': 'TCP_ABORT_ON_DATA',
  aborted: 'TCP_ABORT_ON_LINGER',
  keepalive: 'TCP_KEEPALIVE_TIMEOUT',
  evicted: 'TCP_ABORT_ON_MEMORY',
};
const OF_SEGMENTS: { readonly [Reason in ReasonName]?: ResetReasonName } = {
  NO_SOCKET: 'NO_SOCKET',
  TCP_COOKIE_INVALID: 'TCP_COOKIE_INVALID',
  TCP_INVALID_ACK_SEQUENCE: 'TCP_INVALID_ACK_SEQUENCE',
};

function code(name: ResetReasonName): number {
  return RESET_REASONS.findIndex((reason) => reason.name === name);
}

/** Why a segment that was judged so earns a reset. */
export function resetReasonOf(reason: Reason): number {
  return code(OF_SEGMENTS[(REASONS[reason] as { name: ReasonName }).name] ?? 'NOT_SPECIFIED');
}

/** Why a connection that ends so sends one: `syn`: a SYN did it; `close`: the user has closed, not aborted. */
export function resetReasonOfEnd(end: CloseReason, syn: boolean, close: boolean): number {
  if (end === 'reset-sent' && syn) return code('INVALID_SYN');
  if (end === 'aborted' && close) return code('TCP_ABORT_ON_CLOSE');
  return code(OF_ENDS[end] ?? 'NOT_SPECIFIED');
}
