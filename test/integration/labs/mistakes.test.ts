/** Who types something else is told what he did, and what it became. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TypeStep } from '../../../src/labs/lab.ts';
import { TypedLab } from '../../support/labs.ts';
import { skipWithout } from '../../support/running-stack.ts';

interface Mistake {
  readonly what: string;
  readonly lab: string;
  readonly typed: readonly TypeStep[];
  /** Programs that must be there. */
  readonly programs?: readonly string[];
  /** What he did, and what it became. */
  readonly told: readonly RegExp[];
  readonly arguments?: readonly string[];
  readonly code: number;
}

const MISTAKES: readonly Mistake[] = [
  {
    what: 'Ctrl-C for Ctrl-D: nobody is left to hear the rest, and the four waves become a reset',
    lab: 'close/four-waves',
    typed: [{ run: 'nc -N 10.9.0.2 2001' }, { line: 'hi' }, { key: 'Ctrl-C' }],
    told: [
      /You pressed Ctrl-C, not Ctrl-D: nc\.openbsd was killed, and the system closed its socket/,
      /answered with RST\. So this became reset\/after-close\./,
    ],
    code: 1,
  },
  {
    what: 'another port: daytime closes first',
    lab: 'close/four-waves',
    typed: [{ run: 'nc -N 10.9.0.2 13' }, { key: 'Ctrl-D' }],
    told: [
      /You have chosen port 13 \(daytime, which closes first\) where the page says 2001/,
      /S, the server, has closed first: TIME-WAIT is with S\. So this became close\/server-first\./,
    ],
    code: 1,
  },
  {
    what: 'a port where nobody listens',
    lab: 'close/four-waves',
    typed: [{ run: 'nc -N 10.9.0.2 4444' }],
    told: [/You have chosen port 4444 \(nobody listens there\)/],
    code: 1,
  },
  {
    what: "ncat for OpenBSD's nc",
    lab: 'close/four-waves',
    typed: [{ run: 'ncat 10.9.0.2 2001' }, { line: 'hi' }, { key: 'Ctrl-D' }],
    programs: ['ncat'],
    told: [
      /You have started ncat where the page says nc\.openbsd: at Ctrl-D it sends a FIN and goes on reading/,
    ],
    code: 0,
  },
  {
    what: 'nc without -N: Ctrl-D says nothing; and the same in Chinese',
    lab: 'close/four-waves',
    typed: [{ run: 'nc 10.9.0.2 2001' }, { line: 'hi' }, { key: 'Ctrl-D' }, { key: 'Ctrl-C' }],
    arguments: ['--lang', 'zh'],
    told: [
      /没有 -N，按 Ctrl-D 不会发送任何东西。/,
      /你按了 Ctrl-C，而不是 Ctrl-D/,
      /所以这变成了 reset\/after-close/,
    ],
    code: 1,
  },
];

describe('what is typed and is not what the page says', {
  concurrency: 2,
  skip: skipWithout('nc.openbsd', 'script', 'bash'),
}, () => {
  for (const { what, lab: id, typed, told, programs = [], arguments: more = [], code } of MISTAKES) {
    test(what, { skip: skipWithout(...programs) }, async () => {
      const lab = await TypedLab.start(id, ...more);
      try {
        await lab.type(typed);
        const ended = await lab.end();
        for (const sentence of told) assert.match(ended.text, sentence);
        assert.equal(ended.code, code, ended.text);
      } finally {
        await lab.close();
      }
    });
  }

  test('nothing typed at all: the runner gives up when its patience is over', async () => {
    const lab = await TypedLab.start('close/four-waves', '--patience', '1s');
    try {
      const { code, text } = await lab.end();
      assert.equal(code, 1);
      assert.match(text, /"K>S SYN 0": it never came/);
    } finally {
      await lab.close();
    }
  });

  test('Ctrl-C in the runner ends everything: stack, programs, namespace', async () => {
    const lab = await TypedLab.start('close/four-waves');
    try {
      await lab.type([{ run: 'nc -N 10.9.0.2 2001' }]);
      const identified = await lab.bench.run('lab', 'shell', 'ip', 'netns', 'identify');
      const name = identified.stdout.toString().trim();
      assert.match(name, /^fwlab-/);
      lab.runner.child.kill('SIGINT');
      await lab.runner.end();
      await sleep(200);
      const { execFileSync } = await import('node:child_process');
      const left = execFileSync('ip', ['netns'], { encoding: 'utf8' });
      assert.ok(!left.includes(name), left);
    } finally {
      await lab.close();
    }
  });
});
