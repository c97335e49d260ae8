/**
 * What must hold after every event, whatever the network does. A violation is a bug of ours: it is
 * thrown and ends the run.
 */

import { seqLe } from '../base/seq.ts';
import { KIND_CONNECTION, KIND_TIME_WAIT, type Tcb } from '../tcp/tcb.ts';
import {
  TIMER_NAMES,
  TIMER_PERSIST,
  TIMER_RACK,
  TIMER_RTO,
  TIMER_SYN_ACK,
  TIMER_TIME_WAIT,
  TIMER_TLP,
} from '../tcp/timers/timer-table.ts';
import { FlowWatch } from './flow-watch.ts';
import type { Host } from './host.ts';
import type { SentPacket } from './link.ts';
import { PacketError, readSegment, type WireSegment } from './packet-reader.ts';
import type { World } from './world.ts';

export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Packets without data that a host may send per packet received, and on its own between two events. */
const ANSWERS_PER_PACKET = 4;
const UNASKED_PACKETS = 300;

/** @throws InvariantError when a variable of `tcb` contradicts another. `now` in µs. */
export function checkConnection(tcb: Tcb, now: number): void {
  const complaint = timerComplaint(tcb, now) ?? variableComplaint(tcb);
  if (complaint !== null) throw new InvariantError(`c${tcb.id} in ${tcb.state}: ${complaint}`);
}

function timerComplaint(tcb: Tcb, now: number): string | null {
  const calm = tcb.kind === KIND_CONNECTION && tcb.state !== 'CLOSED' && tcb.row >= 0;
  if (calm && tcb.context.timers.earliest(tcb.row) >= now) return null;
  for (let timer = 0; timer < TIMER_NAMES.length; timer++) {
    const deadline = tcb.deadline(timer);
    if (deadline === Infinity) continue;
    const name = TIMER_NAMES[timer] as string;
    if (tcb.state === 'CLOSED') return `${name} is armed`;
    if (!(deadline >= now)) return `${name} was due at ${deadline} µs and it is ${now}`;
  }
  // The record, and its timer, are made when what is owed has been sent: a full device delays both.
  const missing = tcb.kind === KIND_TIME_WAIT && tcb.deadline(TIMER_TIME_WAIT) === Infinity;
  return missing ? 'TIME-WAIT without its timer' : null;
}

function variableComplaint(tcb: Tcb): string | null {
  // Compact records keep neither what is in flight nor buffers.
  const compact = tcb.state === 'TIME-WAIT' || tcb.deadline(TIMER_SYN_ACK) !== Infinity;
  if (compact || tcb.state === 'CLOSED') return null;
  if (!seqLe(tcb.snd.una, tcb.snd.nxt)) return 'SND.UNA is after SND.NXT';
  if (tcb.unacked > 0 && !retransmissionArmed(tcb)) {
    return `${tcb.unacked} in flight and no timer that would send it again`;
  }
  const sending = sendingComplaint(tcb);
  if (sending !== null) return sending;
  const buffered = tcb.readable + tcb.receiveBuffer.outOfOrderLength;
  return buffered > tcb.limits.receive
    ? `${buffered} bytes received and kept with a buffer of ${tcb.limits.receive}`
    : null;
}

/** The scoreboard's sums, and the windows that are worked out from them. */
function sendingComplaint(tcb: Tcb): string | null {
  const { inFlight, congestion, rtt } = tcb;
  const { total, sacked, lost, resent } = inFlight;
  if (total !== tcb.unacked) return `${total} bytes on the scoreboard, ${tcb.unacked} unacknowledged`;
  if (sacked < 0 || resent < 0 || resent > lost || sacked + lost > total) {
    return `of ${total} bytes ${sacked} SACKed, ${lost} lost, ${resent} sent again`;
  }
  // No block has a window before its handshake has given it one.
  if (!(congestion.cwnd >= 0 && congestion.ssthresh >= 0 && congestion.cwnd < Infinity)) {
    return `cwnd ${congestion.cwnd}, ssthresh ${congestion.ssthresh}`;
  }
  return rtt.rto > 0 && rtt.srtt >= 0 ? null : `RTO ${rtt.rto}, SRTT ${rtt.srtt}`;
}

