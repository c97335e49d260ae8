/**
 * SYN cookies, RFC 4987 §3.6: a full SYN queue answers without keeping anything. The sequence number
 * carries time, MSS and a keyed hash; window scale, SACK and ECN ride in the timestamp where the peer
 * offers one, and are not claimed otherwise (SF-03).
 *
 *     cookie = 5 bits of time │ 3 bits of MSS │ 24 bits of keyed hash, mixed with the peer's ISN
 *
 * Time and MSS are masked by a keyed hash of their own: they would tell how long we have been up.
 */

import { MICROSECONDS_PER_SECOND } from '../base/clock.ts';
import { REASON } from '../base/reasons.ts';
import { type Seq, seqAdd, toSeq } from '../base/seq.ts';
import { ACK, CWR, ECE, type Segment, SYN } from '../wire/segment.ts';
import type { TcpContext } from './context.ts';
import { peerWantsEcn } from './ecn.ts';
import { openPassive } from './input/passive.ts';
import type { Listener } from './listener.ts';
import { DEFAULT_MSS, mssToOffer, SMALLEST_MSS, shiftToOffer } from './negotiate.ts';
import type { Tcb } from './tcb.ts';
import type { TcpConfig } from './tcp-config.ts';

/** A cookie is good for two of these. */
const SLOT = 64 * MICROSECONDS_PER_SECOND;
const TIME_BITS = 0x1f;
const MSS_TABLE = [SMALLEST_MSS, 536, 1220, 1300, 1440, 1460, 4312, 8960];
/** In the low bits of TSval: window scale (15 = none), SACK, ECN. */
const OPTION_BITS = 6;
const OPTION_MASK = 0x3f;
const NO_SCALE = 15;
const SACK = 0x10;
const ECN = 0x20;

/** Answers a SYN with a cookie; nothing is kept. */
export function answerWithCookie(context: TcpContext, listener: Listener, seg: Segment): void {
  const config = listener.config;
  const replies = context.replies;
  replies.begin();
  replies.localAddress = seg.localAddress;
  replies.peerAddress = seg.peerAddress;
  replies.localPort = seg.localPort;
  replies.peerPort = seg.peerPort;
  replies.seq = cookie(context, seg, seg.seq, slotNow(context), mssIndex(seg));
  replies.ack = seqAdd(seg.seq, 1);
  replies.flags = SYN | ACK;
  replies.wnd = Math.min(config.bufferReceiveStart, 0xffff);
  replies.mss = mssToOffer(config, context.network.mtu);
  if (seg.hasTimestamps && config.timestamps) agreeInTimestamp(context, config, seg);
  replies.push();
  listener.lastCookieAt = context.clock.now;
}

/** Which entry of the table is not larger than what the SYN offers. */
function mssIndex(seg: Segment): number {
  const offered = seg.mss < 0 ? DEFAULT_MSS : Math.max(seg.mss, SMALLEST_MSS);
  let index = 0;
  for (let i = 0; i < MSS_TABLE.length; i++) if ((MSS_TABLE[i] as number) <= offered) index = i;
  return index;
}

/** What the peer offers besides, kept in our timestamp, which it will echo. */
function agreeInTimestamp(context: TcpContext, config: TcpConfig, seg: Segment): void {
  const { replies } = context;
  const scale = config.windowScale && seg.windowScale >= 0 ? Math.min(seg.windowScale, 14) : NO_SCALE;
  const sack = config.sack && seg.sackPermitted;
  const ecn = config.ecn !== 'off' && peerWantsEcn(seg);
  if (ecn) replies.flags |= ECE;
  replies.hasTimestamps = true;
  replies.tsVal = timestampWith(context, seg, scale | (sack ? SACK : 0) | (ecn ? ECN : 0));
  replies.tsEcr = seg.tsVal;
  replies.sackPermitted = sack;
  if (scale !== NO_SCALE) replies.windowScale = shiftToOffer(config.bufferReceiveMax);
}

/**
 * The ACK of a cookie: makes the record that the SYN did not, and returns it expanded. Null when it
 * carries none that is ours and fresh.
 */
export function acceptCookie(context: TcpContext, listener: Listener, seg: Segment): Tcb | null {
  if (listener.config.synCookies === 'drop') return null;
  if (listener.config.synCookies !== 'always' && !listener.askedByCookie(context.clock.now - 2 * SLOT))
    return null;
  const value = seqAdd(seg.ack, -1);
  const irs = seqAdd(seg.seq, -1);
  const said = (value ^ mask(context, seg, irs)) >>> 24;
  const index = said & 7;
  const now = slotNow(context);
  const age = (now - (said >>> 3)) & TIME_BITS;
  if (age > 1 || cookie(context, seg, irs, now - age, index) !== value) return null;
  context.counters.count(REASON.TCP_COOKIE_ACCEPTED);

  // What the SYN had said, as far as it was kept.
  const { flags, seq, wnd, dataEnd } = seg;
  const wasOption = seg.hasTimestamps;
  const options = wasOption
    ? (seg.tsEcr - context.secrets.timestampOffset(seg.localAddress, seg.peerAddress)) & OPTION_MASK
    : 0;
  seg.seq = irs;
  seg.flags = (options & ECN) !== 0 ? SYN | ECE | CWR : SYN;
  seg.mss = MSS_TABLE[index] as number;
  seg.windowScale = wasOption && (options & 0xf) !== NO_SCALE ? options & 0xf : -1;
  seg.sackPermitted = wasOption && (options & SACK) !== 0;
  seg.dataEnd = seg.dataStart;
  const tcb = openPassive(context, listener, seg, value);
  seg.seq = seq;
  seg.flags = flags;
  seg.wnd = wnd;
  seg.dataEnd = dataEnd;
  // Nobody knows when the SYN,ACK was sent: only a timestamp may measure it (RFC 6298 §3).
  tcb.handshake.synRepeated = true;
  tcb.snd.maxWnd = wnd << tcb.snd.shift;
  tcb.rcv.lastAckSent = tcb.rcv.nxt;
  return tcb;
}

function slotNow(context: TcpContext): number {
  return Math.floor(context.clock.now / SLOT) & TIME_BITS;
}

function cookie(context: TcpContext, seg: Segment, irs: Seq, slot: number, mssIndex: number): Seq {
  const hidden = mask(context, seg, irs);
  const hash = context.secrets.cookieHash;
  const time = slot & TIME_BITS;
  const mac = hash.hash(hash.low, hash.high, (time << 3) | mssIndex, 1) & 0xffffff;
  return toSeq(((time << 27) | (mssIndex << 24) | mac) ^ hidden);
}

/** Hides the eight upper bits; leaves the keyed hash of four-tuple and ISN behind. */
function mask(context: TcpContext, seg: Segment, irs: Seq): number {
  const hash = context.secrets.cookieHash;
  hash.hash(seg.localAddress, seg.peerAddress, (seg.localPort << 16) | seg.peerPort, irs);
  return hash.high & ~0xffffff;
}

/** Our timestamp with the option bits in its lowest places, never ahead of the clock. */
function timestampWith(context: TcpContext, seg: Segment, bits: number): number {
  const clock = context.secrets.milliseconds;
  const offset = context.secrets.timestampOffset(seg.localAddress, seg.peerAddress);
  let value = ((clock >> OPTION_BITS) << OPTION_BITS) | bits;
  if (((value - clock) | 0) > 0) value = (value - (1 << OPTION_BITS)) | 0;
  return (value + offset) | 0;
}
