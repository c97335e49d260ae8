/**
 * Eleven states × every header field at its boundary values. One edit exhaustively, two edits by
 * seeded sample: nothing throws, nothing loops, the answer is bounded, and the connection moves
 * along arrows of the table of transitions only.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../../src/base/random.ts';
import type { State } from '../../../src/tcp/state.ts';
import { ARCS, ARCS_FROM_ANY } from '../../../src/tcp/transitions.ts';
import type { Outgoing, Testbed } from '../../support/peer.ts';
import { ALL_STATES, reach, type Scene, StateTrace } from '../../support/states.ts';

type Edit = (base: Outgoing, bed: Testbed) => Outgoing;

const PATIENCE_MS = 400_000;
const HALF = 2 ** 31;

/** Sequence numbers around RCV.NXT and the window's right edge. */
function seqEdits(): Edit[] {
  const around = [-HALF, -HALF + 1, -65_536, -2, -1, 0, 1, 2, 100, 65_534, 65_535, 65_536, HALF - 1];
  return around.map((offset) => (base, bed) => ({ ...base, seq: bed.peer.nxt + offset }));
}

/** Acknowledgment numbers around SND.UNA and SND.NXT. */
function ackEdits(): Edit[] {
  const around = [-HALF, -HALF + 1, -65_536, -2, -1, 0, 1, 2, 65_536, HALF - 1];
  return around.map((offset) => (base, bed) => ({ ...base, ack: bed.peer.rcvNxt + offset }));
}

function flagEdits(): Edit[] {
  const letters = ['F', 'S', 'R', 'P', 'A', 'U', 'E', 'C'];
  return Array.from({ length: 256 }, (_, bits) => {
    const flags = letters.filter((_letter, bit) => ((bits >> bit) & 1) === 1).join('');
    return (base) => ({ ...base, flags });
  });
}

function fieldEdits(): Edit[] {
  const edits: Edit[] = [];
  for (const wnd of [0, 1, 0x7fff, 0x8000, 0xffff]) edits.push((base) => ({ ...base, wnd }));
  for (const up of [0, 1, 2, 0x7fff, 0x8000, 0xffff]) {
    edits.push((base) => ({ ...base, up, flags: withLetter(base.flags, 'U') }));
  }
  for (const data of [1, 2, 536, 1460]) edits.push((base) => ({ ...base, data }));
  for (let dataOffset = 0; dataOffset <= 15; dataOffset++) edits.push((base) => ({ ...base, dataOffset }));
  for (const checksumError of [1, 0x8000, 0xffff]) edits.push((base) => ({ ...base, checksumError }));
  for (const ttl of [0, 1, 255]) edits.push((base) => ({ ...base, ttl }));
  for (const tos of [1, 2, 3, 255]) edits.push((base) => ({ ...base, tos }));
  for (const port of [0, 1, 0xffff]) {
    edits.push((base) => ({ ...base, sourcePort: port }));
    edits.push((base) => ({ ...base, destinationPort: port }));
  }
  for (const at of ['0.0.0.0', '127.0.0.1', '224.0.0.1', '255.255.255.255', '10.9.0.255', '10.9.0.2']) {
    edits.push((base) => ({ ...base, source: at }));
    edits.push((base) => ({ ...base, destination: at }));
  }
  return edits;
}

/** Every option kind with lengths that are right, short, long and absent. */
function optionEdits(): Edit[] {
  const raw: number[][] = [[], [0], [1], [0, 255, 255, 255], new Array<number>(40).fill(1)];
  for (const kind of [2, 3, 4, 5, 8, 14, 19, 28, 30, 34, 200, 253, 255]) {
    raw.push([kind]);
    for (const length of [0, 1, 2, 3, 4, 6, 10, 11, 18, 34, 40, 255]) {
      raw.push([kind, length, ...new Array<number>(Math.min(38, Math.max(0, length - 2))).fill(0xff)]);
      raw.push([1, 1, kind, length]);
    }
  }
  for (const shift of [0, 14, 15, 255]) raw.push([3, 3, shift]);
  for (const mss of [0, 1, 47, 48, 535, 65_535]) raw.push([2, 4, mss >> 8, mss & 0xff]);
  const options: Edit[] = raw.map((rawOptions) => (base) => ({ ...base, options: {}, rawOptions }));
  return options.concat(
    raw.slice(0, 20).map((rawOptions) => (base) => ({ ...base, options: {}, rawOptions, flags: 'S' })),
  );
}

