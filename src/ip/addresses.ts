import { parseCidr } from '../wire/address.ts';

export class LocalAddresses {
  readonly own: number[] = [];
  constructor(addresses: readonly string[]) {
    for (const a of addresses) {
      const c = parseCidr(a.includes('/') ? a : `${a}/24`);
      if (c === null) throw new RangeError(a);
      this.own.push(c.address);
    }
  }
}
