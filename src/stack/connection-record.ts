/** What `fourwave ss --json` prints of a connection or listener. */

import { MICROSECONDS_PER_MILLISECOND } from '../base/clock.ts';
import { type Seq, seqDiff } from '../base/seq.ts';
import type { CloseReason } from '../tcp/events.ts';
import type { Listener } from '../tcp/listener.ts';
import type { RecoveryState } from '../tcp/recovery/recovery.ts';
import type { State } from '../tcp/state.ts';
import {
  type ClosedFirst,
  KIND_CONNECTION,
  KIND_SYN_RECEIVED,
  KIND_TIME_WAIT,
  type Tcb,
} from '../tcp/tcb.ts';
import {
  TIMER_KEEPALIVE,
  TIMER_NAMES,
  TIMER_PERSIST,
  TIMER_RTO,
  TIMER_SYN_ACK,
  TIMER_TIME_WAIT,
  type TimerName,
} from '../tcp/timers/timer-table.ts';
import { formatAddress } from '../wire/address.ts';

export interface TimerRecord {
  readonly name: TimerName;
  readonly remainingMs: number;
  /** Back-offs, probes or retries in a row. */
  readonly count: number;
  /** How often TIME-WAIT was restarted. */
  readonly restarts: number;
}

/** Sequence numbers are relative to the ISN unless asked for raw. Null: a compact record does not keep it. */
export interface ConnectionRecord {
  readonly id: string;
  readonly inc: number;
  readonly state: State;
  readonly local: string;
  readonly peer: string;
  readonly recvQ: number;
  readonly sendQ: number;
  readonly ageMs: number | null;
  readonly timers: readonly TimerRecord[];
  readonly snd: {
    readonly iss: number;
    readonly una: number;
    readonly nxt: number;
    readonly wnd: number | null;
    readonly cwnd: number | null;
    readonly ssthresh: number | null;
    readonly inFlight: number | null;
    readonly unsent: number | null;
    readonly retransmits: number | null;
  } | null;
  readonly rcv: {
    readonly irs: number;
    readonly nxt: number;
    readonly wnd: number;
    readonly buffered: number;
    readonly outOfOrder: readonly (readonly [number, number])[];
  } | null;
  readonly rtt: {
    readonly srttMs: number | null;
    readonly rttvarMs: number | null;
    readonly minMs: number | null;
    readonly rtoMs: number;
  } | null;
  readonly options: {
    readonly mss: number | null;
    readonly wscale: readonly [number, number] | null;
    readonly sack: boolean;
    readonly timestamps: boolean;
    readonly ecn: boolean;
  } | null;
  readonly caState: RecoveryState | null;
  readonly path: readonly State[] | null;
  readonly closedFirst: ClosedFirst;
  readonly closeReason: CloseReason | null;
  // Listeners only.
  readonly synQueue?: number;
  readonly acceptQueue?: number;
  readonly backlog?: number;
}

const SSTHRESH_UNSET = 0x7fffffff;

function toMs(time: number): number {
  return Math.round(time) / MICROSECONDS_PER_MILLISECOND;
}

/** A listener's line. */
export function listenerRecord(listener: Listener): ConnectionRecord {
  return {
    id: `l${listener.id}`,
    inc: 1,
    state: listener.state,
    local: `${formatAddress(listener.address)}:${listener.port}`,
    peer: '0.0.0.0:*',
    recvQ: listener.acceptQueue.length,
    sendQ: listener.backlog,
    ageMs: null,
    timers: [],
    snd: null,
    rcv: null,
    rtt: null,
    options: null,
    caState: null,
    path: ['LISTEN'],
    closedFirst: null,
    closeReason: null,
    synQueue: listener.synQueue,
    acceptQueue: listener.acceptQueue.length,
    backlog: listener.backlog,
  };
}

/** Bytes queued or in flight, with the SYN or FIN that is: the kernel's Send-Q. */
function unacknowledged(tcb: Tcb): number {
  const flag = tcb.unacked > 0 && (tcb.finSent || tcb.snd.una === tcb.snd.iss);
  return tcb.sendBuffer.length + (flag ? 1 : 0);
}

