/** What an ICMP error does to the connection it quotes: RFC 9293 §3.9.2.2, RFC 5927, RFC 1191. */

import { REASON, type Reason } from '../base/reasons.ts';
import { type Seq, seqGe, seqLt, toSeq } from '../base/seq.ts';
import type { TcpContext } from './context.ts';
import { type ErrorCode, EVENT_SOFT_ERROR } from './events.ts';
import { fail } from './lifecycle.ts';
import { PMTU_FLOOR, packetsTooBig } from './path-mtu.ts';
import { KIND_CONNECTION, type Tcb } from './tcb.ts';

/** Fields of the error that TCP looks at; IP has checked the quote. Addresses and `sequence` are int32. */
export interface QuotedError {
  readonly type: number;
  readonly code: number;
  readonly mtu: number;
  readonly quotedLength: number;
  readonly localAddress: number;
  readonly peerAddress: number;
  readonly localPort: number;
  readonly peerPort: number;
  readonly sequence: number;
}

const DESTINATION_UNREACHABLE = 3;
const PROTOCOL_UNREACHABLE = 2;
const PORT_UNREACHABLE = 3;
const FRAGMENTATION_NEEDED = 4;
const PLATEAUS = [32_000, 17_914, 8_166, 4_352, 2_002, 1_492, 1_006, 552];

export function icmpErrorArrives(context: TcpContext, error: QuotedError): void {
  const flow = context.flows.find(error.localAddress, error.peerAddress, error.localPort, error.peerPort);
  if (flow < 0 || context.flows.kindOf(flow) !== KIND_CONNECTION) {
    judge(context, null, error, REASON.ICMP_NO_CONNECTION);
    return;
  }
  const tcb = context.blockOf(flow);
  // RFC 5927 §4.1: SND.UNA =< quoted SEQ < SND.NXT, or it was not provoked by us.
  const quoted: Seq = toSeq(error.sequence);
  if (!seqGe(quoted, tcb.snd.una) || !seqLt(quoted, tcb.snd.nxt)) {
    judge(context, tcb, error, REASON.ICMP_QUOTE_OUTSIDE);
  } else if (error.type === DESTINATION_UNREACHABLE && error.code === FRAGMENTATION_NEEDED) {
    judge(context, tcb, error, packetTooBig(tcb, error));
  } else if (isHard(tcb, error)) {
    hardError(tcb, error);
  } else {
    softError(tcb, error);
  }
}

function judge(context: TcpContext, tcb: Tcb | null, error: QuotedError, reason: Reason): void {
  context.counters.count(reason);
  if (context.trace !== null) context.trace.icmpArrived(tcb, error, reason);
}

/** Hard errors end only what is not yet synchronized, unless RFC 1122's words are wanted. */
function isHard(tcb: Tcb, error: QuotedError): boolean {
  if (error.type !== DESTINATION_UNREACHABLE) return false;
  if (error.code !== PROTOCOL_UNREACHABLE && error.code !== PORT_UNREACHABLE) return false;
  return tcb.state === 'SYN-SENT' || tcb.state === 'SYN-RECEIVED' || tcb.config.icmpHard === 'rfc1122';
}

function hardError(tcb: Tcb, error: QuotedError): void {
  judge(tcb.context, tcb, error, REASON.ICMP_HARD_ERROR);
  fail(tcb.context, tcb, 'hard ICMP error', 'unreachable', errorCode(error));
}

/** Noted, told, and the name of the failure if the connection dies of silence (MUST-47, MUST-56). */
function softError(tcb: Tcb, error: QuotedError): void {
  judge(tcb.context, tcb, error, REASON.ICMP_SOFT_ERROR);
  tcb.softError = errorCode(error);
  tcb.context.queueEvent(tcb, EVENT_SOFT_ERROR);
}

function errorCode(error: QuotedError): ErrorCode {
  if (error.type !== DESTINATION_UNREACHABLE) return error.type === 12 ? 'EPROTO' : 'EHOSTUNREACH';
  if (error.code === PROTOCOL_UNREACHABLE || error.code === PORT_UNREACHABLE) return 'ECONNREFUSED';
  return error.code === 0 ? 'ENETUNREACH' : 'EHOSTUNREACH';
}

/** RFC 1191 §3, §5: smaller segments from now on; what was too large is sent again at once, uncongested. */
function packetTooBig(tcb: Tcb, error: QuotedError): Reason {
  let mtu = error.mtu;
  if (mtu === 0) {
    mtu = PMTU_FLOOR;
    for (let i = 0; i < PLATEAUS.length; i++) {
      if ((PLATEAUS[i] as number) < error.quotedLength) {
        mtu = PLATEAUS[i] as number;
        break;
      }
    }
  }
  if (tcb.config.pmtud === 'off') return REASON.PKT_TOO_BIG;
  return packetsTooBig(tcb, Math.max(PMTU_FLOOR, mtu)) ? REASON.ICMP_PMTU : REASON.PKT_TOO_BIG;
}
