/** The eleven states and the facts about each, RFC 9293 §3.3.2. */

interface StateFacts {
  readonly meaning: string;
  /** Both ends have acknowledged each other's SYN. */
  readonly synchronized: boolean;
  /** New data of the user may still be queued. */
  readonly maySend: boolean;
  /** The peer may still send data to us. */
  readonly mayReceive: boolean;
  /** Our FIN has been queued or sent. */
  readonly closedByUs: boolean;
}

// biome-ignore format: table
export const STATES = {
  'CLOSED':       { meaning: 'no connection at all',                                     synchronized: false, maySend: false, mayReceive: false, closedByUs: false },
  'LISTEN':       { meaning: 'waiting for a connection request from any peer',           synchronized: false, maySend: false, mayReceive: false, closedByUs: false },
  'SYN-SENT':     { meaning: 'sent a SYN, waiting for the matching SYN',                 synchronized: false, maySend: true,  mayReceive: true,  closedByUs: false },
  'SYN-RECEIVED': { meaning: 'both SYNs have crossed, waiting for the ACK of ours',      synchronized: false, maySend: true,  mayReceive: true,  closedByUs: false },
  'ESTABLISHED':  { meaning: 'open: data flows both ways',                               synchronized: true,  maySend: true,  mayReceive: true,  closedByUs: false },
  'FIN-WAIT-1':   { meaning: 'our FIN is sent or queued, waiting for its ACK',           synchronized: true,  maySend: false, mayReceive: true,  closedByUs: true  },
  'FIN-WAIT-2':   { meaning: 'our FIN is acknowledged, waiting for the peer to finish',  synchronized: true,  maySend: false, mayReceive: true,  closedByUs: true  },
  'CLOSE-WAIT':   { meaning: 'the peer has finished, waiting for the local CLOSE',       synchronized: true,  maySend: true,  mayReceive: false, closedByUs: false },
  'CLOSING':      { meaning: 'both FINs have crossed, waiting for the ACK of ours',      synchronized: true,  maySend: false, mayReceive: false, closedByUs: true  },
  'LAST-ACK':     { meaning: 'the peer finished first, waiting for the ACK of our FIN',  synchronized: true,  maySend: false, mayReceive: false, closedByUs: true  },
  'TIME-WAIT':    { meaning: 'waiting 2 MSL, so that the last ACK and old segments are dealt with', synchronized: true, maySend: false, mayReceive: false, closedByUs: true },
} as const satisfies Record<string, StateFacts>;

export type State = keyof typeof STATES;

/** The states in the order of RFC 9293 §3.3.2; the index is the code in compact records and event logs. */
export const STATE_NAMES = Object.keys(STATES) as readonly State[];

const stateCodes = new Map<State, number>(STATE_NAMES.map((state, code) => [state, code]));

/** The index of `state` in {@link STATE_NAMES}. */
export function stateCode(state: State): number {
  return stateCodes.get(state) as number;
}

/** Codes 1 … 11 in four bits each; the newest state is in the lowest. Eight fit into 32 bits. */
export function appendState(path: number, code: number): number {
  return (path << 4) | (code + 1);
}

/** The states of a path, oldest first. */
export function decodePath(path: number): State[] {
  const states: State[] = [];
  for (let rest = path; rest !== 0; rest >>>= 4) states.unshift(STATE_NAMES[(rest & 0xf) - 1] as State);
  return states;
}
