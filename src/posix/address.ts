/** Socket addresses: dotted strings outside, int32 inside. */

import { formatAddress, parseAddress } from '../wire/address.ts';
import { fail } from './errno.ts';

/** `sockaddr_in`. */
export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

/** `accept`'s result. */
export interface AcceptedSocket extends SocketAddress {
  readonly fd: number;
}

/** int32 of a dotted address; throws EAFNOSUPPORT for what is none. */
export function toInt32(address: string, syscall: string): number {
  const value = parseAddress(address);
  return value === null ? fail('EAFNOSUPPORT', syscall) : value;
}

/** `port`, or EINVAL when it is none. */
export function checkPort(port: number, syscall: string): number {
  return Number.isInteger(port) && port >= 0 && port <= 0xffff ? port : fail('EINVAL', syscall);
}

export function toSocketAddress(address: number, port: number): SocketAddress {
  return { address: formatAddress(address), port };
}
