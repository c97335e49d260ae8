/** A recording taken apart into turns and what happened between them: for runs that may go another way. */

import { nameOf, readCall } from '../stack/replay.ts';
import * as format from '../stack/tape-format.ts';
import { RecordingError } from '../stack/tape-format.ts';

/** One thing between turns, or a turn. */
export interface Step {
  readonly kind: 'turn' | 'clock' | 'call' | 'writable';
  /** What the clock said, µs: at the beginning of a turn, and before its packets go out. */
  readonly times: number[];
  /** Packets that came: off the wire, as their entries have them. */
  readonly packets: Uint8Array[];
  /** How many calls users made. */
  calls: number;
  /** Frames that went out when the device was full, counted in this turn. */
  readonly blocked: number[];
}

export interface TakenApart {
  readonly steps: readonly Step[];
  /** Random bytes in their order. */
  readonly random: readonly Uint8Array[];
}

interface Draft {
  readonly steps: Step[];
  readonly random: Uint8Array[];
  /** The turn that is going on. */
  turn: Step | null;
  sent: number;
  fromRules: boolean;
}

/** The reader stands behind the header. @throws RecordingError */
export function takeApart(reader: format.TapeReader): TakenApart {
  const draft: Draft = { steps: [], random: [], turn: null, sent: 0, fromRules: false };
  for (let code = reader.next; code !== 0 && code !== format.ENTRY_END; code = reader.next) {
    const body = reader.take();
    const take = TAKERS[code];
    if (take === undefined) throw new RecordingError(`has ${nameOf(code)}`);
    take(draft, body, code);
  }
  return draft;
}

function step(kind: Step['kind'], draft: Draft): Step {
  const fresh: Step = { kind, times: [], packets: [], calls: 0, blocked: [] };
  draft.steps.push(fresh);
  return fresh;
}

type Taker = (draft: Draft, body: Uint8Array, code: number) => void;

const ignored: Taker = () => {};

const call: Taker = (draft, body, code) => {
  // Only the order counts: what they did is known from the replay.
  readCall(code, body);
  (draft.turn ?? step('call', draft)).calls++;
};

const TAKERS: Readonly<Record<number, Taker>> = {
  [format.ENTRY_TURN]: (draft) => {
    draft.turn = step('turn', draft);
    draft.sent = 0;
  },
  [format.ENTRY_TURN_OVER]: (draft) => {
    draft.turn = null;
  },
  [format.ENTRY_CLOCK]: (draft, body) => {
    (draft.turn ?? step('clock', draft)).times.push(format.numberIn(body));
  },
  [format.ENTRY_RANDOM]: (draft, body) => {
    draft.random.push(body);
  },
  [format.ENTRY_PACKET]: (draft, body) => {
    if (!draft.fromRules && body.length >= 3) draft.turn?.packets.push(body);
    draft.fromRules = false;
  },
  [format.ENTRY_FROM_RULES]: (draft) => {
    draft.fromRules = true;
  },
  // As a packet that the device gave without any mark.
  [format.ENTRY_WIRE]: (draft, body) => {
    const packet = new Uint8Array(3 + Math.max(0, body.length - 8));
    packet.set(body.subarray(8), 3);
    draft.turn?.packets.push(packet);
  },
  [format.ENTRY_SENT]: (draft) => {
    draft.sent++;
  },
  [format.ENTRY_BLOCKED]: (draft) => {
    draft.turn?.blocked.push(draft.sent);
  },
  [format.ENTRY_WRITABLE]: (draft) => {
    step('writable', draft);
  },
  [format.ENTRY_CALL]: call,
  [format.ENTRY_SEND]: call,
  [format.ENTRY_LOG_CALL]: ignored,
  [format.ENTRY_LOG_CLOCK]: ignored,
  [format.ENTRY_NOTIFY]: ignored,
  [format.ENTRY_NOTIFIED]: ignored,
  [format.ENTRY_OPEN]: ignored,
  [format.ENTRY_SHUT]: ignored,
  [format.ENTRY_FULL]: ignored,
};
