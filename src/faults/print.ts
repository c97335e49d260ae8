/** What a line says, written in the one way that is shown everywhere. */

import { formatAddress } from '../wire/address.ts';
import type { Assignment, Endpoint, Forgery, Line, Predicate, Rule, Value } from './ast.ts';
import { DEFAULT_QUEUE } from './parser.ts';
import { formatDuration, formatFlags, formatRate } from './units.ts';

export function printLine(line: Line): string {
  switch (line.kind) {
    case 'rule':
      return printRule(line.rule);
    case 'preset':
      return `preset ${line.name}`;
    case 'release':
      return `release ${line.name}`;
    case 'inject':
      return `inject ${line.name}${printAt(line.at)}`;
    default:
      return printForgery(line);
  }
}

export function printRule(rule: Rule): string {
  const parts: string[] = [rule.verb, rule.directions];
  if (rule.where !== null) parts.push('where', printPredicate(rule.where));
  parts.push(...printOwn(rule));
  if (rule.probability !== 1) parts.push('prob', printNumber(rule.probability));
  if (rule.seed !== null) parts.push('seed', String(rule.seed));
  if (rule.times !== null) parts.push('times', String(rule.times));
  if (rule.lifetime !== null) parts.push('for', formatDuration(rule.lifetime));
  return parts.join(' ');
}

/** Without an exponent: the language has none. */
function printNumber(value: number): string {
  const text = String(value);
  return text.includes('e') ? value.toFixed(20).replace(/\.?0+$/, '') : text;
}

function printOwn(rule: Rule): string[] {
  const jitter = rule.jitter === 0 ? [] : ['jitter', formatDuration(rule.jitter)];
  switch (rule.verb) {
    case 'delay':
      return [formatDuration(rule.delay), ...jitter];
    case 'reorder':
      return ['gap', String(rule.gap)];
    case 'dup':
      return rule.delay === 0 ? [] : ['after', formatDuration(rule.delay)];
    case 'rate':
      return [
        formatRate(rule.rate),
        ...(rule.queue === DEFAULT_QUEUE ? [] : ['queue', String(rule.queue)]),
        ...(rule.delay === 0 ? [] : ['delay', formatDuration(rule.delay)]),
        ...jitter,
      ];
    case 'copy':
    case 'hold':
      return ['as', String(rule.name)];
    case 'mutate':
      return ['set', rule.set.map(printAssignment).join(', ')];
    default:
      return [];
  }
}

function printAssignment({ field, operator, value }: Assignment): string {
  if (field !== 'flags') return `${field}${operator}${printValue(value)}`;
  return `flags${operator}${value.number === 0 ? 'none' : formatFlags(value.number)}`;
}

function printValue({ variable, number }: Value): string {
  if (variable === null) return String(number);
  if (number === 0) return variable;
  return `${variable}${number > 0 ? '+' : '-'}${Math.abs(number)}`;
}

const WEAKNESS = { or: 2, and: 1 } as const;

export function printPredicate(predicate: Predicate): string {
  switch (predicate.kind) {
    case 'flag':
      return predicate.word;
    case 'number':
      return `${predicate.field}${predicate.comparison}${printValue(predicate.value)}`;
    case 'nth': {
      const of = predicate.of === null ? '' : `(${printPredicate(predicate.of)})`;
      return `nth${of}${predicate.comparison}${predicate.count}`;
    }
    case 'state':
      return `${predicate.whose}${predicate.equal ? '==' : '!='}${predicate.state}`;
    case 'conn':
      return `conn${predicate.equal ? '==' : '!='}c${predicate.id}`;
    case 'idle':
      return `idle${predicate.comparison}${formatDuration(predicate.duration)}`;
    case 'not':
      return `!${printInside(predicate.of, 0)}`;
    default:
      return printPair(predicate);
  }
}

function printPair(pair: Extract<Predicate, { left: Predicate }>): string {
  const weakness = WEAKNESS[pair.kind];
  // Both are read from the left: a right side of the same kind keeps its parentheses.
  const left = printInside(pair.left, weakness);
  const right = printInside(pair.right, weakness - 1);
  return `${left} ${pair.kind === 'or' ? '||' : '&&'} ${right}`;
}

/** In parentheses when it binds weaker than `limit`. */
function printInside(predicate: Predicate, limit: number): string {
  const weakness = predicate.kind === 'or' || predicate.kind === 'and' ? WEAKNESS[predicate.kind] : 0;
  const text = printPredicate(predicate);
  return weakness > limit ? `(${text})` : text;
}

function printForgery(forgery: Forgery): string {
  const { direction, flags, conn, from, to, set, data, at } = forgery;
  return [
    'inject',
    direction,
    flags === 0 ? 'none' : formatFlags(flags),
    ...(conn === null ? [] : ['on', `c${conn}`]),
    ...(from === null || to === null ? [] : ['from', printEndpoint(from), 'to', printEndpoint(to)]),
    ...set.map(printAssignment),
    ...(data === '' ? [] : ['data', JSON.stringify(data)]),
  ]
    .join(' ')
    .concat(printAt(at));
}

function printEndpoint({ address, port }: Endpoint): string {
  return `${formatAddress(address)}:${port}`;
}

function printAt(at: number): string {
  return at === 0 ? '' : ` at +${formatDuration(at)}`;
}
