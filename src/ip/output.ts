/** Sends packets: IP header, identification, fragmentation. RFC 791 §2.3, RFC 6864 §4. */

import type { Counters } from '../base/counters.ts';
import { REASON, type Reason } from '../base/reasons.ts';
import { Frame, IP_HEADER_LENGTH } from '../wire/frame.ts';
import {
  IPV4_DONT_FRAGMENT,
  IPV4_MORE_FRAGMENTS,
  MAX_DATAGRAM_LENGTH,
  writeIpv4Header,
} from '../wire/ipv4.ts';
import type { Identification } from './identification.ts';
import type { Link } from './link.ts';

/** Phase 4 only. */
export class IpOutput {
  private readonly link: Link;
  /** Largest packet, bytes. */
  readonly mtu: number;
  private readonly counters: Counters;
  private readonly identification: Identification;
  /** The frame of the fragment being sent. */
  private readonly fragment = new Frame();

  constructor(link: Link, mtu: number, counters: Counters, identification: Identification) {
    this.link = link;
    this.mtu = mtu;
    this.counters = counters;
    this.identification = identification;
  }

  get writable(): boolean {
    return this.link.writable;
  }

  /**
   * Writes the IP header of `frame` and hands it to the device. What is larger than the MTU and no
   * super-packet is fragmented, or with DF set refused (PKT_TOO_BIG is counted).
   *
   * @returns false: this was the last for now, wait until the device is writable
   */
  send(frame: Frame): boolean {
    const length = frame.headerLength + frame.payloadLength + frame.wrappedLength;
    if (length <= this.mtu || (frame.gsoSize > 0 && length <= this.link.segmentationLimit)) {
      // A datagram that nobody may fragment needs no identification, RFC 6864 §4.1.
      if (frame.dontFragment) writeIpv4Header(frame, length, 0, IPV4_DONT_FRAGMENT);
      else if (this.identification.next(frame.source, frame.destination, frame.protocol)) {
        writeIpv4Header(frame, length, this.identification.value, 0);
      } else return this.refuse(REASON.IP_ID_EXHAUSTED);
      return this.pass(frame, length);
    }
    if (frame.dontFragment || frame.gsoSize > 0 || length > MAX_DATAGRAM_LENGTH) {
      return this.refuse(REASON.PKT_TOO_BIG);
    }
    if (!this.identification.next(frame.source, frame.destination, frame.protocol)) {
      return this.refuse(REASON.IP_ID_EXHAUSTED);
    }
    return this.sendFragments(frame);
  }

  private pass(frame: Frame, length: number): boolean {
    this.counters.packetsSent++;
    this.counters.bytesSent += length;
    return this.link.send(frame);
  }

  private refuse(reason: Reason): boolean {
    this.counters.count(reason);
    return this.link.writable;
  }

  /**
   * The transport header and payload in pieces of as many units of 8 bytes as the MTU takes,
   * RFC 791 §3.2. They share one identification; the device takes every frame, so none is left out.
   */
  private sendFragments(frame: Frame): boolean {
    const payloadLength = frame.headerLength - IP_HEADER_LENGTH + frame.payloadLength + frame.wrappedLength;
    const step = (this.mtu - IP_HEADER_LENGTH) & ~7;
    const piece = this.fragment;
    piece.source = frame.source;
    piece.destination = frame.destination;
    piece.protocol = frame.protocol;
    piece.tos = frame.tos;
    piece.ttl = frame.ttl;
    let writable = this.link.writable;
    for (let offset = 0; offset < payloadLength; offset += step) {
      const end = Math.min(offset + step, payloadLength);
      this.cut(frame, offset, end);
      const flags = end < payloadLength ? IPV4_MORE_FRAGMENTS : 0;
      const length = IP_HEADER_LENGTH + end - offset;
      writeIpv4Header(piece, length, this.identification.value, flags | (offset >> 3));
      writable = this.pass(piece, length);
    }
    return writable;
  }

  /** Points the fragment's frame at bytes [start, end) of what follows the IP header of `frame`. */
  private cut(frame: Frame, start: number, end: number): void {
    const piece = this.fragment;
    const transportLength = frame.headerLength - IP_HEADER_LENGTH;
    const fromHeader = Math.max(0, Math.min(end, transportLength) - start);
    for (let i = 0; i < fromHeader; i++) {
      piece.header[IP_HEADER_LENGTH + i] = frame.header[IP_HEADER_LENGTH + start + i] as number;
    }
    piece.headerLength = IP_HEADER_LENGTH + fromHeader;
    const from = Math.max(0, start - transportLength);
    const to = Math.max(0, end - transportLength);
    piece.payload = frame.payload;
    piece.payloadStart = from < frame.payloadLength ? frame.payloadStart + from : from - frame.payloadLength;
    piece.payloadLength = from < frame.payloadLength ? Math.min(to, frame.payloadLength) - from : to - from;
    piece.wrappedLength = from < frame.payloadLength ? Math.max(0, to - frame.payloadLength) : 0;
  }
}
