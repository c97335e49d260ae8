/**
 * Two edits at once, exhaustively: over a choice of the boundary values in an ordinary run, over all
 * of them with FOURWAVE_EXHAUSTIVE=full. Two of one field would be the second alone, but for options:
 * a segment may have two.
 */

import { test } from 'node:test';
import type { State } from '../../src/tcp/state.ts';
import { EDITS, type Edit } from './edits.ts';
import { play } from './one-packet.ts';

const full = process.env['FOURWAVE_EXHAUSTIVE'] === 'full';
const chosen = full ? EDITS : EDITS.filter(({ few }) => few);
const fields = [...new Set(chosen.map(({ field }) => field))];

/** What `first` can be combined with; each pair once, options in both orders. */
function partners(first: Edit): readonly Edit[] {
  const own = fields.indexOf(first.field);
  const later = chosen.filter(({ field }) => fields.indexOf(field) > own);
  return first.field === 'option' ? [...chosen.filter(({ field }) => field === 'option'), ...later] : later;
}

/** Tests for all pairs in these states. */
export function testPairs(...states: readonly State[]): void {
  for (const state of states) {
    for (const field of fields) {
      const firsts = chosen.filter((edit) => edit.field === field);
      const count = firsts.reduce((sum, first) => sum + partners(first).length, 0);
      if (count === 0) continue;
      test(`two edits: ${state}, ${field} with every later field, ${count} pairs`, () => {
        for (const first of firsts) for (const second of partners(first)) play(state, [first, second]);
      });
    }
  }
}
