/** What `ss` says about the two ends of a connection, the kernel's and ours, and whether that goes together. */

import assert from 'node:assert/strict';
import { ssTable } from '../../../src/cli/render/ss.ts';
import type { ConnectionRecord } from '../../../src/index.ts';
import { decodePacket } from '../segment.ts';
import { printRung, type Rung } from './rungs.ts';

/** A connection as `ss -tano` shows it. */
export interface SsLine {
  /** As in RFC 9293. */
  readonly state: string;
  readonly recvQ: number;
  readonly sendQ: number;
  readonly localPort: number;
  readonly peerPort: number;
  /** The first of {@link timers}; '' without one. */
  readonly timer: string;
  /** As it is printed: `59sec`, `144ms`. */
  readonly timerLeft: string;
  /** Retransmissions. */
  readonly timerCount: number;
  /** `on`, `timewait`, `persist`, `keepalive`. The kernel shows one at most; we show every one that is armed. */
  readonly timers: readonly string[];
}

/** The kernel's spelling of what RFC 9293 spells otherwise. */
const KERNEL_STATES: Readonly<Record<string, string>> = {
  ESTAB: 'ESTABLISHED',
  'SYN-RECV': 'SYN-RECEIVED',
};

export function parseSsLine(line: string): SsLine {
  const [state = '', recvQ, sendQ, local = '', peer = '', ...rest] = line.trim().split(/\s+/);
  const timers = [...rest.join(' ').matchAll(/timer:\(([\w-]+),([^,]*),(\d+)\)/g)];
  const [, timer = '', timerLeft = '', timerCount = '0'] = timers[0] ?? [];
  return {
    state: KERNEL_STATES[state] ?? state,
    recvQ: Number(recvQ),
    sendQ: Number(sendQ),
    localPort: Number(local.split(':').at(-1)),
    peerPort: Number(peer.split(':').at(-1)),
    timer,
    timerLeft,
    timerCount: Number(timerCount),
    timers: timers.map(([, name = '']) => name),
  };
}

/** Our line of the text table, as one reads it who knows `ss`. */
export function ourSsLine(record: ConnectionRecord): SsLine {
  const line = ssTable([record], false).split('\n')[1] as string;
  // The words must be the kernel's, not only ours spelled like the RFC's.
  assert.match(
    line,
    /^(SYN-SENT|SYN-RECV|ESTAB|FIN-WAIT-[12]|CLOSE-WAIT|CLOSING|LAST-ACK|TIME-WAIT) /,
    `our ss says ${line}`,
  );
  return parseSsLine(line);
}

/**
 * What the other end may be in, while segments may be lost on the way: derived from Figure 5 of RFC 9293
 * and from what each end must have received to be where it is. CLOSED: it has no such connection.
 */
const PARTNERS: Readonly<Record<string, readonly string[]>> = {
  'SYN-SENT': ['CLOSED', 'SYN-SENT', 'SYN-RECEIVED'],
  'SYN-RECEIVED': ['SYN-SENT', 'SYN-RECEIVED', 'ESTABLISHED', 'FIN-WAIT-1'],
  ESTABLISHED: ['SYN-RECEIVED', 'ESTABLISHED', 'FIN-WAIT-1'],
  'FIN-WAIT-1': ['SYN-RECEIVED', 'ESTABLISHED', 'FIN-WAIT-1', 'CLOSE-WAIT', 'CLOSING', 'LAST-ACK'],
  'FIN-WAIT-2': ['CLOSE-WAIT', 'CLOSING', 'LAST-ACK'],
  'CLOSE-WAIT': ['FIN-WAIT-1', 'FIN-WAIT-2'],
  CLOSING: ['FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSING', 'TIME-WAIT'],
  'LAST-ACK': ['FIN-WAIT-1', 'FIN-WAIT-2', 'TIME-WAIT'],
  'TIME-WAIT': ['CLOSED', 'CLOSING', 'LAST-ACK', 'TIME-WAIT'],
  CLOSED: ['SYN-SENT', 'TIME-WAIT'],
};

/** One end knows nothing of the connection, the other does not know that. RFC 9293 §3.5.1. */
const HALF_OPEN: readonly string[] = ['SYN-RECEIVED', 'ESTABLISHED', 'CLOSE-WAIT', 'LAST-ACK'];

export interface Agreement {
  /** The connection may be half-open: CLOSED at one end only. */
  readonly halfOpen?: boolean;
  /** The kernel may have more to send than it has sent. */
  readonly unsent?: boolean;
}

