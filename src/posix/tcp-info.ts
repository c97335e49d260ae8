/** `TCP_INFO`: the kernel's struct tcp_info, with its names, units and numbering. */

import type { Tcb } from '../tcp/tcb.ts';
import { TIMER_PERSIST, TIMER_RTO } from '../tcp/timers/timer-table.ts';
import {
  CA_STATES,
  LINUX_STATES,
  TCPI_OPT_ECN,
  TCPI_OPT_SACK,
  TCPI_OPT_TIMESTAMPS,
  TCPI_OPT_WSCALE,
} from './constants.ts';
import type { PosixSocket } from './socket.ts';

const MICROSECONDS_PER_MILLISECOND = 1_000;
const SSTHRESH_INFINITE = 0x7fffffff;
/** "No sample yet" of tcpi_min_rtt. */
const NO_MINIMUM = 0xffffffff;
/** TCP_ATO_MIN, µs. */
const ATO_DEFAULT = 40_000;

/** The fields in the order of the header; those of parts that do not exist here are 0. */
// eslint-disable-next-line max-lines-per-function -- a table: one field a line
function emptyInfo() {
  return {
    tcpi_state: LINUX_STATES.CLOSED as number,
    tcpi_ca_state: 0,
    tcpi_retransmits: 0,
    tcpi_probes: 0,
    tcpi_backoff: 0,
    tcpi_options: 0,
    tcpi_snd_wscale: 0,
    tcpi_rcv_wscale: 0,
    tcpi_delivery_rate_app_limited: 0,
    tcpi_fastopen_client_fail: 0,
    /** µs. */
    tcpi_rto: 0,
    /** µs. */
    tcpi_ato: 0,
    tcpi_snd_mss: 536,
    tcpi_rcv_mss: 536,
    tcpi_unacked: 0,
    tcpi_sacked: 0,
    tcpi_lost: 0,
    tcpi_retrans: 0,
    tcpi_fackets: 0,
    /** ms since. */
    tcpi_last_data_sent: 0,
    tcpi_last_ack_sent: 0,
    tcpi_last_data_recv: 0,
    tcpi_last_ack_recv: 0,
    tcpi_pmtu: 0,
    tcpi_rcv_ssthresh: 0,
    /** µs. */
    tcpi_rtt: 0,
    tcpi_rttvar: 0,
    /** Segments; 2^31 - 1 while unset. */
    tcpi_snd_ssthresh: SSTHRESH_INFINITE,
    /** Segments. */
    tcpi_snd_cwnd: 10,
    tcpi_advmss: 536,
    tcpi_reordering: 3,
    tcpi_rcv_rtt: 0,
    tcpi_rcv_space: 0,
    tcpi_total_retrans: 0,
    tcpi_pacing_rate: 0,
    tcpi_max_pacing_rate: 0,
    tcpi_bytes_acked: 0,
    tcpi_bytes_received: 0,
    tcpi_segs_out: 0,
    tcpi_segs_in: 0,
    tcpi_notsent_bytes: 0,
    /** µs. */
    tcpi_min_rtt: NO_MINIMUM,
    tcpi_data_segs_in: 0,
    tcpi_data_segs_out: 0,
    tcpi_delivery_rate: 0,
    /** µs. */
    tcpi_busy_time: 0,
    tcpi_rwnd_limited: 0,
    tcpi_sndbuf_limited: 0,
    tcpi_delivered: 0,
    tcpi_delivered_ce: 0,
    tcpi_bytes_sent: 0,
    tcpi_bytes_retrans: 0,
    tcpi_dsack_dups: 0,
    tcpi_reord_seen: 0,
    tcpi_rcv_ooopack: 0,
    tcpi_snd_wnd: 0,
    tcpi_rcv_wnd: 0,
    tcpi_rehash: 0,
    tcpi_total_rto: 0,
    tcpi_total_rto_recoveries: 0,
    tcpi_total_rto_time: 0,
  };
}

export type TcpInfo = ReturnType<typeof emptyInfo>;

/** What getsockopt(TCP_INFO) returns for `socket`. */
export function tcpInfo(socket: PosixSocket): TcpInfo {
  const info = emptyInfo();
  const listener = socket.listener;
  if (listener !== null) {
    info.tcpi_state = LINUX_STATES.LISTEN;
    info.tcpi_unacked = listener.acceptQueue.length;
    info.tcpi_sacked = listener.backlog;
    return info;
  }
  const tcb = socket.tcb;
  if (tcb === null) return info;
  info.tcpi_state = socket.closed ? LINUX_STATES.CLOSED : LINUX_STATES[tcb.state];
  fillOptions(info, tcb);
  fillTimes(info, tcb);
  fillSegmentCounts(info, tcb);
  fillTraffic(info, tcb);
  return info;
}

