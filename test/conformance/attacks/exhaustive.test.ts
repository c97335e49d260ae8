/**
 * Eleven states × every header field × its boundary values, one edit at a time: nothing throws,
 * nothing loops, the answer is bounded, the connection moves along arrows of the table of transitions
 * only, and what nobody may believe is believed by nobody. Two edits at a time: pairs-*.test.ts.
 */

import { test } from 'node:test';
import { EDITS } from '../../support/edits.ts';
import { play } from '../../support/one-packet.ts';
import { ALL_STATES } from '../../support/states.ts';

const fields = new Set(EDITS.map(({ field }) => field));

for (const state of ALL_STATES) {
  for (const field of fields) {
    const edits = EDITS.filter((edit) => edit.field === field);
    test(`one edit: ${state}, ${field} at ${edits.length} boundary values`, () => {
      for (const edit of edits) play(state, [edit]);
    });
  }
}
