/** Tables of constants that packets meet: V8 keeps them as shapes, whose members it folds into the code. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { REASON } from '../../../src/base/reasons.ts';
import { ACT } from '../../../src/trace/judged.ts';
import { EVENT } from '../../../src/trace/record.ts';

setFlagsFromString('--allow-natives-syntax');
const isShape = new Function('object', 'return %HasFastProperties(object)') as (object: object) => boolean;

test('REASON, EVENT and ACT are no dictionaries', () => {
  const filled = Object.create(null) as Record<string, number>;
  for (const name of Object.keys(REASON)) filled[name] = 1;
  assert.equal(isShape(filled), false, 'what a dictionary is');
  for (const table of [REASON, EVENT, ACT]) assert.ok(isShape(table));
  assert.ok(Object.isFrozen(REASON) && Object.isFrozen(EVENT) && Object.isFrozen(ACT));
});