function fillOptions(info: TcpInfo, tcb: Tcb): void {
  if (tcb.timestamps.agreed) info.tcpi_options |= TCPI_OPT_TIMESTAMPS;
  if (tcb.handshake.sackAgreed) info.tcpi_options |= TCPI_OPT_SACK;
  if (tcb.handshake.wscaleAgreed) {
    info.tcpi_options |= TCPI_OPT_WSCALE;
    info.tcpi_snd_wscale = tcb.snd.shift;
    info.tcpi_rcv_wscale = tcb.rcv.shift;
  }
  if (tcb.ecn.agreed) info.tcpi_options |= TCPI_OPT_ECN;
  info.tcpi_ca_state = CA_STATES[tcb.recovery.state];
  info.tcpi_snd_mss = segmentSize(tcb);
  info.tcpi_rcv_mss = tcb.acking.peerSegment > 0 ? tcb.acking.peerSegment : 536;
  info.tcpi_advmss = tcb.rcv.mss;
  info.tcpi_pmtu = tcb.pathMtu;
  info.tcpi_reordering = tcb.config.reordering;
}

function fillTimes(info: TcpInfo, tcb: Tcb): void {
  const now = tcb.clock.now;
  info.tcpi_rto = tcb.rtt.backedOff(tcb.retry.backoff, tcb.config);
  info.tcpi_ato = tcb.tally.bytesReceived > 0 ? ATO_DEFAULT : 0;
  info.tcpi_rtt = tcb.rtt.srtt;
  info.tcpi_rttvar = tcb.rtt.rttvar;
  if (tcb.rtt.min > 0) info.tcpi_min_rtt = tcb.rtt.min;
  info.tcpi_last_data_sent = milliseconds(now - tcb.tally.lastSentAt);
  info.tcpi_last_data_recv = milliseconds(now - latest(tcb.tally.lastDataReceivedAt, tcb.tally.openedAt));
  info.tcpi_last_ack_recv = milliseconds(now - latest(tcb.tally.lastAckReceivedAt, tcb.tally.openedAt));
  info.tcpi_busy_time = Math.floor(
    tcb.tally.busyTime + (tcb.tally.busySince > 0 ? now - tcb.tally.busySince : 0),
  );
  info.tcpi_rwnd_limited = Math.floor(
    tcb.tally.windowLimitedTime + (tcb.tally.windowLimitedSince > 0 ? now - tcb.tally.windowLimitedSince : 0),
  );
}

function fillSegmentCounts(info: TcpInfo, tcb: Tcb): void {
  const mss = segmentSize(tcb);
  const flight = tcb.inFlight;
  info.tcpi_unacked = Math.max(flight.count, Math.ceil(flight.total / mss));
  info.tcpi_sacked = Math.ceil(flight.sacked / mss);
  info.tcpi_lost = Math.ceil(flight.lost / mss);
  info.tcpi_retrans = Math.ceil(flight.resent / mss);
  const congestion = tcb.congestion;
  info.tcpi_snd_cwnd = tcb.state === 'SYN-SENT' ? 1 : Math.floor(congestion.cwnd / mss);
  if (congestion.ssthresh < SSTHRESH_INFINITE) info.tcpi_snd_ssthresh = Math.floor(congestion.ssthresh / mss);
  info.tcpi_backoff = tcb.retry.backoff;
  if (tcb.deadline(TIMER_PERSIST) !== Infinity) info.tcpi_probes = tcb.retry.probes;
  else if (tcb.deadline(TIMER_RTO) !== Infinity) info.tcpi_retransmits = tcb.retry.retries;
}

function fillTraffic(info: TcpInfo, tcb: Tcb): void {
  info.tcpi_total_retrans = tcb.tally.retransmissions;
  info.tcpi_bytes_acked = tcb.tally.bytesAcked;
  info.tcpi_bytes_received = tcb.tally.bytesReceived;
  info.tcpi_segs_out = tcb.tally.segmentsSent;
  info.tcpi_segs_in = tcb.tally.segmentsReceived;
  info.tcpi_data_segs_out = tcb.tally.dataSegmentsSent;
  info.tcpi_data_segs_in = tcb.tally.dataSegmentsReceived;
  info.tcpi_bytes_sent = tcb.tally.bytesSent;
  info.tcpi_bytes_retrans = tcb.tally.bytesRetransmitted;
  info.tcpi_notsent_bytes = tcb.unsent;
  info.tcpi_rcv_space = tcb.limits.receive;
  info.tcpi_rcv_ssthresh = tcb.limits.receive;
  info.tcpi_snd_wnd = tcb.snd.wnd;
  info.tcpi_rcv_wnd = tcb.rcv.wnd;
}

/** What one of our segments carries (the options' room is off it already), bytes. */
export function segmentSize(tcb: Tcb): number {
  return Math.max(1, tcb.snd.mss);
}

/** A time that was never noted is the field's initial value below 1 µs. */
function latest(noted: number, openedAt: number): number {
  return noted < 1 ? openedAt : noted;
}

function milliseconds(microseconds: number): number {
  return Math.max(0, Math.floor(microseconds / MICROSECONDS_PER_MILLISECOND));
}