function retransmissionArmed(tcb: Tcb): boolean {
  return (
    tcb.deadline(TIMER_RTO) !== Infinity ||
    tcb.deadline(TIMER_TLP) !== Infinity ||
    tcb.deadline(TIMER_RACK) !== Infinity ||
    tcb.deadline(TIMER_PERSIST) !== Infinity
  );
}

/** Records of TIME-WAIT and SYN-RECEIVED change only when a segment or a timer expands them: now and then will do. */
const RECORDS_EVERY = 64;

/** Watches one host of a world. */
class HostWatch {
  private readonly host: Host;
  private readonly flows: FlowWatch;
  private readonly now: () => number;
  private bare = 0;
  private arrivalsSeen = 0;
  private looks = 0;

  constructor(host: Host, flows: FlowWatch, now: () => number) {
    this.host = host;
    this.flows = flows;
    this.now = now;
  }

  /** Every emitted packet parses, fits, is summed right, and keeps its promises. */
  sent(packet: SentPacket): void {
    const { device, name } = this.host;
    const limit = packet.gsoSize > 0 ? device.segmentationLimit : device.mtu;
    if (packet.bytes.length > limit) {
      throw new InvariantError(`${name} sent ${packet.bytes.length} bytes, the limit is ${limit}`);
    }
    let segment: WireSegment | null;
    try {
      segment = readSegment(packet.bytes, packet.needsChecksum);
    } catch (error) {
      if (error instanceof PacketError) throw new InvariantError(`${name} sent ${error.message}`);
      throw error;
    }
    if (segment === null) return;
    if (segment.dataLength === 0) this.bare++;
    const complaint = this.flows.sent(segment);
    if (complaint !== null) throw new InvariantError(`${name}: ${complaint}`);
  }

  private checkBlock(tcb: Tcb, now: number): void {
    try {
      checkConnection(tcb, now);
    } catch (error) {
      throw error instanceof InvariantError
        ? new InvariantError(`${this.host.name}: ${error.message}`)
        : error;
    }
  }

  check(): void {
    const { stack, device, name } = this.host;
    const now = this.now();
    if (stack.guarded !== null) throw stack.guarded;
    const { context } = stack.tcp;
    const { flows } = context;
    const withRecords = this.looks++ % RECORDS_EVERY === 0;
    for (let flow = 0; flow < flows.limit; flow++) {
      if (!flows.isUsed(flow)) continue;
      if (withRecords || flows.kindOf(flow) === KIND_CONNECTION) this.checkBlock(context.blockOf(flow), now);
    }
    const arrivals = device.arrivals - this.arrivalsSeen;
    this.arrivalsSeen = device.arrivals;
    const budget = ANSWERS_PER_PACKET * (arrivals + flows.count) + UNASKED_PACKETS;
    if (this.bare > budget) {
      throw new InvariantError(`${name} sent ${this.bare} packets without data for ${arrivals} received`);
    }
    this.bare = 0;
  }
}

/**
 * Checks `hosts` after every event of `world` and every packet that they send. A packet's violation
 * is thrown after the turn that sent it, so that the per-packet guard cannot swallow it.
 */
export function checkInvariants(world: World, hosts: readonly Host[]): void {
  const flows = new FlowWatch();
  let violation: Error | null = null;
  for (const host of hosts) {
    const watch = new HostWatch(host, flows, () => world.clock.now);
    const before = host.device.onSent;
    host.device.onSent = (packet) => {
      before?.(packet);
      try {
        watch.sent(packet);
      } catch (error) {
        violation ??= error as Error;
      }
    };
    world.afterEveryEvent(() => watch.check());
  }
  world.afterEveryEvent(() => {
    if (violation !== null) throw violation;
  });
}
