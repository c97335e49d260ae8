/**
 * TCP Fast Open, RFC 7413: cookies that a server gives, and what a client remembers of servers. A
 * cookie says that its bearer has once answered from his address, so that data in his SYN may be
 * believed before the handshake is complete.
 */

import { type Clock, MICROSECONDS_PER_SECOND } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { SipHash } from '../base/siphash.ts';
import { IP_HEADER_LENGTH } from '../wire/frame.ts';
import { MAX_COOKIE_LENGTH, type Segment } from '../wire/segment.ts';
import { TCP_HEADER_LENGTH } from '../wire/tcp-header.ts';
import {
  FAST_OPEN_FIXED,
  MSS_LENGTH,
  SACK_PERMITTED_LENGTH,
  WINDOW_SCALE_LENGTH,
} from '../wire/tcp-options.ts';
import { EVENT_WRITABLE } from './events.ts';
import { DEFAULT_MSS, TIMESTAMP_OPTION_LENGTH } from './negotiate.ts';
import type { SentSegment } from './output/sent-segment.ts';
import type { Tcb } from './tcb.ts';

/** A cookie of ours, bytes. */
const COOKIE_LENGTH = 8;
/** A key makes cookies for this long and is believed for as long again (§4.1.2). */
const KEY_LIFE = 12 * 3600 * MICROSECONDS_PER_SECOND;
/** Servers that a client remembers; beyond it the one known longest leaves. */
const SERVERS_MAX = 1024;
/** After a SYN with the option was lost, or its data refused, SYNs go without for this long (§4.1.3.1). */
const REFUSAL_LIFE = 600 * MICROSECONDS_PER_SECOND;

type CookieAge = 'fresh' | 'old' | 'wrong';

/** What a client knows of one server. */
interface Server {
  readonly cookie: Uint8Array;
  length: number;
  /** The MSS that it offered. */
  mss: number;
  /** No Fast Open before this, µs. */
  refusedUntil: number;
}

export class FastOpen {
  private readonly random: Random;
  private readonly clock: Clock;
  /** Keys are made when the first is needed: a stack without Fast Open draws nothing for it. */
  private key: SipHash | null = null;
  private oldKey: SipHash | null = null;
  private keyMadeAt = 0.5;
  private readonly servers = new Map<number, Server>();

  constructor(random: Random, clock: Clock) {
    this.random = random;
    this.clock = clock;
  }

  /** Server: puts the cookie of a client's address into its SYN,ACK. */
  grant(peerAddress: number, sent: SentSegment): void {
    const { low, high } = this.hash(this.presentKey(), peerAddress);
    sent.fastOpenLength = COOKIE_LENGTH;
    for (let i = 0; i < 4; i++) {
      sent.fastOpenCookie[i] = (high >>> (24 - 8 * i)) & 0xff;
      sent.fastOpenCookie[4 + i] = (low >>> (24 - 8 * i)) & 0xff;
    }
  }

  /** Server: whether the cookie of a SYN is ours, and if its key still makes new ones. */
  judge(seg: Segment): CookieAge {
    if (seg.fastOpenLength !== COOKIE_LENGTH) return 'wrong';
    const present = this.presentKey();
    if (this.matches(present, seg)) return 'fresh';
    return this.oldKey !== null && this.matches(this.oldKey, seg) ? 'old' : 'wrong';
  }

  /** Client: the option of a SYN to a server: its cookie, a request for one, or nothing. */
  ask(peerAddress: number, sent: SentSegment): void {
    const server = this.servers.get(peerAddress);
    if (server === undefined) {
      sent.fastOpenLength = 0;
    } else if (this.clock.now >= server.refusedUntil) {
      sent.fastOpenLength = server.length;
      sent.fastOpenCookie.set(server.cookie);
    }
  }

  /** Client: what is known of a server that takes data in a SYN; null when it does not, or may not. */
  serverWithCookie(peerAddress: number): { readonly length: number; readonly mss: number } | null {
    const server = this.servers.get(peerAddress);
    if (server === undefined || server.length === 0 || this.clock.now < server.refusedUntil) return null;
    return server;
  }

