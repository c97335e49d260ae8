/** TCP options: read into the segment, written one by one. RFC 9293 §3.2, RFC 7323 §2.2, RFC 2018 §2. */

import { MAX_COOKIE_LENGTH, MAX_SACK_BLOCKS, type Segment, SYN } from './segment.ts';

/** Option kinds. */
export const OPTION_END = 0;
export const OPTION_NOP = 1;
export const OPTION_MSS = 2;
export const OPTION_WINDOW_SCALE = 3;
export const OPTION_SACK_PERMITTED = 4;
export const OPTION_SACK = 5;
export const OPTION_TIMESTAMPS = 8;
export const OPTION_FAST_OPEN = 34;

// Lengths in bytes, kind and length bytes included.
export const MSS_LENGTH = 4;
export const WINDOW_SCALE_LENGTH = 3;
export const SACK_PERMITTED_LENGTH = 2;
export const SACK_BLOCK_LENGTH = 8;
export const TIMESTAMPS_LENGTH = 10;
/** Kind and length of a Fast Open option; the cookie follows. */
export const FAST_OPEN_FIXED = 2;
const MIN_COOKIE_LENGTH = 4;
/** The data offset of 15 words leaves this much. */
export const MAX_OPTIONS_LENGTH = 40;

/** Length of a SACK option with `count` blocks, bytes. */
export function sackLength(count: number): number {
  return 2 + SACK_BLOCK_LENGTH * count;
}

/**
 * Reads the options in `view[start … end)` into `seg`, after setting all of them to absent.
 * `seg.flags` is already there: options that belong on a SYN are left out elsewhere.
 *
 * The first of two options of one kind counts. An illegal length ends the reading: that option and
 * the rest are ignored and `seg.badOptions` is set, RFC 9293 §3.1 (MUST-7).
 */
export function readTcpOptions(view: DataView, start: number, end: number, seg: Segment): void {
  resetOptions(seg);
  let at = start;
  while (at < end) {
    const kind = view.getUint8(at);
    if (kind === OPTION_END) return;
    if (kind === OPTION_NOP) {
      at++;
      continue;
    }
    const length = at + 1 < end ? view.getUint8(at + 1) : 0;
    if (length < 2 || at + length > end || !lengthIsLegal(kind, length)) {
      seg.badOptions = true;
      return;
    }
    if (kind === OPTION_TIMESTAMPS) readTimestamps(view, at, seg);
    else if (kind === OPTION_SACK) readSack(view, at, length, seg);
    else if ((seg.flags & SYN) !== 0) readSynOption(view, at, kind, length, seg);
    at += length;
  }
}

function resetOptions(seg: Segment): void {
  seg.mss = -1;
  seg.windowScale = -1;
  seg.sackPermitted = false;
  seg.hasTimestamps = false;
  seg.tsVal = 0;
  seg.tsEcr = 0;
  seg.sackCount = 0;
  seg.fastOpenLength = -1;
  seg.badOptions = false;
}

function lengthIsLegal(kind: number, length: number): boolean {
  switch (kind) {
    case OPTION_MSS:
      return length === MSS_LENGTH;
    case OPTION_WINDOW_SCALE:
      return length === WINDOW_SCALE_LENGTH;
    case OPTION_SACK_PERMITTED:
      return length === SACK_PERMITTED_LENGTH;
    case OPTION_SACK:
      return length % SACK_BLOCK_LENGTH === 2 && length > 2 && length <= sackLength(MAX_SACK_BLOCKS);
    case OPTION_TIMESTAMPS:
      return length === TIMESTAMPS_LENGTH;
    default:
      return true;
  }
}

function readTimestamps(view: DataView, at: number, seg: Segment): void {
  if (seg.hasTimestamps) return;
  seg.hasTimestamps = true;
  seg.tsVal = view.getInt32(at + 2);
  seg.tsEcr = view.getInt32(at + 6);
}

function readSack(view: DataView, at: number, length: number, seg: Segment): void {
  if (seg.sackCount > 0) return;
  const edges = (length - 2) / 4;
  for (let i = 0; i < edges; i++) seg.sackEdges[i] = view.getInt32(at + 2 + 4 * i);
  seg.sackCount = edges / 2;
}

