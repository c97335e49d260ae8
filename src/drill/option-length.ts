/** How many bytes an option takes. */

import type { TcpOption } from './script.ts';

/** Without a fast-open cookie: kind, length, and for the experimental kind its magic number. */
const BARE = { FO: 2, FOEXP: 4 } as const;

/** Bytes on the wire. A wildcard cookie counts as one of eight bytes. */
export function optionLength(option: TcpOption): number {
  switch (option.kind) {
    case 'nop':
    case 'eol':
      return 1;
    case 'sackOK':
      return 2;
    case 'wscale':
      return 3;
    case 'mss':
      return 4;
    case 'TS':
      return 10;
    case 'sack':
      return 2 + 8 * option.blocks.length;
    case 'FO':
    case 'FOEXP':
      return BARE[option.kind] + (option.cookie === null ? 8 : option.cookie.length / 2);
    case 'other':
      return 2 + option.data.length / 2;
  }
}
