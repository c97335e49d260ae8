/** Windows, buffers, the SACK board, RTT and congestion control, as rows of the flight recorder. */

import type { RecoveryState } from '../tcp/recovery/recovery.ts';
import type { Tcb } from '../tcp/tcb.ts';
import { KIND_CONNECTION } from '../tcp/tcb.ts';
import type { RecorderOptions } from './event-store.ts';
import { FaultRecorder } from './fault-recorder.ts';
import * as record from './record.ts';
import type { ConnectionLog } from './rings.ts';
import * as variables from './variables.ts';

const { EVENT } = record;

/** One of each kind per connection in this time, µs. */
const INTERVAL = 10_000;
const VIA_KARN = 0;
const VIA_ACK = 1;
const VIA_TIMESTAMP = 2;

export abstract class VariableRecorder extends FaultRecorder {
  private readonly now = new Float64Array(variables.SAID);
  private interval: number;

  constructor(options: RecorderOptions) {
    super(options);
    this.interval = options.detail === 'full' ? 0 : INTERVAL;
  }

  /** The turn has done with this connection. */
  settled(tcb: Tcb): void {
    // What stands for a TIME-WAIT record is told with its timer.
    if (!tcb.detached) this.changes(tcb, tcb.unacked === 0);
  }

  metricsChanged(tcb: Tcb): void {
    const log = this.find(tcb);
    if (this.time - log.metricsAt >= this.interval) this.metrics(tcb, log);
  }

  recoveryChanged(tcb: Tcb, from: RecoveryState, trigger: string): void {
    this.begin(EVENT['cc:state'], this.find(tcb), false);
    this.value(0, this.words.code(from));
    this.value(1, this.words.code(tcb.recovery.state));
    this.value(2, this.words.code(trigger));
    this.commit();
  }

  rttSampled(tcb: Tcb, sample: number, accepted: boolean, echoed: boolean): void {
    this.begin(EVENT['rtt:sample'], this.find(tcb), true);
    this.put(record.AT_SEGMENT, this.receivedSegment);
    this.value(0, sample);
    if (accepted) this.value(1, echoed ? VIA_TIMESTAMP : VIA_ACK);
    else this.value(1, VIA_KARN);
    this.commit();
  }

  /** Tells what has changed since it was last told, now or when it is time again. */
  protected changes(tcb: Tcb, atOnce: boolean): void {
    if (tcb.state === 'CLOSED') return;
    const log = this.find(tcb);
    const { time } = this;
    if (!atOnce && time - log.saidAt < this.interval) return;
    log.saidAt = time;
    const { now } = this;
    const { said } = log;
    // A whole connection has something to say in every place.
    if (tcb.kind !== KIND_CONNECTION || tcb.detached) now.set(said);
    variables.readVariables(tcb, now);
    if (differs(now, said, variables.SND_WINDOW, variables.SND_WINDOW_LENGTH)) {
      this.told(EVENT['snd:window'], log, variables.SND_WINDOW, variables.SND_WINDOW_LENGTH);
    }
    if (differs(now, said, variables.RCV_WINDOW, variables.RCV_WINDOW_LENGTH)) {
      this.told(EVENT['rcv:window'], log, variables.RCV_WINDOW, variables.RCV_WINDOW_LENGTH);
    }
    if (tcb.kind === KIND_CONNECTION) this.buffers(tcb, log);
  }

  private buffers(tcb: Tcb, log: ConnectionLog): void {
    const { now } = this;
    const { said } = log;
    if (differs(now, said, variables.BUF_SND, variables.BUF_SND_LENGTH)) {
      this.told(EVENT['buf:snd'], log, variables.BUF_SND, variables.BUF_SND_LENGTH);
    }
    if (differs(now, said, variables.BUF_RCV, variables.BUF_RCV_LENGTH)) {
      this.told(EVENT['buf:rcv'], log, variables.BUF_RCV, variables.BUF_RCV_LENGTH);
    }
    if (news(now, said, variables.BUF_OOO, variables.BUF_OOO_LENGTH)) {
      this.told(EVENT['buf:ooo'], log, variables.BUF_OOO, variables.BUF_OOO_LENGTH);
    }
    if (news(now, said, variables.SACK_BOARD, variables.SACK_BOARD_LENGTH)) {
      this.told(EVENT['sack:board'], log, variables.SACK_BOARD, variables.SACK_BOARD_LENGTH);
    }
    this.metrics(tcb, log);
  }

  private told(code: number, log: ConnectionLog, from: number, length: number): void {
    this.begin(code, log, true);
    for (let i = 0; i < length; i++) {
      const value = this.now[from + i] as number;
      log.said[from + i] = value;
      this.value(i, value);
    }
    this.commit();
  }

  private metrics(tcb: Tcb, log: ConnectionLog): void {
    const { metrics } = log;
    let changed = 0;
    changed |= replace(metrics, 0, tcb.congestion.cwnd);
    changed |= replace(metrics, 1, tcb.congestion.ssthresh);
    changed |= replace(metrics, 2, tcb.unacked);
    changed |= replace(metrics, 3, tcb.rtt.srtt);
    changed |= replace(metrics, 4, tcb.rtt.rttvar);
    changed |= replace(metrics, 5, tcb.rtt.rto);
    changed |= replace(metrics, 6, tcb.inFlight.pipe);
    if (changed === 0) return;
    log.metricsAt = this.time;
    this.begin(EVENT['cc:metrics'], log, true);
    for (let i = 0; i < metrics.length; i++) this.value(i, metrics[i] as number);
    this.value(metrics.length, changed);
    this.commit();
  }
}

/** Stores; 1 << place when it was something else. */
function replace(into: Float64Array, place: number, value: number): number {
  if (into[place] === value) return 0;
  into[place] = value;
  return 1 << place;
}

/** NaN, which nothing equals, is what was never said. */
function differs(now: Float64Array, said: Float64Array, from: number, length: number): boolean {
  for (let i = from; i < from + length; i++) {
    if (now[i] !== said[i]) return true;
  }
  return false;
}

/** The same for lists: that one is empty which has always been empty is no news. */
function news(now: Float64Array, said: Float64Array, from: number, length: number): boolean {
  // The edges of an empty list are anything.
  if (now[from] === 0) return (said[from] as number) > 0;
  return differs(now, said, from, length);
}
