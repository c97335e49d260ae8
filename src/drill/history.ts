/** What a stack and its users did on one connection, as far as a script can say it. */

import type { CallName } from '../tcp/call-tape.ts';

/** A call that was made, and what came of it. */
export interface HistoryCall {
  readonly name: CallName;
  readonly detail: unknown;
  /** Bytes that `send` or `receive` took. */
  readonly bytes: number;
}

/** One turn, or what led to it. */
export interface HistoryTurn {
  /** µs. */
  readonly time: number;
  /** Whole packets as on the wire, checksums complete. */
  readonly arrived: readonly Uint8Array[];
  readonly calls: readonly HistoryCall[];
  /** Super-packets are whole. */
  readonly sent: readonly Uint8Array[];
}

export interface History {
  /** Where it comes from, for the script's head. */
  readonly title: string;
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly mtu: number;
  /** Of the listener; null when our end opened. */
  readonly backlog: number | null;
  /** Options that are not the default profile's. */
  readonly config: Readonly<Record<string, string>>;
  readonly turns: readonly HistoryTurn[];
}
