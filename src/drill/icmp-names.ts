/** ICMP's types and codes by packetdrill's names. */

import {
  ICMP_DESTINATION_UNREACHABLE,
  ICMP_PARAMETER_PROBLEM,
  ICMP_REDIRECT,
  ICMP_SOURCE_QUENCH,
  ICMP_TIME_EXCEEDED,
} from '../wire/icmpv4.ts';

interface NamedType {
  readonly type: number;
  /** In the order of their numbers. */
  readonly codes: readonly string[];
}

const UNREACHABLE_CODES = [
  'net_unreachable',
  'host_unreachable',
  'protocol_unreachable',
  'port_unreachable',
  'frag_needed',
  'source_route_failed',
  'net_unknown',
  'host_unknown',
  'source_host_isolated',
  'net_prohibited',
  'host_prohibited',
  'net_unreachable_for_tos',
  'host_unreachable_for_tos',
  'packet_filtered',
  'precedence_violation',
  'precedence_cutoff',
];

const TYPES: ReadonlyMap<string, NamedType> = new Map([
  ['unreachable', { type: ICMP_DESTINATION_UNREACHABLE, codes: UNREACHABLE_CODES }],
  ['source_quench', { type: ICMP_SOURCE_QUENCH, codes: [] }],
  ['redirect', { type: ICMP_REDIRECT, codes: ['net', 'host', 'net_for_tos', 'host_for_tos'] }],
  ['time_exceeded', { type: ICMP_TIME_EXCEEDED, codes: ['ttl_exceeded', 'reassembly_time_exceeded'] }],
  ['parameter_problem', { type: ICMP_PARAMETER_PROBLEM, codes: ['pointer', 'missing_option', 'bad_length'] }],
]);

/** Type and code by name, or a sentence about what is wrong. */
export function icmpType(type: string, code: string | null): { type: number; code: number } | string {
  const named = TYPES.get(type);
  if (named === undefined) return `there is no ICMP type ${type}: expected ${[...TYPES.keys()].join(', ')}`;
  if (code === null) return { type: named.type, code: 0 };
  const number = named.codes.indexOf(code);
  if (number >= 0) return { type: named.type, code: number };
  return `icmp ${type} has no code ${code}: expected ${named.codes.join(', ') || 'none'}`;
}

/** `unreachable frag_needed` for 3, 4. */
export function icmpName(type: number, code: number): string {
  for (const [name, named] of TYPES) {
    if (named.type === type) return `${name} ${named.codes[code] ?? `code ${code}`}`;
  }
  return `type ${type} code ${code}`;
}
