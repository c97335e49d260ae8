/** The fault language: every text that a lab uses, printing and reading again, and where mistakes are. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  COMPARISONS,
  FLAG_WORDS,
  type Line,
  MUTABLE_FIELDS,
  NUMBER_FIELDS,
  type Predicate,
  type Rule,
  VERBS,
} from '../../../src/faults/ast.ts';
import { FaultSyntaxError } from '../../../src/faults/lexer.ts';
import { parseLine } from '../../../src/faults/parser.ts';
import { PRESETS } from '../../../src/faults/presets.ts';
import { printLine } from '../../../src/faults/print.ts';
import { STATE_NAMES } from '../../../src/tcp/state.ts';

/** Line → how it is shown; null where it is shown as it is written. */
const LINES: readonly (readonly [string, string | null])[] = [
  ['drop out where ack-only && state==TIME-WAIT times 1', null],
  [
    'drop out where ack-only && state == TIME-WAIT times 1',
    'drop out where ack-only && state==TIME-WAIT times 1',
  ],
  ['delay in where len>0 && nth==3 150ms', null],
  ['delay in where len>0 150ms times 1', null],
  ['delay both 2s', null],
  ['delay both 300ms', null],
  ['reorder in where data gap 1', null],
  ['dup in where fin after 300ms', null],
  ['dup in where len>0 after 300ms', null],
  ['corrupt in prob 0.01 seed 7', null],
  ['corrupt in prob 1 times 1', 'corrupt in times 1'],
  ['copy in where syn as old1', null],
  ['inject old1', null],
  ['inject old1 at +2s', null],
  ['hold out where fin as f1', null],
  ['hold in where syn first as old1', 'hold in where syn as old1 times 1'],
  ['release f1', null],
  ['rate out 2mbit queue 20 delay 40ms jitter 5ms', null],
  ['rate 2mbit queue 20 delay 40ms', 'rate both 2mbit queue 20 delay 40ms'],
  ['cut both for 5s', null],
  ['mutate out where fin set win=0', null],
  ['mutate out where ack==u+1 set ack=u', null],
  ['drop in where syn times 1', null],
  ['drop in where rst', null],
  ['drop in where rst|fin', 'drop in where rst || fin'],
  ['drop both', null],
  ['drop', 'drop both'],
  ['drop out where fin times 2', null],
  ['drop out where len>0 times 3', null],
  ['drop out where nth(data)==12', null],
  ['drop in where conn==c3 && port==13 && state==LAST-ACK && peer-state!=CLOSED && inc==1', null],
  ['drop in where seq==28 && ack==29', null],
  ['drop in where syn && (fin || !rst) || data', null],
  ['drop in where !(syn || fin)', null],
  ['DROP IN WHERE SYN', 'drop in where syn'],
  ['drop in where state==time_wait', 'drop in where state==TIME-WAIT'],
  ['mutate both where syn set mss=536, flags+=psh|urg, wscale=0', null],
  ['preset lossy-wifi', null],
  ['satellite', 'preset satellite'],
  ['inject RST seq+10 on c1', 'inject in rst on c1 seq+=10'],
  [
    'inject out fin|ack on c2 data "hi \\"you\\"" at 1s',
    'inject out fin|ack on c2 data "hi \\"you\\"" at +1s',
  ],
  ['inject in syn from 10.9.0.1:40000 to 10.9.0.2:7 seq=5', null],
];
for (const [line, shown] of LINES) {
  test(`"${line}" is understood`, () => {
    const text = printLine(parseLine(line));
    assert.equal(text, shown ?? line);
    assert.deepEqual(parseLine(text), parseLine(line));
  });
}

