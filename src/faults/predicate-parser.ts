/** The part of a rule after `where`. */

import { STATE_NAMES, type State } from '../tcp/state.ts';
import {
  COMPARISONS,
  type Comparison,
  FLAG_WORDS,
  type FlagWord,
  NUMBER_FIELDS,
  type NumberField,
  type Predicate,
  VARIABLES,
  type Value,
  type Variable,
} from './ast.ts';
import { type Cursor, listed } from './cursor.ts';
import type { Token } from './lexer.ts';

/** `a || b`: binds weakest. @throws FaultSyntaxError */
export function parsePredicate(cursor: Cursor): Predicate {
  return cursor.inside(() => {
    let left = parseAnd(cursor);
    while (cursor.takeOperator('||', '|')) left = { kind: 'or', left, right: parseAnd(cursor) };
    return left;
  });
}

function parseAnd(cursor: Cursor): Predicate {
  let left = parseNot(cursor);
  while (cursor.takeOperator('&&', '&')) left = { kind: 'and', left, right: parseNot(cursor) };
  return left;
}

function parseNot(cursor: Cursor): Predicate {
  if (cursor.takeOperator('!')) return cursor.inside(() => ({ kind: 'not', of: parseNot(cursor) }));
  if (cursor.takeOperator('(')) {
    const inner = parsePredicate(cursor);
    if (!cursor.takeOperator(')')) cursor.expected('")"');
    return inner;
  }
  return parseTerm(cursor);
}

const COMPARED = [...NUMBER_FIELDS, 'conn', 'state', 'peer-state', 'idle'] as const;

function parseTerm(cursor: Cursor): Predicate {
  const { token } = cursor;
  const word = token.kind === 'word' ? token.text.toLowerCase() : '';
  if (word === 'nth') return parseNth(cursor);
  if (isComparison(cursor.following) && isCompared(word)) {
    cursor.next();
    return parseCompared(cursor, word);
  }
  if ((FLAG_WORDS as readonly string[]).includes(word)) {
    cursor.next();
    if (isComparison(cursor.token)) cursor.fail(`${word} is true or false: nothing to compare it with`);
    return { kind: 'flag', word: word as FlagWord };
  }
  if (isCompared(word)) {
    cursor.next();
    if (cursor.token.text === '=') cursor.fail(`${word} is compared with ==, not with =`);
    cursor.expected(`a comparison of ${word} (${listed(COMPARISONS)})`);
  }
  cursor.expected(`a condition (such as syn, data, len>0, state==TIME-WAIT)`);
}

function isComparison(token: Token): boolean {
  return token.kind === 'operator' && (COMPARISONS as readonly string[]).includes(token.text);
}

function isCompared(word: string): word is (typeof COMPARED)[number] {
  return (COMPARED as readonly string[]).includes(word);
}

function parseComparison(cursor: Cursor): Comparison {
  if (!isComparison(cursor.token)) cursor.expected(`a comparison (${listed(COMPARISONS)})`);
  return cursor.next().text as Comparison;
}

function parseNth(cursor: Cursor): Predicate {
  cursor.next();
  let of: Predicate | null = null;
  if (cursor.takeOperator('(')) {
    of = parsePredicate(cursor);
    if (!cursor.takeOperator(')')) cursor.expected('")"');
  }
  const comparison = parseComparison(cursor);
  return { kind: 'nth', of, comparison, count: cursor.count(1, 'a number') };
}

/** After the field's name. */
function parseCompared(cursor: Cursor, field: (typeof COMPARED)[number]): Predicate {
  if (field === 'state' || field === 'peer-state') {
    return { kind: 'state', whose: field, equal: parseEqual(cursor, field), state: parseState(cursor) };
  }
  if (field === 'conn')
    return { kind: 'conn', equal: parseEqual(cursor, field), id: parseConnection(cursor) };
  const comparison = parseComparison(cursor);
  if (field === 'idle') return { kind: 'idle', comparison, duration: cursor.duration() };
  return { kind: 'number', field, comparison, value: parseValue(cursor, hasVariables(field)) };
}

function hasVariables(field: NumberField): boolean {
  return field === 'seq' || field === 'end' || field === 'ack';
}

function parseEqual(cursor: Cursor, field: string): boolean {
  const { token } = cursor;
  const comparison = parseComparison(cursor);
  if (comparison !== '==' && comparison !== '!=') cursor.fail(`${field} is only == or != something`, token);
  return comparison === '==';
}

/** As RFC 9293 spells it; underscores and small letters are understood. */
function parseState(cursor: Cursor): State {
  const { token } = cursor;
  const name = token.text.toUpperCase().replaceAll('_', '-');
  const state = token.kind === 'word' ? STATE_NAMES.find((known) => known === name) : undefined;
  if (state === undefined) cursor.expected(`a state (${listed(STATE_NAMES)})`);
  cursor.next();
  return state;
}

/** `c3` or `3`. */
export function parseConnection(cursor: Cursor): number {
  const match = /^c?(\d{1,12})$/i.exec(cursor.token.text);
  if (match === null) cursor.expected('a connection such as c3');
  cursor.next();
  return Number(match[1]);
}

/** A number, or `u`, `u+1`, `w-1` where variables are allowed. */
export function parseValue(cursor: Cursor, variables: boolean): Value {
  const { token } = cursor;
  const variable = VARIABLES.find((name) => token.kind === 'word' && name === token.text);
  if (variable === undefined) {
    if (variables && token.kind !== 'number' && token.text !== '-') cursor.expected('a number, u or w');
    const sign = cursor.takeOperator('-') ? -1 : 1;
    return { variable: null, number: signed(sign, cursor.count(0, 'a number')) };
  }
  if (!variables) cursor.expected('a number');
  cursor.next();
  return parseOffset(cursor, variable);
}

function parseOffset(cursor: Cursor, variable: Variable): Value {
  if (cursor.takeOperator('+')) return { variable, number: cursor.count(0, 'a number') };
  if (cursor.takeOperator('-')) return { variable, number: signed(-1, cursor.count(0, 'a number')) };
  return { variable, number: 0 };
}

/** There is no negative zero. */
function signed(sign: number, number: number): number {
  return number === 0 ? 0 : sign * number;
}
