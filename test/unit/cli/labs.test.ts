/** The labs' command line, without a kernel: what programs are, what was typed, what it became, what is told. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EventWatch } from '../../../src/cli/labs/event-watch.ts';
import { type FoundFlavour, flavourOfHelp } from '../../../src/cli/labs/flavours.ts';
import { msOfTimer, parseKernelSocket } from '../../../src/cli/labs/kernel-sockets.ts';
import { parseTyped } from '../../../src/cli/labs/lab-shell.ts';
import { languageOf } from '../../../src/cli/labs/language.ts';
import { ncCommand } from '../../../src/cli/labs/nc-command.ts';
import { outcomesOf } from '../../../src/cli/labs/outcome.ts';
import { expectationOf } from '../../../src/cli/labs/scaffold.ts';
import { clientCommand } from '../../../src/cli/labs/shell-command.ts';
import { typingHere } from '../../../src/cli/labs/typing.ts';
import { findLab } from '../../../src/labs/catalogue/index.ts';
import { match } from '../../../src/labs/expect/match.ts';
import { parseExpectation } from '../../../src/labs/expect/parse.ts';
import type { Lab, Setting } from '../../../src/labs/lab.ts';
import { Narrator } from '../../../src/labs/narrate/narrator.ts';
import { runLab } from '../../../src/labs/run.ts';
import { SimStage } from '../../../src/labs/sim/sim-stage.ts';
import type { LogEvent } from '../../../src/trace/log-event.ts';

const FOUND: readonly FoundFlavour[] = [
  { flavour: 'nc.openbsd', command: 'nc', path: '/usr/bin/nc.openbsd' },
  { flavour: 'ncat', command: 'ncat', path: '/usr/bin/ncat' },
];

async function eventsOf(id: string): Promise<readonly LogEvent[]> {
  const lab = findLab(id) as Lab;
  const open = (setting: Setting): Promise<SimStage> => Promise.resolve(new SimStage(setting));
  const { acts } = await runLab(lab, { mode: 'sim', open });
  return acts[0]?.report.events ?? [];
}

describe('B56: which netcat is which', () => {
  const helps: [string, string | null][] = [
    ['OpenBSD netcat (Debian patchlevel 1.219-1)\nusage: nc [-46CDdFhklNnrStUuvZz]', 'nc.openbsd'],
    ['usage: nc [-46CDdFhklNnrStUuvZz] [-I length]', 'nc.openbsd'],
    ['[v1.10-47]\nconnect to somewhere:\tnc [-options] hostname port[s]', 'nc.traditional'],
    ['Ncat 7.93 ( https://nmap.org/ncat )\nUsage: ncat [options]', 'ncat'],
    ['BusyBox v1.35.0 (Debian) multi-call binary.\n\nUsage: nc [-iN] [-wN]', 'busybox'],
    ['something else', null],
  ];
  for (const [help, flavour] of helps) {
    test(`${help.split('\n')[0]} → ${flavour}`, () => assert.equal(flavourOfHelp(help), flavour));
  }

  test('each is started with its own arguments', () => {
    const texts = (['nc.openbsd', 'nc.traditional', 'ncat', 'busybox', 'socat'] as const).map((flavour) =>
      ncCommand(7, { flavour, N: true, localPort: 40_000 }).join(' '),
    );
    assert.deepEqual(texts, [
      'nc.openbsd -N -p 40000 10.9.0.2 7',
      'nc.traditional -q 1 -p 40000 10.9.0.2 7',
      'ncat -p 40000 10.9.0.2 7',
      'busybox nc -p 40000 10.9.0.2 7',
      'socat - TCP:10.9.0.2:7,sourceport=40000',
    ]);
    assert.equal(ncCommand(1234, { listen: true, keep: true }).join(' '), 'nc.openbsd -k -l 1234');
    assert.equal(
      ncCommand(1234, { listen: true, flavour: 'nc.traditional' }).join(' '),
      'nc.traditional -l -p 1234',
    );
  });

  test('a page says what to type for what is there, and calls it as it is called here', () => {
    const any = [{ run: 'nc 10.9.0.2 13' }];
    assert.deepEqual(typingHere({ 'nc.openbsd': [{ run: 'nc.openbsd -N 10.9.0.2 7' }], any }, FOUND)?.steps, [
      { run: 'nc -N 10.9.0.2 7' },
    ]);
    assert.equal(typingHere({ ncat: [{ run: 'ncat 10.9.0.2 7' }], any }, FOUND)?.flavour, 'any');
    assert.equal(typingHere({ socat: [] }, FOUND), null);
  });
});

describe("the kernel's table", () => {
  test('a line of ss: state in RFC words, timer in those of the log, who holds it', () => {
    const line = 'ESTAB 3 5 10.9.0.1:40012 10.9.0.2:7 users:(("nc",pid=27912,fd=3)) timer:(on,1min12sec,2)';
    assert.deepEqual(parseKernelSocket(line), {
      ...{ state: 'ESTABLISHED', recvQ: 3, sendQ: 5, local: '10.9.0.1:40012', peer: '10.9.0.2:7' },
      timer: { name: 'rto', remainingMs: 72_000, count: 2 },
      ...{ program: 'nc', pid: 27_912 },
    });
    const waiting = parseKernelSocket('TIME-WAIT 0 0 10.9.0.1:1 10.9.0.2:7 timer:(timewait,037ms,0)');
    assert.deepEqual(waiting?.timer, { name: 'time-wait', remainingMs: 37, count: 0 });
    assert.equal(parseKernelSocket(''), null);
    assert.equal(msOfTimer('1.2sec'), 1200);
  });
});

describe('what was typed', () => {
  const typed: [string, object | null][] = [
    ['nc -N 10.9.0.2 2001', { flavour: 'nc.openbsd', port: 2001, half: true, listens: false }],
    ['nc 10.9.0.2 13', { flavour: 'nc.openbsd', port: 13, half: false }],
    ['printf 0123456789 | nc -N 10.9.0.2 9', { flavour: 'nc.openbsd', port: 9 }],
    ['ncat 10.9.0.2 7', { flavour: 'ncat', port: 7, half: true }],
    ['nc -p 40000 10.9.0.2 13 </dev/null', { port: 13 }],
    ['nc -l 1234', { port: 1234, listens: true }],
    ['nc.traditional -l -p 1234', { port: 1234, listens: true }],
    ['busybox nc 10.9.0.2 7', { flavour: 'busybox', port: 7 }],
    ['socat - TCP:10.9.0.2:2001', { flavour: 'socat', port: 2001, listens: false }],
    ['curl -s 10.9.0.2/close', { flavour: 'curl', port: 80 }],
    ['for i in 1 2; do nc 10.9.0.2 13; done', { port: 13 }],
    ['ss -tano dst 10.9.0.2', null],
    ['sleep 1', null],
  ];
  for (const [text, expected] of typed) {
    test(text, () => {
      const command = clientCommand(text, FOUND);
      if (expected === null) assert.equal(command, null);
      else assert.deepEqual({ ...command, ...expected }, command);
    });
  }

  test('what the shell notes', () => {
    assert.deepEqual(parseTyped('began\t12.5\tnc 10.9.0.2 7'), {
      what: 'began',
      at: 12.5,
      command: 'nc 10.9.0.2 7',
    });
    assert.deepEqual(parseTyped('ended\t13\t130'), { what: 'ended', at: 13, status: 130 });
    assert.equal(parseTyped('nonsense'), null);
  });
});

describe('what it became', () => {
  for (const [id, became] of [
    ['close/four-waves', 'close/four-waves'],
    ['close/server-first', 'close/server-first'],
    ['close/three-waves', 'close/three-waves'],
    ['close/simultaneous', 'close/simultaneous'],
  ] as const) {
    test(`${id} is recognised in its own log`, async () => {
      const outcomes = outcomesOf(await eventsOf(id));
      assert.equal(outcomes[0]?.lab, became);
    });
  }
});

describe('what is told', () => {
  test('every segment of the handshake and of the four waves has its sentence, in both languages', async () => {
    const narrator = new Narrator();
    const told: string[] = [];
    for (const event of await eventsOf('close/four-waves')) {
      const text = narrator.add(event)?.text;
      if (text === null || text === undefined) continue;
      told.push(text.en);
      assert.match(text.zh, /[\u4e00-\u9fff]/, text.en);
    }
    const last = narrator.flush()?.text?.en;
    const all = [...told, last ?? ''].join('\n');
    for (const sentence of [
      /K wants a connection: SYN/,
      /S agrees and names its own first number: SYN,ACK/,
      /the third segment, only an ACK\. S: ESTABLISHED/,
      /K has finished sending: FIN, wave 1\. S: CLOSE-WAIT/,
      /S acknowledges the FIN: ACK/,
      /S has finished too: FIN, wave 3/,
      /K acknowledges the FIN: ACK \d+\. S: CLOSED/,
    ])
      assert.match(all, sentence);
  });

  for (const id of ['close/last-ack-lost', 'close/third-wave-lost']) {
    test(`${id}: a lab made from a log is met by that log`, async () => {
      const events = await eventsOf(id);
      const text = expectationOf(events, 'c1').join('\n');
      const outcome = match(parseExpectation(text), events);
      assert.equal(outcome.failure?.why ?? null, null, text);
    });
  }
});

test('a stack that was started again goes on with new numbers and names', () => {
  const watch = new EventWatch();
  const event = (n: number, conn: string): LogEvent => ({ t: n / 10, n, ev: 'conn:opened', conn, data: {} });
  watch.take(event(1, 'c1'));
  watch.take(event(2, 'c2'));
  watch.restarted();
  watch.later = 5;
  watch.take({ ...event(1, 'c1'), cause: 0 });
  watch.take({ ...event(2, 'c1'), cause: 1 });
  assert.deepEqual(
    watch.events.map(({ n, conn, t, cause }) => [n, conn, t, cause]),
    [
      [1, 'c1', 0.1, undefined],
      [2, 'c2', 0.2, undefined],
      [3, 'c3', 5.1, 0],
      [4, 'c3', 5.2, 3],
    ],
  );
  assert.equal(watch.ownName('c3'), 'c1');
  assert.equal(watch.logName('c1'), 'c3');
});

test('the language: what is asked for, else what the environment says', () => {
  const before = { ...process.env };
  try {
    for (const [LC_ALL, LANG, language] of [
      ['', 'zh_CN.UTF-8', 'zh'],
      ['', 'en_GB.UTF-8', 'en'],
      ['C', 'zh_CN.UTF-8', 'en'],
      ['', '', 'en'],
    ] as const) {
      Object.assign(process.env, { LC_ALL, LC_MESSAGES: '', LANG });
      assert.equal(languageOf(undefined), language);
    }
    assert.equal(languageOf('zh'), 'zh');
    assert.throws(() => languageOf('fr'), /--lang must be en or zh/);
  } finally {
    Object.assign(process.env, before);
  }
});
