/** The options of a segment as bytes, RFC 9293 §3.2: in the order that Linux uses, so that a capture looks familiar. */

import { FRAME_TCP_OPTIONS } from '../../wire/tcp-header.ts';
import {
  writeFastOpenOption,
  writeMssOption,
  writeNopOption,
  writeSackOption,
  writeSackPermittedOption,
  writeTimestampsOption,
  writeWindowScaleOption,
} from '../../wire/tcp-options.ts';
import type { SentSegment } from './sent-segment.ts';

/** Window scale and Fast Open. */
function writeLastOfSyn(view: DataView, offset: number, sent: SentSegment): number {
  let at = offset;
  if (sent.windowScale >= 0) at = writeWindowScaleOption(view, writeNopOption(view, at), sent.windowScale);
  if (sent.fastOpenLength < 0) return at;
  at = writeFastOpenOption(view, at, sent.fastOpenCookie, sent.fastOpenLength);
  while (at % 4 !== FRAME_TCP_OPTIONS % 4) at = writeNopOption(view, at);
  return at;
}

/** Writes them into the frame's slab; returns the offset behind the last. NOPs keep each on a word. */
export function writeOptions(view: DataView, sent: SentSegment): number {
  let at = FRAME_TCP_OPTIONS;
  if (sent.hasSynOptions) at = writeMssOption(view, at, sent.mss);
  const sackPermitted = sent.hasSynOptions && sent.sackPermitted;
  if (sackPermitted || sent.hasTimestamps) {
    // SACK-permitted stands in for the padding of the timestamps where both are there.
    at = sackPermitted && sent.hasTimestamps ? at : writeNopOption(view, writeNopOption(view, at));
    if (sackPermitted) at = writeSackPermittedOption(view, at);
    if (sent.hasTimestamps) at = writeTimestampsOption(view, at, sent.tsVal, sent.tsEcr);
  }
  if (sent.hasSynOptions) at = writeLastOfSyn(view, at, sent);
  if (sent.sackCount > 0) {
    at = writeSackOption(
      view,
      writeNopOption(view, writeNopOption(view, at)),
      sent.sackEdges,
      sent.sackCount,
    );
  }
  return at;
}