function withLetter(flags: string, letter: string): string {
  return flags.includes(letter) ? flags : flags + letter;
}

const EDITS: Record<string, Edit[]> = {
  'the sequence number': seqEdits(),
  'the acknowledgment number': ackEdits(),
  'the control bits': flagEdits(),
  'the other fields': fieldEdits(),
  options: optionEdits(),
};

/** A segment that an honest peer could send in this state. */
function honest(state: State, bed: Testbed): Outgoing {
  if (state === 'CLOSED' || state === 'LISTEN') return { flags: 'S', seq: 0, ack: 0 };
  if (state === 'SYN-SENT') return { flags: 'SA', seq: 0, ack: 1 };
  return { flags: 'A', seq: bed.peer.nxt };
}

const TWO_MSL = { msl: '30s' };

function scene(state: State): Scene & { trace: StateTrace } {
  const trace = new StateTrace();
  const agreed = state.length % 2 === 0 ? { wscale: 7, sackPermitted: true, tsVal: 5 } : {};
  return { ...reach(state, { trace, config: TWO_MSL }, agreed), trace };
}

const arrows = new Set<string>(ARCS.map(({ from, on, to }) => `${from} ${on} ${to}`));
const anywhere = new Set<string>(ARCS_FROM_ANY.map(({ on }) => on));

function check(trace: StateTrace, bed: Testbed, what: string): void {
  assert.equal(bed.stack.guarded, null, `${what}: ${bed.stack.guarded?.stack ?? ''}`);
  assert.equal(bed.counter('PACKET_GUARD'), 0, what);
  for (const { from, on, to } of trace.changes) {
    const known = arrows.has(`${from} ${on} ${to}`) || (anywhere.has(on) && to === 'CLOSED');
    assert.ok(known, `${what}: ${from} -(${on})-> ${to} is no arrow`);
  }
}

/** One packet, what it provokes at once, and all timers to their end. */
function run(state: State, edits: readonly Edit[], what: string): void {
  const { bed, trace } = scene(state);
  const before = bed.packets.length;
  let out = honest(state, bed);
  for (const edit of edits) out = edit(out, bed);
  // Timestamps take ten bytes of the forty.
  if (bed.peer.timestamps && out.rawOptions !== undefined) out.rawOptions = out.rawOptions.slice(0, 30);
  bed.inject(bed.peer.build(out));
  assert.ok(
    bed.packets.length - before <= 2,
    `${what}: ${bed.packets.length - before} answers to one packet`,
  );
  check(trace, bed, what);
  bed.advance(PATIENCE_MS);
  assert.ok(bed.packets.length - before <= 40, `${what}: ${bed.packets.length - before} packets in the end`);
  check(trace, bed, what);
  assert.ok(bed.connections().length <= 1, `${what}: one connection at most`);
}

for (const state of ALL_STATES) {
  for (const [field, edits] of Object.entries(EDITS)) {
    test(`exhaustive: ${state}, ${field} at ${edits.length} boundary values`, () => {
      for (const [index, edit] of edits.entries()) run(state, [edit], `${state}, ${field} #${index}`);
    });
  }
}

const SAMPLES = 400;
const SEED = 20_240_607;

for (const state of ALL_STATES) {
  test(`two edits at once: ${state}, ${SAMPLES} pairs, seed ${SEED}`, () => {
    const random = new SeededRandom(SEED + ALL_STATES.indexOf(state));
    const all = Object.values(EDITS).flat();
    for (let i = 0; i < SAMPLES; i++) {
      const first = random.nextInt(all.length);
      const second = random.nextInt(all.length);
      run(state, [all[first] as Edit, all[second] as Edit], `${state}, edits ${first} and ${second}`);
    }
  });
}
