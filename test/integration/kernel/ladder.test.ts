/**
 * The ladder of a connection between the kernel's TCP and ours, whose last ACK a rule loses: on a
 * terminal while it happens, from the flight recorder afterwards, and from the file of the log.
 */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { RunningStack, STACK, skipWithout } from '../../support/running-stack.ts';
import { TerminalProgram } from '../../support/terminal.ts';

const RULE = 'drop out where ack-only && state==TIME-WAIT times 1';
const DAYTIME = '13';
const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

/** What must be there, each below the one before. */
const RUNGS = [
  /rule#1 added: drop out where/,
  /10\.9\.0\.1:\d+ ─+ passive open ─+ 10\.9\.0\.2:13 LISTEN/,
  /│─ SYN 0:1 win \d+ ─+▶│ SYN-RECEIVED/,
  /│◀─+ SYN,ACK 0:1 ack 1 win \d+ ─│/,
  /▶│ ESTABLISHED/,
  /write \d+, shutdown │ FIN-WAIT-1/,
  /│◀─* PSH,ACK 1:\d+ ack 1.* ─│/,
  /│◀─* FIN,ACK \d+:\d+ ack 1.* ─│/,
  /│─ ACK 1 ack \d+ win \d+ ─+▶│ FIN-WAIT-2/,
  /LAST-ACK[?!] +│─ FIN,ACK 1:2 ack \d+ .*▶│ TIME-WAIT/,
  /│ +✗[ ·]+ACK \d+ ack 2 .*─│/,
  /lost by rule#1/,
  /time-wait 10s \(2MSL\) ├─+╮/,
  /│─ ↻ FIN,ACK 1:2 ack \d+ .*▷│/,
  /duplicate: TCP_OLD_SEQUENCE/,
  /time-wait again 10s \(\d\.\ds left\) ├─+↻/,
  /CLOSED[?!] +│◀─+ ACK \d+ ack 2 .*─│/,
];

/** The pattern that is missing, or null. */
function missing(lines: readonly string[]): RegExp | null {
  let at = 0;
  for (const pattern of RUNGS) {
    const found = lines.findIndex((line, index) => index >= at && pattern.test(line));
    if (found < 0) return pattern;
    at = found + 1;
  }
  return null;
}

function assertLadder(text: string): void {
  const lines = text.split('\n');
  assert.equal(missing(lines), null, text);
  for (const line of lines) assert.ok(line.length <= 80, line);
}

const needed = skipWithout('nc.openbsd', 'script', 'stty', 'ps');
describe('B37 B38 B40: the last ACK is lost', { skip: needed }, () => {
  let stack: RunningStack;
  let log: string;
  before(async () => {
    stack = new RunningStack();
    log = join(stack.folder, 'close.tcplog.jsonl');
    await stack.startUp('--offload', 'off', '--set', 'msl=5s', '--log', log, '--fault', RULE);
  });
  after(() => stack?.close());

  test('ladder draws it while it happens, counts 2MSL down, follows the terminal’s width, ends with Ctrl-C', async () => {
    const command = [process.execPath, MAIN, 'ladder', '--control', stack.ready.control];
    const terminal = new TerminalProgram(command, 80, 60, { NO_COLOR: '1' });
    await terminal.until('the rule', ({ text }) => text.some((line) => line.includes('rule#1')));
    const student = stack.start('nc.openbsd', STACK, DAYTIME);
    await stack.bothBecome(Number(DAYTIME), 'FIN-WAIT-2', 'CLOSE-WAIT');
    student.endInput();
    await student.end();
    await terminal.until('all of it', ({ text }) => missing(text) === null);
    await terminal.until('the countdown', ({ text }) =>
      /^c1 time-wait [5-9]\.\ds ▓+░*$/.test(text.at(-1) ?? ''),
    );
    terminal.resize(132, 60);
    const wide = (line: string): boolean => /┊|time-wait 10s \(2MSL\)$/.test(line) && line.length > 100;
    await terminal.until('a wide one', ({ text }) => text.some(wide));
    terminal.type('\u0003');
    assert.equal((await terminal.end()).code, 0);
  });

  test('ladder --no-follow draws it afterwards, and ladder FILE from the log', async () => {
    const later = await stack.fourwave('ladder', 'c1', '--no-follow').end();
    assert.equal(later.code, 0, later.stderr);
    assertLadder(later.stdout.toString());
    await stack.stopUp();
    const file = await stack.fourwave('ladder', log).end();
    assertLadder(file.stdout.toString());
    assert.match(file.stdout.toString(), /the stack has stopped/);
  });
});
