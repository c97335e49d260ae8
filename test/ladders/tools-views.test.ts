/** What a student lays side by side: the kernel's ss -o, ours, and the ladder of the same connection. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { eventually, RunningStack, skipWithout } from '../support/running-stack.ts';

const ECHO = 7;
const DAYTIME = 13;

/** The one line about this address in a table of sockets, its columns joined by single spaces. */
function lineAbout(table: string, peer: string): string | undefined {
  return table
    .split('\n')
    .map((line) => line.trim().replace(/\s+/g, ' '))
    .find((line) => line.includes(peer) && !line.startsWith('LISTEN'));
}

/** Every one of `patterns` matches a line, each below the one before. */
function assertInOrder(text: string, patterns: readonly RegExp[]): void {
  const lines = text.split('\n');
  let at = 0;
  for (const pattern of patterns) {
    const found = lines.findIndex((line, index) => index >= at && pattern.test(line));
    assert.ok(found >= 0, `no ${pattern} below line ${at} of\n${text}`);
    at = found + 1;
  }
}

describe('views of one connection', { skip: skipWithout('nc.openbsd') }, () => {
  test('B57: the -o column: both ends of a close, in the words of ss, the timer with its seconds and retries', async () => {
    const stack = await RunningStack.start('--offload', 'off');
    try {
      const ours = async (): Promise<string> => (await stack.fourwave('ss', '-tano').end()).stdout.toString();
      const kernels = async (): Promise<string> => (await stack.sh('ss -tanoH')).stdout.toString();
      await stack.run('nc.openbsd', ['-N', stack.ready.address[0] as string, `${ECHO}`]);
      assert.match(
        lineAbout(await kernels(), `:${ECHO}`) as string,
        /^TIME-WAIT 0 0 \S+:\d+ 10\.9\.0\.2:7 timer:\(timewait,(1min|5\dsec),0\)$/,
      );
      assert.equal(lineAbout(await ours(), '10.9.0.2:7 '), undefined, 'only the end that closed first waits');

      const student = stack.start('nc.openbsd', '-N', stack.ready.address[0] as string, `${DAYTIME}`);
      await eventually(
        async () => lineAbout(await ours(), '10.9.0.2:13 10.')?.startsWith('FIN-WAIT-2') === true,
        () => 'FIN-WAIT-2 here',
      );
      // A reader is still there, so that nothing limits FIN-WAIT-2.
      assert.doesNotMatch(lineAbout(await ours(), '10.9.0.2:13 10.') as string, /timer/);
      assert.match(
        lineAbout(await kernels(), `:${DAYTIME}`) as string,
        /^CLOSE-WAIT 0 0 \S+ 10\.9\.0\.2:13$/,
      );
      student.endInput();
      await student.end();
      await eventually(
        async () => lineAbout(await ours(), '10.9.0.2:13 10.')?.startsWith('TIME-WAIT') === true,
        () => 'TIME-WAIT here',
      );
      assert.match(
        lineAbout(await ours(), '10.9.0.2:13 10.') as string,
        /timer:\(timewait,(1min|5\d(\.\d)?sec),0\)/,
      );
      assert.equal(lineAbout(await kernels(), `:${DAYTIME}`), undefined);
    } finally {
      await stack.close();
    }
  });

  test('B58: the ladder of a close from its log: flags, numbers, states and timers in order', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fourwave-ladder-'));
    const log = join(folder, 'events.jsonl');
    const stack = await RunningStack.start('--offload', 'off', '--log', log);
    try {
      await stack.run('nc.openbsd', ['-N', stack.ready.address[0] as string, `${ECHO}`], 'hi\n');
      await stack.stopUp();
      const { code, stdout } = await stack.fourwave('ladder', log, '--ascii').end();
      assert.equal(code, 0);
      assertInOrder(stdout.toString(), [
        /passive open .* LISTEN$/,
        /- SYN 0:1 win \d+ -+>\| SYN-RECEIVED/,
        /syn-ack \S+ \+-+\\$/,
        /<-+ SYN,ACK 0:1 ack 1 win \d+ -\|/,
        /- ACK 1 ack 1 .*>\| ESTABLISHED/,
        /syn-ack off \+-+\/$/,
        /- PSH,ACK 1:4 ack 1 .*>/,
        /FIN-WAIT-1\? .*- FIN,ACK 4:5 ack \d .*>\| CLOSE-WAIT/,
        /(shutdown|close) \| LAST-ACK/,
        /<-+ FIN,ACK 4:5 ack 5 /,
        />\| CLOSED/,
        /tlp off \+-+\/$/,
      ]);
    } finally {
      await stack.close();
      rmSync(folder, { recursive: true });
    }
  });
});
