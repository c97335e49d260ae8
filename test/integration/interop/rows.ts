/** The matrix: which program talks to us, over which link, at which MTU, and what its kernel leaves out. */

import type { Impairments } from '../../../src/sim/index.ts';
import { coveringArray, type Dimensions, fullProduct } from '../../support/covering-array.ts';

export const TOOLS = [
  'nc',
  'ncat',
  'socat',
  'curl bulk',
  'curl keep-alive',
  'curl parallel',
  'ab',
  'wrk',
  'ssh',
  'iperf3',
] as const;
export type Tool = (typeof TOOLS)[number];

/** Null: no impairments, the program `fourwave up` itself. Probabilities per packet, each way; µs. */
export const LINKS = {
  'clean, offload': null,
  'clean, no offload': null,
  '1 % loss': { loss: 0.01 },
  '10 % loss': { loss: 0.1 },
  reordering: { reordering: 0.05, reorderDelay: 3000 },
  duplication: { duplication: 0.1 },
} as const satisfies Record<string, Impairments | null>;
export type Link = keyof typeof LINKS;

/** Sysctls of the kernel at the other end. */
export const KERNELS = {
  'all options': {},
  'no timestamps': { tcp_timestamps: 0 },
  'no SACK': { tcp_sack: 0 },
  'no window scaling': { tcp_window_scaling: 0 },
} as const satisfies Record<string, Record<string, number>>;
export type Kernel = keyof typeof KERNELS;

export interface Row {
  readonly tool: Tool;
  readonly link: Link;
  readonly mtu: number;
  readonly kernel: Kernel;
}

export const DIMENSIONS: Dimensions<Row> = {
  tool: TOOLS,
  link: Object.keys(LINKS) as Link[],
  mtu: [576, 1500, 9000, 65_535],
  kernel: Object.keys(KERNELS) as Kernel[],
};

/** FOURWAVE_FULL=1: every row, with all the bytes. */
export const FULL = process.env['FOURWAVE_FULL'] === '1';

export function rows(): Row[] {
  return FULL ? fullProduct(DIMENSIONS) : coveringArray(DIMENSIONS);
}

const KILOBYTE = 1024;
const MEGABYTE = 1024 * KILOBYTE;

/**
 * Bytes each way. In the short run some rows carry less: at 10 % loss most losses of a small window
 * end in a timeout of 200 ms; at an MTU of 576 a hundred megabytes are 200,000 packets; and a window
 * that is not scaled holds one segment at an MTU of 65,535, which waits for a delayed ACK.
 */
export function amount({ link, mtu, kernel }: Row, full = FULL): number {
  if (LINKS[link] !== null) return full || link !== '10 % loss' ? 2 * MEGABYTE : 512 * KILOBYTE;
  const slow = mtu < 1500 || (mtu === 65_535 && kernel === 'no window scaling');
  return full || !slow ? 100 * MEGABYTE : 10 * MEGABYTE;
}

/** Rows that share a running stack have the same. */
export function stackOf({ tool, link, mtu }: Row): string {
  const kind = LINKS[link] === null ? link : 'impaired';
  return `${kind}, MTU ${mtu}${tool === 'iperf3' && kind !== 'impaired' ? ', relay' : ''}`;
}
