/** What is understood of Python between %{ and }%. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseCode } from '../../../src/drill/code.ts';
import { CodeError, type Value } from '../../../src/drill/python.ts';
import { Scanner } from '../../../src/drill/scanner.ts';

const FIELDS = { tcpi_snd_cwnd: 10, tcpi_unacked: 3, tcpi_options: 5, tcpi_ca_state: 3, tcpi_rtt: 100_000 };

function run(code: string): Map<string, Value> {
  const program = parseCode(new Scanner('a.pkt', code), 0, code.length, (name) =>
    Object.hasOwn(FIELDS, name),
  );
  const environment = new Map<string, Value>(Object.entries(FIELDS));
  for (const statement of program.statements) statement.run(environment);
  return environment;
}

describe('expressions have the values that Python gives them', () => {
  const expressions: [string, Value][] = [
    ['1 + 2 * 3', 7],
    ['(1 + 2) * 3', 9],
    ['7 // 2', 3],
    ['-7 // 2', -4],
    ['-7 % 3', 2],
    ['7 / 2', 3.5],
    ['2 ** 3 ** 2', 512],
    ['-2 ** 2', -4],
    ['1 << 4 | 1', 17],
    ['6 & 3 ^ 1', 3],
    ['~5', -6],
    ['- -5', 5],
    ['1 << 40', 2 ** 40],
    ['0x10', 16],
    ['.5 * 4', 2],
    ['1 < 2 <= 2', true],
    ['1 < 2 > 5', false],
    ['not 1 == 2', true],
    ['not not 3', true],
    ['1 == 1 and 2 == 3 or 4 == 4', true],
    ['0 or 5', 5],
    ['0 and 5', 0],
    ['3 if 1 > 2 else 4', 4],
    ['tcpi_ca_state in (TCP_CA_Recovery, TCP_CA_Loss)', true],
    ['tcpi_ca_state not in [0, 1]', true],
    ['tcpi_options & TCPI_OPT_SACK', 0],
    ['tcpi_options & TCPI_OPT_WSCALE', 4],
    ['abs(-3) + min(4, 5) + max(1, 2) + int(7 / 2)', 12],
    ['tcpi_cwnd', 10],
    ['True == 1', true],
    ['"a" == \'a\'', true],
    ['(1, 2) == (1, 2)', true],
    ['None', null],
  ];
  for (const [text, value] of expressions) {
    test(`${text} is ${JSON.stringify(value)}`, () => assert.deepEqual(run(`x = ${text}`).get('x'), value));
  }
});

describe('statements', () => {
  test('end with their line or a semicolon, not inside of brackets; # is a comment, // is none', () => {
    const values = run(
      'a = 1; b = (2 +\n  3)  # not; this = 9\nc = 9 // 2\nd = 1 + \\\n  1\n\npass\nprint("x;y", a)\n',
    );
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].map((name) => values.get(name)),
      [1, 5, 4, 2],
    );
  });

  test('an assertion that holds says nothing', () => {
    run('assert tcpi_snd_cwnd == 10\nassert (tcpi_unacked <= 3), "never"');
  });

  test('one that does not tells its text, its message and the fields that it names', () => {
    assert.throws(() => run('assert tcpi_cwnd * 2 == 30 and tcpi_unacked, (tcpi_rtt, "µs")'), {
      name: 'CodeError',
      message:
        'assert tcpi_cwnd * 2 == 30 and tcpi_unacked: (100000, µs) (tcpi_snd_cwnd = 10, tcpi_unacked = 3)',
    });
  });

  test('what cannot be computed is an error of the script, not of the program', () => {
    for (const code of ['x = 1 / 0', 'x = 1 // 0', 'x = 1 % 0', 'x = "a" + 1', 'x = 1 in 2', 'x = 1.5 & 1']) {
      assert.throws(() => run(code), CodeError, code);
    }
  });
});
