/** The TCP header and its options as bytes, RFC 9293 §3.1, §3.2. */

import type { Frame } from '../../wire/frame.ts';
import type { SentSegment } from './sent-segment.ts';

const OPTION_NOP = 1;
const OPTION_MSS = 2;
const OPTION_WINDOW_SCALE = 3;
const OPTION_SACK_PERMITTED = 4;
const OPTION_SACK = 5;
const OPTION_TIMESTAMPS = 8;
const FIXED_LENGTH = 20;

/** Writes the header of `sent` at `start`, checksum zero; returns where it ends. */
export function writeSegmentHeader(frame: Frame, start: number, sent: SentSegment): number {
  const view = frame.view;
  const end = writeOptions(view, start + FIXED_LENGTH, sent);
  view.setUint16(start, sent.localPort);
  view.setUint16(start + 2, sent.peerPort);
  view.setInt32(start + 4, sent.seq);
  view.setInt32(start + 8, sent.ack);
  view.setUint8(start + 12, (end - start) << 2);
  view.setUint8(start + 13, sent.flags);
  view.setUint16(start + 14, sent.wnd);
  view.setUint16(start + 16, 0);
  view.setUint16(start + 18, sent.up);
  return end;
}

/** Options in the order that Linux uses, so that a capture looks familiar. */
function writeOptions(view: DataView, start: number, sent: SentSegment): number {
  let at = start;
  if (sent.hasSynOptions) {
    view.setInt32(at, (OPTION_MSS << 24) | (4 << 16) | sent.mss);
    at += 4;
    if (sent.sackPermitted && !sent.hasTimestamps) {
      view.setInt32(at, (OPTION_NOP << 24) | (OPTION_NOP << 16) | (OPTION_SACK_PERMITTED << 8) | 2);
      at += 4;
    }
  }
  if (sent.hasTimestamps) at = writeTimestamps(view, at, sent);
  if (sent.hasSynOptions && sent.windowScale >= 0) {
    view.setInt32(at, (OPTION_NOP << 24) | (OPTION_WINDOW_SCALE << 16) | (3 << 8) | sent.windowScale);
    at += 4;
  }
  if (sent.sackCount > 0) {
    const pad = (OPTION_NOP << 24) | (OPTION_NOP << 16);
    view.setInt32(at, pad | (OPTION_SACK << 8) | (2 + 8 * sent.sackCount));
    at += 4;
    for (let i = 0; i < 2 * sent.sackCount; i++, at += 4) view.setInt32(at, sent.sackEdges[i] as number);
  }
  return at;
}

/** With SACK-permitted in the place of the padding where both are offered. */
function writeTimestamps(view: DataView, at: number, sent: SentSegment): number {
  const sackPermitted = sent.hasSynOptions && sent.sackPermitted;
  const pad = sackPermitted ? (OPTION_SACK_PERMITTED << 8) | 2 : (OPTION_NOP << 8) | OPTION_NOP;
  view.setInt32(at, (pad << 16) | (OPTION_TIMESTAMPS << 8) | 10);
  view.setInt32(at + 4, sent.tsVal);
  view.setInt32(at + 8, sent.tsEcr);
  return at + 12;
}
