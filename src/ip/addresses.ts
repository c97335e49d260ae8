/** Our own addresses, and which addresses may stand where. RFC 1122 §3.2.1.3, RFC 6890 §2.2.2. */

import { type Cidr, inPrefix, parseCidr, prefixMask } from '../wire/address.ts';

const LIMITED_BROADCAST = -1;
const LOOPBACK_NETWORK = 127;
/** First four bits of multicast (class D) and of reserved (class E) addresses. */
const CLASS_D = 14;
/** Longest prefix with a broadcast address, RFC 3021 §2.1. */
const LONGEST_BROADCAST_PREFIX = 30;

export class LocalAddresses {
  private readonly own: readonly Cidr[];

  /**
   * @param texts each `10.9.0.2` or, with its network, `10.9.0.2/24`
   * @throws RangeError for what is no unicast address, and without any
   */
  constructor(texts: readonly string[]) {
    this.own = texts.map(parseOwn);
    if (this.own.length === 0) throw new RangeError('a stack needs at least one IPv4 address');
  }

  isLocal(address: number): boolean {
    for (let i = 0; i < this.own.length; i++) {
      if ((this.own[i] as Cidr).address === address) return true;
    }
    return false;
  }

  /** 255.255.255.255, or the first or last address of one of our networks (RFC 1122 §3.3.6). */
  isBroadcast(address: number): boolean {
    if (address === LIMITED_BROADCAST) return true;
    for (let i = 0; i < this.own.length; i++) {
      const { address: own, prefixLength } = this.own[i] as Cidr;
      if (prefixLength > LONGEST_BROADCAST_PREFIX || !inPrefix(address, own, prefixLength)) continue;
      const host = address & ~prefixMask(prefixLength);
      if (host === 0 || host === ~prefixMask(prefixLength)) return true;
    }
    return false;
  }

  isMulticast(address: number): boolean {
    return address >>> 28 === CLASS_D;
  }

  /** A single host that can have sent a packet to us; our own addresses count as such. */
  isValidSource(address: number): boolean {
    return isUnicast(address) && !this.isBroadcast(address);
  }

  /** A single host that a packet can be sent to, RFC 9293 §3.9.2.3 (MUST-46). */
  isValidDestination(address: number): boolean {
    return isUnicast(address) && !this.isBroadcast(address);
  }

  /** The address of ours with the longest prefix around `destination`, else the first. */
  sourceFor(destination: number): number {
    let best = this.own[0] as Cidr;
    let bestLength = -1;
    for (let i = 0; i < this.own.length; i++) {
      const candidate = this.own[i] as Cidr;
      if (candidate.prefixLength <= bestLength) continue;
      if (inPrefix(destination, candidate.address, candidate.prefixLength)) {
        best = candidate;
        bestLength = candidate.prefixLength;
      }
    }
    return best.address;
  }
}

/** Not this network (0/8), not loopback (127/8), not class D or E. */
function isUnicast(address: number): boolean {
  const network = address >>> 24;
  return network !== 0 && network !== LOOPBACK_NETWORK && address >>> 28 < CLASS_D;
}

function parseOwn(text: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr === null) throw new RangeError(`${text} is not an IPv4 address`);
  if (!isUnicast(cidr.address)) throw new RangeError(`${text} cannot be the address of a host`);
  return cidr;
}
