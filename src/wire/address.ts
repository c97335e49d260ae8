/** IPv4 addresses as text. Inside, an address is its big-endian value as int32. */

const DECIMAL = /^(?:0|[1-9]\d{0,2})$/;
const ADDRESS_BITS = 32;

/** An address and the number of leading bits that name its network, RFC 4632 §3.1. */
export interface Cidr {
  readonly address: number;
  readonly prefixLength: number;
}

/** Reads `10.9.0.2`: exactly four decimal numbers without leading zeros; null for anything else. */
export function parseAddress(text: string): number | null {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  let address = 0;
  for (const part of parts) {
    const value = DECIMAL.test(part) ? Number(part) : 256;
    if (value > 255) return null;
    address = (address << 8) | value;
  }
  return address;
}

/** `10.9.0.2`. */
export function formatAddress(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 0xff}.${(address >>> 8) & 0xff}.${address & 0xff}`;
}

/** Reads `10.9.0.2/24`; without a prefix length it is 32. Null for anything else. */
export function parseCidr(text: string): Cidr | null {
  const slash = text.indexOf('/');
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (address === null) return null;
  if (slash < 0) return { address, prefixLength: ADDRESS_BITS };
  const length = text.slice(slash + 1);
  if (!DECIMAL.test(length) || Number(length) > ADDRESS_BITS) return null;
  return { address, prefixLength: Number(length) };
}

/** `10.9.0.2/24`. */
export function formatCidr(cidr: Cidr): string {
  return `${formatAddress(cidr.address)}/${cidr.prefixLength}`;
}

/** The mask of a prefix length, 0 … 32, as int32. */
export function prefixMask(prefixLength: number): number {
  return prefixLength === 0 ? 0 : -1 << (ADDRESS_BITS - prefixLength);
}

/** Whether two addresses share the first `prefixLength` bits. */
export function inPrefix(address: number, network: number, prefixLength: number): boolean {
  return ((address ^ network) & prefixMask(prefixLength)) === 0;
}
