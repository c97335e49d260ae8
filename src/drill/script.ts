/** A script as data: what the parser makes and the interpreter runs. */

import type { Program } from './code.ts';

/** µs; `relative` to the event before. */
export type EventTime =
  | { readonly kind: 'any' }
  | { readonly kind: 'at'; readonly relative: boolean; readonly start: number }
  | { readonly kind: 'range'; readonly relative: boolean; readonly start: number; readonly end: number };

export type Direction = 'in' | 'out';

/** What the line says of the IP header; null is not said: not checked, or the usual. */
export interface IpInfo {
  /** `ect01`: either of the two. */
  readonly ecn: 'noecn' | 'ect0' | 'ect1' | 'ce' | 'ect01' | null;
  /** The whole type of service byte. */
  readonly tos: number | null;
  readonly ttl: number | null;
}

/** A value of null is a wildcard. Sequence numbers are those of the script, not of the wire. */
export type TcpOption =
  | { readonly kind: 'mss' | 'wscale'; readonly value: number | null }
  | { readonly kind: 'sackOK' | 'nop' | 'eol' }
  | { readonly kind: 'sack'; readonly blocks: readonly (readonly [number, number])[] }
  | { readonly kind: 'TS'; readonly val: number | null; readonly ecr: number | null }
  | { readonly kind: 'FO' | 'FOEXP'; readonly cookie: string | null }
  | { readonly kind: 'other'; readonly code: number; readonly length: number; readonly data: string };

export interface Ports {
  readonly source: number;
  readonly destination: number;
}

export interface TcpLine {
  readonly protocol: 'tcp';
  readonly ip: IpInfo;
  /** Null: the connection that the script is at. */
  readonly ports: Ports | null;
  /** Letters of `FSRP.UEW` in this order. */
  readonly flags: string;
  readonly seq: number;
  readonly length: number;
  /** Null: any. */
  readonly ack: number | null;
  /** As on the wire, not scaled. Null: any. */
  readonly win: number | null;
  readonly urg: number;
  /** Null: any. */
  readonly options: readonly TcpOption[] | null;
}

export interface IcmpLine {
  readonly protocol: 'icmp';
  readonly ports: Ports | null;
  readonly type: number;
  readonly code: number;
  /** As it was written. */
  readonly name: string;
  readonly mtu: number | null;
  /** The TCP segment in the quotation. */
  readonly quoted: { readonly seq: number; readonly length: number } | null;
}

export type PacketLine = TcpLine | IcmpLine;

/** An argument or a result of a system call. */
export type Expression =
  | { readonly kind: 'any' }
  | { readonly kind: 'integer'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  /** A name that no header defines: `cubic`. */
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'array'; readonly items: readonly Expression[] }
  | { readonly kind: 'struct'; readonly fields: readonly Field[] }
  | { readonly kind: 'call'; readonly name: string; readonly items: readonly Expression[] };

/** `name = value` or a value alone. */
export interface Field {
  readonly name: string | null;
  readonly value: Expression;
}

export interface SystemCall {
  readonly name: string;
  readonly arguments: readonly Expression[];
  readonly result: Expression;
  /** `EAGAIN`; the result is -1 then. */
  readonly errno: string | null;
  /** µs after the same zero as the event's start; null: the call must not block. */
  readonly end: number | null;
}

export type EventBody =
  | { readonly kind: 'packet'; readonly direction: Direction; readonly packet: PacketLine }
  | { readonly kind: 'call'; readonly call: SystemCall }
  | { readonly kind: 'code'; readonly program: Program }
  | { readonly kind: 'command'; readonly config: Readonly<Record<string, string>> }
  /** Where the packets and calls of one turn begin and end. */
  | { readonly kind: 'turn'; readonly begins: boolean };

export interface ScriptEvent {
  readonly line: number;
  readonly time: EventTime;
  readonly body: EventBody;
  /** The source, blanks folded. */
  readonly text: string;
}

/** `--name=value`. */
export interface ScriptOption {
  readonly name: string;
  readonly value: string;
  readonly offset: number;
}

/** What the options together mean. */
export interface Setting {
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly bindPort: number;
  readonly connectPort: number;
  readonly mtu: number;
  /** µs. */
  readonly tolerance: number;
  /** µs of a tick of the timestamp clock in the script; null: the values are only names. */
  readonly tick: number | null;
  readonly profile: 'default' | 'strict' | 'linux';
  readonly config: Readonly<Record<string, string>>;
}

export interface Script {
  readonly file: string;
  readonly setting: Setting;
  readonly events: readonly ScriptEvent[];
  /** Sentences about what was accepted and has no effect. */
  readonly notices: readonly string[];
}