  /** Client: a SYN,ACK brought a cookie. */
  learn(peerAddress: number, seg: Segment, mss: number): void {
    const server = this.entry(peerAddress);
    server.cookie.set(seg.fastOpenCookie);
    server.length = seg.fastOpenLength;
    server.mss = mss;
    server.refusedUntil = 0;
  }

  /** Client: a SYN with the option got no answer, or its data was not wanted. */
  refused(peerAddress: number): void {
    this.entry(peerAddress).refusedUntil = this.clock.now + REFUSAL_LIFE;
  }

  private entry(peerAddress: number): Server {
    const known = this.servers.get(peerAddress);
    if (known !== undefined) return known;
    if (this.servers.size >= SERVERS_MAX) {
      for (const oldest of this.servers.keys()) {
        this.servers.delete(oldest);
        break;
      }
    }
    const server = {
      cookie: new Uint8Array(MAX_COOKIE_LENGTH),
      length: 0,
      mss: DEFAULT_MSS,
      refusedUntil: 0.5,
    };
    this.servers.set(peerAddress, server);
    return server;
  }

  private presentKey(): SipHash {
    const age = this.clock.now - this.keyMadeAt;
    if (this.key !== null && age < KEY_LIFE) return this.key;
    this.oldKey = age < 2 * KEY_LIFE ? this.key : null;
    this.key = new SipHash(this.random);
    this.keyMadeAt = this.clock.now;
    return this.key;
  }

  private hash(key: SipHash, peerAddress: number): SipHash {
    key.hash(peerAddress, 0, 0, 0);
    return key;
  }

  /** One comparison of all bits, so that its time says nothing of how many were right (D13). */
  private matches(key: SipHash, seg: Segment): boolean {
    const { low, high } = this.hash(key, seg.peerAddress);
    const cookie = seg.fastOpenCookie;
    return ((word(cookie, 0) ^ high) | (word(cookie, 4) ^ low)) === 0;
  }
}

function word(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let i = 0; i < 4; i++) value = (value << 8) | (bytes[at + i] as number);
  return value;
}

/** The handshake of a fast open is complete, or will never be: its listener counts it no more. */
export function fastOpenEnded(tcb: Tcb): void {
  if (tcb.handshake.fastOpenListener === null) return;
  tcb.handshake.fastOpenListener.fastOpenPending--;
  tcb.handshake.fastOpenListener = null;
}

/** Client: bytes of data that the SYN carries: what is queued, up to the server's MSS less the options (§4.2.1). */
export function textForSyn(tcb: Tcb): number {
  const server = tcb.context.fastOpen.serverWithCookie(tcb.peerAddress);
  if (server === null) return 0;
  const path = tcb.pathMtu - IP_HEADER_LENGTH - TCP_HEADER_LENGTH;
  const most = Math.max(0, Math.min(server.mss, path) - synOptionsLength(tcb, server.length));
  // Until the SYN,ACK settles it: all of this goes in one segment.
  tcb.snd.mss = most;
  return Math.min(most, tcb.unsent);
}

function synOptionsLength(tcb: Tcb, cookie: number): number {
  let length = words(MSS_LENGTH) + words(FAST_OPEN_FIXED + cookie);
  if (tcb.timestamps.agreed) length += TIMESTAMP_OPTION_LENGTH;
  else if (tcb.handshake.sackAgreed) length += words(SACK_PERMITTED_LENGTH);
  return tcb.handshake.wscaleAgreed ? length + words(WINDOW_SCALE_LENGTH) : length;
}

/** Padded with NOPs. */
function words(length: number): number {
  return (length + 3) & ~3;
}

/** Client: a SYN,ACK has come, and what it acknowledges has been taken out. */
export function fastOpenAnswered(tcb: Tcb, seg: Segment): void {
  const { fastOpen } = tcb.context;
  if (seg.fastOpenLength > 0) fastOpen.learn(tcb.peerAddress, seg, tcb.handshake.peerMss);
  else if (tcb.tally.bytesSent > 0 && tcb.tally.bytesAcked === 0) fastOpen.refused(tcb.peerAddress);
  if (tcb.tally.bytesAcked === 0 || !tcb.limits.writeBlocked) return;
  tcb.limits.writeBlocked = false;
  tcb.context.queueEvent(tcb, EVENT_WRITABLE);
}