function readSynOption(view: DataView, at: number, kind: number, length: number, seg: Segment): void {
  if (kind === OPTION_MSS && seg.mss < 0) seg.mss = view.getUint16(at + 2);
  else if (kind === OPTION_WINDOW_SCALE && seg.windowScale < 0) seg.windowScale = view.getUint8(at + 2);
  else if (kind === OPTION_SACK_PERMITTED) seg.sackPermitted = true;
  else if (kind === OPTION_FAST_OPEN && seg.fastOpenLength < 0) readFastOpen(view, at, length, seg);
}

/** RFC 7413 §4.1.1: a request, or a cookie of 4 to 16 bytes, an even number; any other is ignored (FO-01). */
function readFastOpen(view: DataView, at: number, length: number, seg: Segment): void {
  const cookie = length - FAST_OPEN_FIXED;
  const legal = cookie >= MIN_COOKIE_LENGTH && cookie <= MAX_COOKIE_LENGTH && cookie % 2 === 0;
  if (cookie !== 0 && !legal) return;
  seg.fastOpenLength = cookie;
  for (let i = 0; i < cookie; i++) seg.fastOpenCookie[i] = view.getUint8(at + FAST_OPEN_FIXED + i);
}

// Each writer puts one option at `offset` and returns the offset behind it.

/** `mss` in bytes, 0 … 65,535. */
export function writeMssOption(view: DataView, offset: number, mss: number): number {
  view.setUint8(offset, OPTION_MSS);
  view.setUint8(offset + 1, MSS_LENGTH);
  view.setUint16(offset + 2, mss);
  return offset + MSS_LENGTH;
}

/** `shift` is 0 … 14, RFC 7323 §2.3. */
export function writeWindowScaleOption(view: DataView, offset: number, shift: number): number {
  view.setUint8(offset, OPTION_WINDOW_SCALE);
  view.setUint8(offset + 1, WINDOW_SCALE_LENGTH);
  view.setUint8(offset + 2, shift);
  return offset + WINDOW_SCALE_LENGTH;
}

export function writeSackPermittedOption(view: DataView, offset: number): number {
  view.setUint8(offset, OPTION_SACK_PERMITTED);
  view.setUint8(offset + 1, SACK_PERMITTED_LENGTH);
  return offset + SACK_PERMITTED_LENGTH;
}

/** TSval and TSecr, int32. */
export function writeTimestampsOption(view: DataView, offset: number, tsVal: number, tsEcr: number): number {
  view.setUint8(offset, OPTION_TIMESTAMPS);
  view.setUint8(offset + 1, TIMESTAMPS_LENGTH);
  view.setInt32(offset + 2, tsVal);
  view.setInt32(offset + 6, tsEcr);
  return offset + TIMESTAMPS_LENGTH;
}

/** The first `count` blocks (1 … 4) of `edges`: [left, right) pairs of sequence numbers. */
export function writeSackOption(view: DataView, offset: number, edges: Int32Array, count: number): number {
  view.setUint8(offset, OPTION_SACK);
  view.setUint8(offset + 1, sackLength(count));
  for (let i = 0; i < 2 * count; i++) view.setInt32(offset + 2 + 4 * i, edges[i] as number);
  return offset + sackLength(count);
}

/** Aligns what follows: the option that needs no meaning. */
export function writeNopOption(view: DataView, offset: number): number {
  view.setUint8(offset, OPTION_NOP);
  return offset + 1;
}

/** Zero bytes up to the next word of the header, RFC 9293 §3.1 (MUST-69); returns the offset there. */
export function padOptions(view: DataView, start: number, offset: number): number {
  let at = offset;
  while ((at - start) % 4 !== 0) view.setUint8(at++, OPTION_END);
  return at;
}

/** RFC 7413 §4.1.1; `length` 0 asks for a cookie. */
export function writeFastOpenOption(
  view: DataView,
  offset: number,
  cookie: Uint8Array,
  length: number,
): number {
  view.setUint8(offset, OPTION_FAST_OPEN);
  view.setUint8(offset + 1, FAST_OPEN_FIXED + length);
  for (let i = 0; i < length; i++) view.setUint8(offset + FAST_OPEN_FIXED + i, cookie[i] as number);
  return offset + FAST_OPEN_FIXED + length;
}
