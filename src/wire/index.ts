/** `fourwave/wire`: the codecs, for programs that make or read packets themselves. */

export { REASON, REASONS, type Reason, type ReasonName, type ReasonShape } from '../base/reasons.ts';
export { type Seq, toSeq } from '../base/seq.ts';
export * from './address.ts';
export * from './checksum.ts';
export * from './frame.ts';
export * from './icmpv4.ts';
export * from './ipv4.ts';
export * from './packet.ts';
export * from './segment.ts';
export * from './tcp-header.ts';
export * from './tcp-options.ts';
export * from './virtio.ts';
