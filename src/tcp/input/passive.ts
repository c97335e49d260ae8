/** The record that a SYN to a listener makes: LISTEN → SYN-RECEIVED. RFC 9293 §3.10.7.2. */

import { type Seq, seqAdd, seqGt, toSeq } from '../../base/seq.ts';
import type { Segment } from '../../wire/segment.ts';
import type { TcpContext } from '../context.ts';
import type { Listener } from '../listener.ts';
import { acceptOffer, prepareOffer } from '../negotiate.ts';
import { appendState, stateCode } from '../state.ts';
import { KIND_SYN_RECEIVED, type Tcb } from '../tcb.ts';
import { TIMER_SYN_ACK } from '../timers/timer-table.ts';
import { restoreState, transition } from '../transitions.ts';

/**
 * Makes the record for a SYN; it stays expanded in the scratch block. `cookie`: our ISN, which a
 * SYN,ACK has told the peer already.
 */
export function openPassive(
  context: TcpContext,
  listener: Listener,
  seg: Segment,
  cookie: Seq | null = null,
): Tcb {
  const tcb = context.scratch;
  tcb.resetForRecord();
  tcb.kind = KIND_SYN_RECEIVED;
  tcb.config = listener.config;
  tcb.listener = listener;
  tcb.reuseAddress = listener.reuseAddress;
  tcb.passive = true;
  tcb.localAddress = seg.localAddress;
  tcb.peerAddress = seg.peerAddress;
  tcb.localPort = seg.localPort;
  tcb.peerPort = seg.peerPort;
  tcb.id = context.takeId();
  tcb.tally.openedAt = context.clock.now;
  tcb.ready = false;
  tcb.acking.challengeCount = 0;
  tcb.limits.receive = listener.config.bufferReceiveStart;
  tcb.limits.receiveFixed = false;
  tcb.user.ttl = listener.config.ttl;
  tcb.user.tos = listener.config.tos;
  tcb.retry.recordCount = 0;
  tcb.retry.recordDeadline = context.clock.now + listener.config.rtoInitial;
  tcb.flow = context.flows.add(seg.localAddress, seg.peerAddress, seg.localPort, seg.peerPort);

  // The passive OPEN was the listener's: its connections begin where it stands.
  restoreState(tcb, 'LISTEN');
  tcb.pathCode = appendState(0, stateCode('LISTEN'));
  prepareOffer(tcb);
  acceptOffer(tcb, seg);
  tcb.timestamps.offset = context.secrets.timestampOffset(tcb.localAddress, tcb.peerAddress);

  tcb.rcv.irs = seg.seq;
  tcb.rcv.nxt = seqAdd(seg.seq, 1);
  tcb.snd.iss = cookie ?? chooseIss(context, tcb);
  tcb.snd.una = tcb.snd.iss;
  tcb.snd.nxt = seqAdd(tcb.snd.iss, 1);
  if (context.trace !== null) context.trace.connectionOpened(tcb);
  transition(tcb, 'LISTEN', 'rcv SYN', 'SYN-RECEIVED');

  listener.synQueue++;
  context.flows.setOwner(tcb.flow, KIND_SYN_RECEIVED, context.synReceived.add(tcb));
  if (context.trace !== null) context.trace.timerSet(tcb, TIMER_SYN_ACK, false);
  return tcb;
}

/** MAY-2: the next incarnation's ISS lies above every number that the last one used. */
function chooseIss(context: TcpContext, tcb: Tcb): Seq {
  const fixed = tcb.config.labIsn === 'fixed';
  const iss = context.secrets.initialSequence(
    tcb.localAddress,
    tcb.peerAddress,
    tcb.localPort,
    tcb.peerPort,
    fixed,
  );
  if (!context.reincarnate) return iss;
  tcb.incarnation = context.previousIncarnation + 1;
  const above = seqAdd(toSeq(context.previousNxt), 0x10002);
  return seqGt(iss, above) ? iss : above;
}
