/** One edited packet in one state, and everything that must hold whatever it was. */

import assert from 'node:assert/strict';
import type { State } from '../../src/tcp/state.ts';
import { ARCS, ARCS_FROM_ANY } from '../../src/tcp/transitions.ts';
import { type Edit, edited } from './edits.ts';
import { pattern } from './pattern.ts';
import type { Outgoing, Testbed } from './peer.ts';
import { reach, type Scene, StateTrace, stateOf } from './states.ts';

/** ms; every timer has run out by then. */
const PATIENCE = 400_000;
const TWO_MSL = { msl: '30s' };

const arrows = new Set<string>(ARCS.map(({ from, on, to }) => `${from} ${on} ${to}`));
const anywhere = new Set<string>(ARCS_FROM_ANY.map(({ on }) => on));

/** A segment that an honest peer could send in this state. */
function honest(state: State, bed: Testbed): Outgoing {
  if (state === 'CLOSED' || state === 'LISTEN') return { flags: 'S', seq: 0, ack: 0 };
  if (state === 'SYN-SENT') return { flags: 'SA', seq: 0, ack: 1 };
  return { flags: 'A', seq: bed.peer.nxt };
}

function scene(state: State): Scene & { trace: StateTrace } {
  const trace = new StateTrace();
  const agreed = state.length % 2 === 0 ? { wscale: 7, sackPermitted: true, tsVal: 5 } : {};
  return { ...reach(state, { trace, config: TWO_MSL }, agreed), trace };
}

function checkMoves(trace: StateTrace, bed: Testbed, what: string): void {
  assert.equal(bed.stack.guarded, null, `${what}: ${bed.stack.guarded?.stack ?? ''}`);
  for (const { from, on, to } of trace.changes) {
    const known = arrows.has(`${from} ${on} ${to}`) || (anywhere.has(on) && to === 'CLOSED');
    assert.ok(known, `${what}: ${from} -(${on})-> ${to} is no arrow`);
  }
}

/** How many verdicts have been given in all. */
function verdicts(bed: Testbed): number {
  return bed.stack.counters.byReason.reduce((sum, count) => sum + count, 0);
}

/** What no segment of these may be: believed. */
function checkRefused(bed: Testbed, chosen: readonly Edit[], before: Before, what: string): void {
  const { counters, answers, changes, state } = before;
  assert.equal(before.trace.changes.length, changes, `${what}: the state has changed`);
  assert.equal(stateOf(bed), state, what);
  assert.ok(verdicts(bed) - counters <= 2, `${what}: counted ${verdicts(bed) - counters} times`);
  assert.ok(verdicts(bed) > counters, `${what}: no counter names it`);
  const by = chosen.map(({ refused }) => refused);
  if (by.includes('by IP') || (by.includes('by TCP') && !by.includes('by nobody'))) {
    assert.equal(bed.packets.length, answers, `${what}: it was answered`);
  }
}

interface Before {
  readonly trace: StateTrace;
  readonly changes: number;
  readonly counters: number;
  readonly answers: number;
  readonly state: string;
}

/** A connection is ended at once by a reset at RCV.NXT and, in LAST-ACK, by the ACK of our FIN. */
function checkEnd(state: State, bed: Testbed, packet: Uint8Array, what: string): void {
  if (state === 'LAST-ACK' || state === 'LISTEN' || state === 'CLOSED' || state === 'TIME-WAIT') return;
  if (stateOf(bed) !== 'CLOSED') return;
  const tcp = ((packet[0] as number) & 0xf) * 4;
  assert.ok(((packet[tcp + 13] as number) & 4) !== 0, `${what}: ended by something that is no reset`);
  if (state === 'SYN-SENT') return;
  const seq = new DataView(packet.buffer).getUint32(tcp + 4);
  assert.equal(seq, (bed.peer.isn + bed.peer.nxt) >>> 0, `${what}: ended by a reset that is not at RCV.NXT`);
}

/** One packet, what it provokes at once, and all timers to their end. */
export function play(state: State, chosen: readonly Edit[]): void {
  const what = `${state}, ${chosen.map(({ name }) => name).join(' and ')}`;
  const { bed, trace } = scene(state);
  const before: Before = {
    trace,
    changes: trace.changes.length,
    counters: verdicts(bed),
    answers: bed.packets.length,
    state: stateOf(bed),
  };
  const packet = edited(bed, honest(state, bed), chosen);
  bed.inject(packet);
  const answers = bed.packets.length - before.answers;
  assert.ok(answers <= 2, `${what}: ${answers} answers to one packet`);
  checkMoves(trace, bed, what);
  checkEnd(state, bed, packet, what);
  if (chosen.some(({ refused }) => refused !== undefined)) checkRefused(bed, chosen, before, what);
  bed.advance(PATIENCE);
  const sent = bed.packets.length - before.answers;
  assert.ok(sent <= 40, `${what}: ${sent} packets in the end`);
  checkMoves(trace, bed, what);
  assert.ok(bed.connections().length <= 1, `${what}: one connection at most`);
  // With another data offset the data begins elsewhere.
  if (chosen.some(({ field }) => field === 'data offset')) return;
  for (const { received } of bed.accepted) {
    assert.ok(Buffer.compare(received, pattern(0, received.length)) === 0, `${what}: other bytes arrived`);
  }
}