test('every rule and command that docs/faults.md shows is understood', () => {
  const page = readFileSync(new URL('../../../docs/faults.md', import.meta.url), 'utf8');
  const outside = page.replaceAll(/```ebnf[\s\S]*?```/g, '');
  const spans = [...outside.matchAll(/`([^`\n]+)`/g)].map(([, span]) => span as string);
  const blocks = [...outside.matchAll(/```\n([\s\S]*?)```/g)].flatMap(([, block]) =>
    (block as string).split('\n'),
  );
  const begins = new RegExp(`^(${VERBS.join('|')}|inject|release|preset) [^…]+$`);
  const lines = [...spans, ...blocks.map((line) => line.split(/ {4,}/)[0] as string)].filter((line) =>
    begins.test(line),
  );
  assert.ok(lines.length > 30, `${lines.length} lines`);
  for (const line of lines) if (!line.includes('whre')) assert.ok(parseLine(line), line);
});

test('the rules of every preset are understood', () => {
  for (const rules of Object.values(PRESETS))
    for (const rule of rules) assert.equal(parseLine(rule).kind, 'rule');
});

/** Line, column from 1, what the sentence says. */
const MISTAKES: readonly (readonly [string, number, RegExp])[] = [
  ['', 1, /what to do \(drop, delay.*reset\) is expected here, not the end/],
  ['foo in', 1, /not "foo"/],
  ['drop in whre syn', 9, /one of where, times, prob, seed, for is expected here, not "whre"/],
  ['drop in where', 14, /a condition .* not the end/],
  ['drop in where (syn', 19, /"\)" is expected here/],
  ['drop in where state=TIME-WAIT', 20, /state is compared with ==, not with =/],
  ['drop in where state==TIMEWAIT', 22, /a state \(CLOSED, LISTEN/],
  ['drop in where state>CLOSED', 20, /state is only == or !=/],
  ['drop in where syn==1', 18, /syn is true or false/],
  ['drop in where seq==v', 20, /a number, u or w/],
  ['drop in where len==u', 20, /a number/],
  ['drop in where nth==0', 20, /a whole number from 1 on/],
  ['drop in where idle>30', 20, /a duration/],
  ['drop in where syn times 1 times 2', 27, /times is said twice/],
  ['drop in where syn first times 2', 25, /times is said twice/],
  ['drop in times 1.5', 15, /a whole number/],
  ['drop in prob 1.5', 14, /a probability from 0 to 1/],
  ['drop in for 5', 13, /a duration such as 300ms/],
  ['drop in for 5000h', 13, /a duration/],
  ['drop in after 5ms', 9, /one of where/],
  ['delay in where syn', 19, /delay needs a duration/],
  ['rate out 5', 10, /a rate such as 2mbit/],
  ['rate out queue 5', 17, /rate needs a rate/],
  ['hold in where syn', 18, /hold needs a name/],
  ['mutate in set', 14, /a field/],
  ['mutate in set win', 18, /=, \+= or -=/],
  ['mutate in set flags=foo', 21, /a flag/],
  ['drop in where syn §', 19, /"§" means nothing here/],
  ['inject in data "abc', 16, /no end/],
  ['inject rst seq+10', 18, /a connection \(on c3\)/],
  ['inject in syn from 10.9.0.1:1', 30, /both from and to/],
  ['inject in syn from 10.9.0.999:1 to 10.9.0.1:1', 20, /an address with its port/],
  ['release', 8, /a name/],
  ['release a b', 11, /the end of the rule/],
  ['preset wlan', 8, /a preset \(lossy-wifi/],
  [`drop in where ${'('.repeat(60)}syn`, 55, /levels of parentheses/],
];
for (const [line, column, sentence] of MISTAKES) {
  test(`"${line}" goes wrong at column ${column}`, () => {
    assert.throws(
      () => parseLine(line),
      (error: unknown) => {
        assert.ok(error instanceof FaultSyntaxError, String(error));
        assert.match(error.message, sentence);
        assert.equal(error.column, column, error.message);
        assert.match(error.message, new RegExp(`^column ${column}: [^\\n]+$`));
        assert.equal(error.drawing.split('\n')[1], `${' '.repeat(column - 1)}^`);
        return true;
      },
    );
  });
}

// ── print ∘ parse ────────────────────────────────────────────────────────────────────────────────

const count = fc.integer({ min: 1, max: 100_000 });
const duration = fc.oneof(
  fc.integer({ min: 1, max: 5_000 }).map((ms) => ms * 1_000),
  fc.integer({ min: 1, max: 3_600_000_000 }),
);
const value = fc.oneof(
  fc.record({ variable: fc.constant(null), number: fc.integer({ min: 0, max: 2 ** 32 - 1 }) }),
  fc.record({ variable: fc.constantFrom('u', 'w'), number: fc.integer({ min: -9, max: 9 }) }),
);
const plainValue = fc.record({ variable: fc.constant(null), number: fc.integer({ min: 0, max: 65_535 }) });
const comparison = fc.constantFrom(...COMPARISONS);

const { predicate } = fc.letrec<{ predicate: Predicate }>((tie) => ({
  predicate: fc.oneof(
    { maxDepth: 4, depthIdentifier: 'predicate' },
    fc.record({ kind: fc.constant('flag' as const), word: fc.constantFrom(...FLAG_WORDS) }),
    fc.constantFrom(...NUMBER_FIELDS).chain((field) =>
      fc.record({
        kind: fc.constant('number' as const),
        field: fc.constant(field),
        comparison,
        value: field === 'seq' || field === 'end' || field === 'ack' ? value : plainValue,
      }),
    ),
    fc.record({
      kind: fc.constant('nth' as const),
      of: fc.option(tie('predicate'), { depthIdentifier: 'predicate' }),
      comparison,
      count,
    }),
    fc.record({
      kind: fc.constant('state' as const),
      whose: fc.constantFrom('state' as const, 'peer-state' as const),
      equal: fc.boolean(),
      state: fc.constantFrom(...STATE_NAMES),
    }),
    fc.record({ kind: fc.constant('conn' as const), equal: fc.boolean(), id: count }),
    fc.record({ kind: fc.constant('idle' as const), comparison, duration }),
    fc.record({ kind: fc.constant('not' as const), of: tie('predicate') }),
    fc.record({
      kind: fc.constantFrom('and' as const, 'or' as const),
      left: tie('predicate'),
      right: tie('predicate'),
    }),
  ),
})) as { predicate: fc.Arbitrary<Predicate> };

const name = fc.stringMatching(/^[a-z][a-z0-9]{1,6}$/);
const assignment = fc.constantFrom(...MUTABLE_FIELDS).chain((field) =>
  fc.record({
    field: fc.constant(field),
    operator: fc.constantFrom('=' as const, '+=' as const, '-=' as const),
    value:
      field === 'flags'
        ? fc.record({ variable: fc.constant(null), number: fc.integer({ min: 0, max: 255 }) })
        : plainValue,
  }),
);

const rule: fc.Arbitrary<Rule> = fc.constantFrom(...VERBS).chain((verb) => {
  const when = <Kind>(verbs: readonly string[], some: fc.Arbitrary<Kind>, none: Kind): fc.Arbitrary<Kind> =>
    verbs.includes(verb) ? some : fc.constant(none);
  return fc.record({
    verb: fc.constant(verb),
    directions: fc.constantFrom('in' as const, 'out' as const, 'both' as const),
    where: fc.option(predicate),
    times: fc.option(count),
    probability: fc.oneof(fc.constant(1), fc.double({ min: 1e-9, max: 1, noNaN: true }).map(rounded)),
    seed: fc.option(fc.integer({ min: 0, max: 2 ** 32 - 1 })),
    lifetime: fc.option(duration),
    delay: when(['delay', 'dup', 'rate'], duration, 0),
    jitter: when(['delay', 'rate'], fc.oneof(fc.constant(0), duration), 0),
    gap: when(['reorder'], count, 0),
    rate: when(['rate'], fc.integer({ min: 1, max: 1e9 }), 0),
    queue: when(['rate'], count, 0),
    name: when<string | null>(['copy', 'hold'], name, null),
    set: when<Rule['set']>(['mutate'], fc.array(assignment, { minLength: 1, maxLength: 3 }) as never, []),
  });
});

function rounded(probability: number): number {
  return Number(probability.toFixed(12));
}

test('what is printed reads as what was meant, for any rule', () => {
  fc.assert(
    fc.property(rule, (meant) => {
      // fast-check's objects have no prototype.
      const line = JSON.parse(JSON.stringify({ kind: 'rule', rule: meant })) as Line;
      assert.deepEqual(parseLine(printLine(line)), line);
    }),
    { numRuns: 300 },
  );
});

test('any text is a rule or a mistake with a column inside of it', () => {
  const words = fc.constantFrom(
    ...'drop in where syn && ( ) ! == 3 150ms nth as x "t" set win = | u state'.split(' '),
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(words).map((all) => all.join(' ')),
      ),
      (text) => {
        try {
          parseLine(text);
        } catch (error) {
          assert.ok(error instanceof FaultSyntaxError, String(error));
          assert.ok(error.column >= 1 && error.column <= text.length + 1);
        }
      },
    ),
    { numRuns: 500 },
  );
});
