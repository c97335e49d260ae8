/** A SYN to a listener that offers TCP Fast Open, RFC 7413 §4.2.2, §5.1. */

import { REASON } from '../../base/reasons.ts';
import { FIN } from '../../wire/segment.ts';
import type { TcpContext } from '../context.ts';
import { becameEstablished, promote } from '../lifecycle.ts';
import type { Listener } from '../listener.ts';
import type { Tcb } from '../tcb.ts';
import { stripSyn } from './1-sequence.ts';
import { joinAcceptQueue } from './5-ack.ts';
import { processText } from './7-text.ts';

/**
 * Whether the SYN of `tcb`, an expanded record just made, has opened a connection at once. When not,
 * the record waits for its ACK as any other, perhaps with a cookie in its SYN,ACK.
 */
export function openFast(context: TcpContext, listener: Listener, tcb: Tcb): boolean {
  const { handshake } = tcb;
  const seg = context.segment;
  const config = listener.config;
  if (seg.fastOpenLength < 0 || listener.fastOpenQueue === 0) return false;
  if (config.tfo !== 'server' && config.tfo !== 'on') return false;
  const age = seg.fastOpenLength === 0 ? 'wrong' : context.fastOpen.judge(seg);
  handshake.cookieOwed = age !== 'fresh';
  if (age === 'wrong' || seg.dataLength === 0) return false;
  if (listener.fastOpenPending >= listener.fastOpenQueue || context.connections >= config.connectionsMax) {
    handshake.cookieOwed = false;
    return false;
  }
  begin(context, listener, tcb);
  return true;
}

/** SYN-RECEIVED with a block of its own: the data is delivered, and the user may answer. */
function begin(context: TcpContext, listener: Listener, tcb: Tcb): void {
  const { snd, rcv } = tcb;
  const seg = context.segment;
  promote(context, tcb);
  listener.fastOpenPending++;
  tcb.handshake.fastOpenListener = listener;
  // Its SYN,ACK is in flight like data, under the retransmission timer.
  snd.nxt = snd.iss;
  snd.wl1 = seg.seq;
  snd.wl2 = snd.iss;
  rcv.lastAckSent = rcv.nxt;
  becameEstablished(tcb);
  joinAcceptQueue(tcb);

  stripSyn(seg);
  seg.flags &= ~FIN;
  if (seg.dataLength > rcv.wnd) {
    seg.dataEnd = seg.dataStart + rcv.wnd;
    context.judge('partial', REASON.TCP_OVERWINDOW);
  }
  processText(tcb, seg);
}
