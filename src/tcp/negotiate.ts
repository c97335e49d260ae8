/** What a SYN offers and what both sides end up with: RFC 9293 §3.7.1, RFC 7323 §2, §3, RFC 2018 §2. */

import { IP_HEADER_LENGTH } from '../wire/frame.ts';
import type { Segment } from '../wire/segment.ts';
import { peerWantsEcn } from './ecn.ts';
import type { Tcb } from './tcb.ts';
import type { TcpConfig } from './tcp-config.ts';

const TCP_HEADER_LENGTH = 20;
/** Default send MSS, MUST-15. */
export const DEFAULT_MSS = 536;
/** Smaller offers are an attack on our CPU, not a small link (B05, CVE-2019-11479). */
export const SMALLEST_MSS = 88;
/** RFC 7323 §2.3: shifts above 14 mean 14. */
const LARGEST_SHIFT = 14;
/** Timestamps with their two NOPs. */
export const TIMESTAMP_OPTION_LENGTH = 12;

/** The MSS that we offer: the interface's, no option bytes deducted (MUST-67). */
export function mssToOffer(config: TcpConfig, mtu: number): number {
  const fromMtu = mtu - IP_HEADER_LENGTH - TCP_HEADER_LENGTH;
  return config.mss > 0 ? Math.min(config.mss, fromMtu) : fromMtu;
}

/** Rcv.Wind.Shift: the smallest that can offer the whole buffer; 0 for a buffer of up to 64 K. */
export function shiftToOffer(bufferMax: number): number {
  let shift = 0;
  while (shift < LARGEST_SHIFT && bufferMax > 65_536 && 0xffff << shift < bufferMax) shift++;
  return shift;
}

/** Prepares our half before our SYN goes out; `offer…` fields of the block are what the SYN will carry. */
export function prepareOffer(tcb: Tcb): void {
  const context = tcb.context;
  const config = tcb.config;
  tcb.pathMtu = context.network.mtu;
  tcb.rcv.mss = mssToOffer(config, context.network.mtu);
  const max = tcb.limits.receiveFixed ? tcb.limits.receive : config.bufferReceiveMax;
  tcb.rcv.shift = config.windowScale ? shiftToOffer(max) : 0;
  tcb.handshake.wscaleAgreed = config.windowScale;
  tcb.timestamps.agreed = config.timestamps;
  tcb.handshake.sackAgreed = config.sack;
  tcb.ecn.agreed = config.ecn === 'on' || (config.ecn === 'server' && tcb.passive);
  // The window of a SYN is not scaled (WS-02), and most peers' first data comes before we can update it.
  const limit = tcb.limits.receive > 0 ? tcb.limits.receive : config.bufferReceiveStart;
  tcb.rcv.wnd = Math.min(limit, 0xffff);
}

/** Takes what the peer's SYN says. Afterwards the `…Agreed` fields hold for both directions. */
export function acceptOffer(tcb: Tcb, seg: Segment): void {
  tcb.handshake.peerMss = seg.mss < 0 ? DEFAULT_MSS : Math.max(SMALLEST_MSS, seg.mss);
  tcb.handshake.wscaleAgreed = tcb.handshake.wscaleAgreed && seg.windowScale >= 0;
  tcb.snd.shift = tcb.handshake.wscaleAgreed ? Math.min(seg.windowScale, LARGEST_SHIFT) : 0;
  if (!tcb.handshake.wscaleAgreed) tcb.rcv.shift = 0;
  tcb.timestamps.agreed = tcb.timestamps.agreed && seg.hasTimestamps;
  if (tcb.timestamps.agreed) {
    tcb.timestamps.recent = seg.tsVal;
    tcb.timestamps.recentAt = tcb.clock.now;
  }
  tcb.handshake.sackAgreed = tcb.handshake.sackAgreed && seg.sackPermitted;
  tcb.ecn.agreed = tcb.ecn.agreed && peerWantsEcn(seg);
  tcb.snd.wnd = seg.wnd;
  tcb.snd.maxWnd = seg.wnd;
  settleMss(tcb);
}

/** Eff.snd.MSS, MUST-16: min of the peer's offer and the path, less the options of every segment. */
export function settleMss(tcb: Tcb): void {
  const path = tcb.pathMtu - IP_HEADER_LENGTH - TCP_HEADER_LENGTH;
  const options = tcb.timestamps.agreed ? TIMESTAMP_OPTION_LENGTH : 0;
  const mss = Math.min(tcb.handshake.peerMss, path, tcb.config.mss > 0 ? tcb.config.mss : path) - options;
  tcb.snd.mss = Math.max(mss, SMALLEST_MSS - TIMESTAMP_OPTION_LENGTH - 36);
}
