/** A line may name at once what the stack sends at once in several segments, as a kernel with TSO does. */

import type { LivePacket, LiveTcp } from './live-packet.ts';

/** `first` with the segments of `rest` that continue it, up to `length` bytes; those are taken away. */
export function joinSegments(first: LiveTcp, length: number, rest: LivePacket[]): LiveTcp {
  let whole = first;
  while (whole.payload.length > 0 && whole.payload.length < length) {
    const next = rest[0];
    if (next === undefined || next.protocol !== 'tcp' || !continues(whole, next, length)) break;
    rest.shift();
    const payload = new Uint8Array(whole.payload.length + next.payload.length);
    payload.set(whole.payload);
    payload.set(next.payload, whole.payload.length);
    whole = { ...whole, flags: next.flags, payload };
  }
  return whole;
}

function continues(whole: LiveTcp, next: LiveTcp, length: number): boolean {
  return (
    next.time === whole.time &&
    next.sourcePort === whole.sourcePort &&
    next.destinationPort === whole.destinationPort &&
    next.payload.length > 0 &&
    next.seq === (whole.seq + whole.payload.length) >>> 0 &&
    whole.payload.length + next.payload.length <= length
  );
}