export function checkPair(ours: string, kernels: string, { halfOpen = false }: Agreement): void {
  const pair = [ours, kernels];
  const dead = pair.includes('CLOSED') && pair.some((state) => HALF_OPEN.includes(state));
  if (halfOpen && dead) return;
  assert.ok(
    PARTNERS[ours]?.includes(kernels),
    `RFC 9293 has no ${ours} of ours beside ${kernels} of the kernel`,
  );
}

/** The timers, in the words of `ss`, one of which such a line must show; '' for none at all. */
function timersFor({ state, sendQ }: SsLine): readonly string[] {
  switch (state) {
    case 'ESTABLISHED':
    case 'CLOSE-WAIT':
      return sendQ > 0 ? ['on', 'persist'] : ['', 'keepalive'];
    case 'FIN-WAIT-2':
      return ['', 'timewait', 'keepalive'];
    case 'TIME-WAIT':
      return ['timewait'];
    case 'SYN-SENT':
    case 'SYN-RECEIVED':
      return ['on'];
    default:
      return ['on', 'persist'];
  }
}

/** Timers that the kernel does not show at all. */
const OURS_ALONE = ['delayed-ack', 'user'];

export function checkTimer(line: SsLine, whose: string): void {
  const allowed = timersFor(line);
  const shown = line.timers.filter((name) => !OURS_ALONE.includes(name));
  const others = shown.filter((name) => !allowed.includes(name) && name !== 'keepalive');
  const wanted = `${line.state} with ${line.sendQ} to acknowledge shows ${allowed.join(' or ') || 'no timer'}`;
  assert.deepEqual(others, [], `${whose}: ${wanted}`);
  assert.ok(
    allowed.includes('') || shown.some((name) => allowed.includes(name)),
    `${whose}: ${wanted}, not ${shown.join()}`,
  );
}

/** Of one end, from the segments that were seen; relative to its ISN. */
export interface Progress {
  /** One past the last number that it has used, SYN and FIN counted. */
  readonly sent: number;
  /** The highest acknowledgement that has reached it. */
  readonly acknowledged: number;
}

const isOpening = ({ flags }: Rung): boolean => flags.includes('SYN') && !flags.includes('ACK');

/** The rungs of the connection that these ports have had last. */
function lastIncarnation(rungs: readonly Rung[], ports: readonly number[]): Rung[] {
  const own = rungs.filter((rung) => rung.ports.every((port) => ports.includes(port)));
  const numbers = new Set<string>();
  let start = 0;
  own.forEach((rung, index) => {
    if (!isOpening(rung)) return;
    const number = `${rung.from} ${decodePacket(rung.packet)?.seq}`;
    // Of a simultaneous open both SYNs belong to the same connection.
    const answers = own[index - 1] !== undefined && isOpening(own[index - 1] as Rung);
    if (!numbers.has(number) && !answers) start = index;
    numbers.add(number);
  });
  return own.slice(start);
}

/** How far `end` has come, as who watches the wire sees it. */
export function progressOf(rungs: readonly Rung[], ports: readonly number[], end: 'A' | 'B'): Progress {
  let [sent, acknowledged] = [0, 0];
  for (const rung of lastIncarnation(rungs, ports)) {
    if (rung.fate === 'INJECTED') continue;
    const control = Number(rung.flags.includes('SYN')) + Number(rung.flags.includes('FIN'));
    if (rung.from === end) sent = Math.max(sent, rung.end + control);
    else if (rung.fate !== 'LOST') acknowledged = Math.max(acknowledged, rung.ack ?? 0);
  }
  return { sent, acknowledged };
}

/** Kept in a form without queues: a request that nobody has accepted, a TIME-WAIT, a FIN-WAIT-2 without an owner. */
const isCompact = ({ state, timer, sendQ }: SsLine): boolean =>
  state === 'TIME-WAIT' ||
  (state === 'SYN-RECEIVED' && sendQ === 0) ||
  (state === 'FIN-WAIT-2' && timer === 'timewait');

/** Send-Q is what has been sent, or waits to be, and has not been acknowledged. */
export function checkSendQ(line: SsLine, { sent, acknowledged }: Progress, unsent: boolean): void {
  if (isCompact(line)) return;
  const inFlight = Math.max(0, sent - acknowledged);
  const right = unsent ? line.sendQ >= inFlight : line.sendQ === inFlight;
  assert.ok(right, `Send-Q is ${line.sendQ} in ${line.state}, and ${inFlight} are not acknowledged`);
}

/** For messages: the ladder, and what both say. */
export function describe(rungs: readonly Rung[], lines: readonly (SsLine | undefined)[]): string {
  return [...rungs.map(printRung), ...lines.map((line) => JSON.stringify(line))].join('\n');
}
