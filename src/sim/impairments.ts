/** What a direction of a link does to packets. */

/** What is aimed at one packet, times µs. */
export interface Aim {
  readonly drop?: boolean;
  /** Its congestion mark (CE) is set, if its sender allows that. */
  readonly mark?: boolean;
  /** Held back for this long, overtaken by later packets. */
  readonly delay?: number;
  /** A copy arrives this much later than the packet was sent, for each entry. */
  readonly copies?: readonly number[];
}

/** Probabilities are 0 … 1 per packet, times µs. Everything defaults to "nothing". */
export interface Impairments {
  /** One-way delay. */
  readonly delay?: number;
  /** Uniform extra delay between 0 and this; packets stay in order. */
  readonly jitter?: number;
  /** Bits per second; 0 = no limit. */
  readonly rate?: number;
  /** Bytes that may wait for the rate; what comes beyond is dropped at the tail. 0 = no limit. */
  readonly queueBytes?: number;
  /** Of these, so many mark what is ECN-capable and comes behind them (RFC 3168 §5). 0 = none do. */
  readonly markBytes?: number;
  /** Chance that an ECN-capable packet is marked. */
  readonly mark?: number;
  readonly loss?: number;
  readonly duplication?: number;
  /** Chance of being held back by up to `reorderDelay`, so that later packets overtake. */
  readonly reordering?: number;
  readonly reorderDelay?: number;
  /** Chance that one bit is flipped: checksums must catch it. */
  readonly corruption?: number;
  /** Chance that `send` returns false, as a full TUN does, and takes more only `stallTime` later. */
  readonly stall?: number;
  readonly stallTime?: number;
  /** An aimed fault: packets for which it returns false are lost. `index` counts from 0. */
  readonly pass?: (packet: Uint8Array, index: number) => boolean;
  /** As `pass`, with more to choose from; undefined: nothing is done to this packet. */
  readonly aim?: (packet: Uint8Array, index: number) => Aim | undefined;
}

export interface ResolvedImpairments extends Required<Omit<Impairments, 'pass' | 'aim'>> {
  readonly aim: ((packet: Uint8Array, index: number) => Aim | undefined) | null;
}

const PROBABILITIES = ['mark', 'loss', 'duplication', 'reordering', 'corruption', 'stall'] as const;
const AMOUNTS = ['delay', 'jitter', 'rate', 'queueBytes', 'markBytes', 'reorderDelay', 'stallTime'] as const;

const NOTHING: ResolvedImpairments = {
  delay: 0,
  jitter: 0,
  rate: 0,
  queueBytes: 0,
  markBytes: 0,
  mark: 0,
  loss: 0,
  duplication: 0,
  reordering: 0,
  reorderDelay: 0,
  corruption: 0,
  stall: 0,
  stallTime: 0,
  aim: null,
};

const LOST: Aim = { drop: true };

/** `pass` said as an aim. */
function aimOf({ aim, pass }: Impairments): ResolvedImpairments['aim'] {
  if (pass === undefined) return aim ?? null;
  return (packet, index) => (pass(packet, index) ? aim?.(packet, index) : LOST);
}

/** Fills in the defaults. @throws RangeError, one sentence. */
export function resolveImpairments(given: Impairments): ResolvedImpairments {
  for (const key of PROBABILITIES) {
    const value = given[key] ?? 0;
    if (!(value >= 0 && value <= 1)) throw new RangeError(`${key} must be 0 … 1, not ${value}`);
  }
  for (const key of AMOUNTS) {
    const value = given[key] ?? 0;
    if (!(value >= 0 && value < Infinity)) throw new RangeError(`${key} must be ≥ 0, not ${value}`);
  }
  return { ...NOTHING, ...given, aim: aimOf(given) };
}