/** A connection's line; `raw` leaves sequence numbers absolute. `tcb` may be the scratch block. */
export function connectionRecord(tcb: Tcb, now: number, raw = false): ConnectionRecord {
  const full = tcb.kind === KIND_CONNECTION;
  const timeWait = tcb.kind === KIND_TIME_WAIT;
  return {
    id: `c${tcb.id}`,
    inc: tcb.incarnation,
    state: tcb.state,
    local: `${formatAddress(tcb.localAddress)}:${tcb.localPort}`,
    peer: `${formatAddress(tcb.peerAddress)}:${tcb.peerPort}`,
    recvQ: full ? tcb.readable : 0,
    sendQ: full ? unacknowledged(tcb) : 0,
    ageMs: timeWait ? null : toMs(now - tcb.tally.openedAt),
    timers: timersOf(tcb, now),
    snd: sndOf(tcb, raw),
    rcv: rcvOf(tcb, raw),
    rtt: full ? rttOf(tcb) : null,
    options: optionsOf(tcb),
    caState: full ? tcb.recovery.state : null,
    path: tcb.path,
    closedFirst: tcb.closedFirst,
    closeReason: tcb.closeReason,
  };
}

function sndOf(tcb: Tcb, raw: boolean): ConnectionRecord['snd'] {
  const full = tcb.kind === KIND_CONNECTION;
  const { snd } = tcb;
  const relative = (seq: Seq): number => (raw ? seq >>> 0 : seqDiff(seq, snd.iss));
  const ssthresh = tcb.congestion.ssthresh;
  return {
    iss: snd.iss >>> 0,
    una: relative(snd.una),
    nxt: relative(snd.nxt),
    wnd: full ? snd.wnd : null,
    cwnd: full ? tcb.congestion.cwnd : null,
    ssthresh: full && ssthresh !== SSTHRESH_UNSET ? ssthresh : null,
    inFlight: full ? tcb.unacked : null,
    unsent: full ? tcb.unsent : null,
    retransmits: full ? tcb.tally.retransmissions : null,
  };
}

function rcvOf(tcb: Tcb, raw: boolean): ConnectionRecord['rcv'] {
  if (tcb.state === 'SYN-SENT') return null;
  const { rcv } = tcb;
  const relative = (seq: Seq): number => (raw ? seq >>> 0 : seqDiff(seq, rcv.irs));
  const outOfOrder: [number, number][] = [];
  if (tcb.kind === KIND_CONNECTION) {
    const ranges = tcb.receiveBuffer.outOfOrder;
    for (let i = 0; i < ranges.count; i++)
      outOfOrder.push([relative(ranges.startOf(i)), relative(ranges.endOf(i))]);
  }
  return {
    irs: rcv.irs >>> 0,
    nxt: relative(rcv.nxt),
    wnd: rcv.wnd,
    buffered: tcb.kind === KIND_CONNECTION ? tcb.readable : 0,
    outOfOrder,
  };
}

function rttOf(tcb: Tcb): ConnectionRecord['rtt'] {
  const { rtt } = tcb;
  const sampled = rtt.samples > 0;
  return {
    srttMs: sampled ? toMs(rtt.srtt) : null,
    rttvarMs: sampled ? toMs(rtt.rttvar) : null,
    minMs: sampled ? toMs(rtt.min) : null,
    rtoMs: toMs(rtt.backedOff(tcb.retry.backoff, tcb.config)),
  };
}

function optionsOf(tcb: Tcb): ConnectionRecord['options'] {
  if (tcb.state === 'SYN-SENT') return null;
  const timeWait = tcb.kind === KIND_TIME_WAIT;
  return {
    mss: timeWait ? null : tcb.handshake.peerMss,
    wscale: tcb.handshake.wscaleAgreed ? [tcb.rcv.shift, tcb.snd.shift] : null,
    sack: tcb.handshake.sackAgreed,
    timestamps: tcb.timestamps.agreed,
    ecn: tcb.ecn.agreed,
  };
}

/** Every timer that is armed. */
function timersOf(tcb: Tcb, now: number): TimerRecord[] {
  const timers: TimerRecord[] = [];
  for (let timer = 0; timer < TIMER_NAMES.length; timer++) {
    const deadline = tcb.deadline(timer);
    if (deadline === Infinity) continue;
    timers.push({
      name: TIMER_NAMES[timer] as TimerName,
      remainingMs: Math.max(0, toMs(deadline - now)),
      count: countOf(tcb, timer),
      restarts: timer === TIMER_TIME_WAIT ? tcb.retry.recordCount : 0,
    });
  }
  return timers;
}

function countOf(tcb: Tcb, timer: number): number {
  switch (timer) {
    case TIMER_RTO:
      return tcb.retry.retries;
    case TIMER_PERSIST:
    case TIMER_KEEPALIVE:
      return tcb.retry.probes;
    case TIMER_SYN_ACK:
      return tcb.kind === KIND_SYN_RECEIVED ? tcb.retry.recordCount : 0;
    default:
      return 0;
  }
}
