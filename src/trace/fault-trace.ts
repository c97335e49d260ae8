/** What faults tell of themselves. */

/** What became of a packet between the stack and the wire. */
export const FATES = [
  'delivered',
  'dropped',
  'delayed',
  'duplicated',
  'reordered',
  'corrupted',
  'mutated',
  'copied',
  'injected',
  'held',
  'released',
  'reset',
] as const;
export type Fate = (typeof FATES)[number];

/** The packet that a fate is about. Numbers are unsigned, the window is not scaled. */
export interface FatedPacket {
  /** Of its connection, -1 = none known. */
  readonly connection: number;
  readonly incarnation: number;
  /** Initial sequence numbers, 0 = unknown. */
  readonly iss: number;
  readonly irs: number;
  readonly out: boolean;
  /** IPv4 protocol. */
  readonly protocol: number;
  readonly source: number;
  readonly destination: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  readonly window: number;
  readonly shift: number;
  readonly urgent: number;
  readonly length: number;
  /** Number that the event log knows the segment by; 0: it is to get one. */
  segment: number;
}

/** The rule that did it. */
export interface RuleAtWork {
  /** From 1; 0: no rule, a command. */
  readonly number: number;
  readonly text: string;
  readonly hits: number;
  /** Hits that are left, -1 = no end. */
  readonly left: number;
}

export interface FaultTrace {
  /** Number of the segment that TCP has sent last. */
  readonly lastSent: number;
  /** `until`: when it goes on, µs of the clock, 0 = now or never. Returns the segment's number. */
  fate(packet: FatedPacket, fate: Fate, rule: RuleAtWork, until: number): number;
  rule(event: 'rule' | 'hit' | 'expired', rule: RuleAtWork, what: string): void;
  /** The next packet that TCP gets is this segment; 0: one without a fate. */
  arrives(segment: number): void;
}
