/** data/acceptability: the four rows of the table, each with a segment that passes and one that does not. */

import { type Act, lab, type Text } from '../../lab.ts';
import type { CheckLine } from '../../result.ts';
import type { Stage } from '../../stage.ts';
import { check } from '../toolkit.ts';

/** One forged segment, and how the first check must judge it. */
interface Row {
  readonly forged: string;
  readonly what: Text;
  readonly acceptable: boolean;
  /** Why not. */
  readonly reason?: string;
}

interface Judged {
  readonly ok: boolean;
  readonly why: string;
  readonly reason: string;
  readonly answered: boolean;
}

const REFUSED = new Set(['dropped', 'duplicate']);
const FIRST_CHECK = '3.10.7.4-1 sequence';

/** Sends it, and reads from the log how it was judged and why, and whether an ACK went back. */
async function judge(stage: Stage, { forged, what }: Row): Promise<Judged> {
  stage.step(what);
  const since = stage.mark();
  await stage.forge(forged);
  await stage.until(({ ev }) => ev === 'seg:judged', { since });
  await stage.wait(100);
  const events = stage.log.filter(({ n }) => n > since);
  const judged = events.find(({ ev }) => ev === 'seg:judged');
  const rules = (judged?.data['checks'] ?? []) as readonly { rule: string; ok: boolean; why: string }[];
  const sequence = rules.find(({ rule }) => rule === FIRST_CHECK);
  return {
    ok: judged !== undefined && !REFUSED.has(judged.data['verdict'] as string),
    why: sequence?.why ?? 'it was not judged',
    reason: String(judged?.data['reason']),
    answered: events.some(({ ev, cause }) => ev === 'seg:sent' && cause === judged?.cause),
  };
}

async function judgeAll(stage: Stage, rows: readonly Row[]): Promise<void> {
  for (const [i, row] of rows.entries()) stage.keep(`row${i}`, await judge(stage, row));
}

function lines(rows: readonly Row[], kept: Readonly<Record<string, unknown>>): CheckLine[] {
  return rows.map(({ what, acceptable, reason }, i) => {
    const found = kept[`row${i}`] as Judged | undefined;
    const right =
      found?.ok === acceptable &&
      (acceptable || (found.answered && (reason ?? found.reason) === found.reason));
    return check([what.en, what.zh], right, `${found?.reason ?? ''}: ${found?.why ?? 'nothing'}`);
  });
}

const OPEN: readonly Row[] = [
  {
    forged: 'ack on c1',
    what: {
      en: 'length 0, window open, SEQ = RCV.NXT: acceptable',
      zh: '长度 0，窗口打开，SEQ = RCV.NXT：可接受',
    },
    acceptable: true,
  },
  {
    forged: 'ack seq-=1 on c1',
    what: {
      en: 'length 0, window open, one left of RCV.NXT: not acceptable, an ACK',
      zh: '长度 0，窗口打开，RCV.NXT 左侧一个：不可接受，回答 ACK',
    },
    acceptable: false,
    reason: 'TCP_OLD_SEQUENCE',
  },
  {
    forged: 'psh|ack seq-=6 on c1 data "hello\\n"',
    what: {
      en: 'text, window open, wholly left of it: not acceptable, an ACK',
      zh: '有数据，窗口打开，完全在左侧：不可接受，回答 ACK',
    },
    acceptable: false,
    reason: 'TCP_OLD_SEQUENCE',
  },
  {
    forged: 'psh|ack seq+=5000000 on c1 data "x"',
    what: {
      en: 'text, window open, wholly right of it: not acceptable, an ACK',
      zh: '有数据，窗口打开，完全在右侧：不可接受，回答 ACK',
    },
    acceptable: false,
    reason: 'TCP_OVERWINDOW',
  },
  {
    forged: 'psh|ack seq+=100 on c1 data "x"',
    what: {
      en: 'text, inside the window, with a gap before it: acceptable',
      zh: '有数据，在窗口内，前面有缺口：可接受',
    },
    acceptable: true,
  },
  {
    forged: 'psh|ack seq-=3 on c1 data "lo\\nmore"',
    what: {
      en: 'text, its first half left of the window: acceptable, the new half is taken',
      zh: '有数据，前一半在窗口左侧：可接受，取新的那一半',
    },
    acceptable: true,
  },
];

const CLOSED: readonly Row[] = [
  {
    forged: 'ack on c1',
    what: { en: 'length 0, window 0, SEQ = RCV.NXT: acceptable', zh: '长度 0，窗口 0,SEQ = RCV.NXT：可接受' },
    acceptable: true,
  },
  {
    forged: 'ack seq+=1 on c1',
    what: {
      en: 'length 0, window 0, one further: not acceptable, an ACK',
      zh: '长度 0，窗口 0，再往后一个：不可接受，回答 ACK',
    },
    acceptable: false,
  },
  {
    forged: 'psh|ack on c1 data "x"',
    what: { en: 'text, window 0: never acceptable, an ACK', zh: '有数据，窗口 0：一律不可接受，回答 ACK' },
    acceptable: false,
    reason: 'TCP_ZEROWINDOW',
  },
];

const open: Act = {
  name: 'window-open',
  title: { en: 'The window is open', zh: '窗口打开' },
  stack: { timestamps: 'off' },
  kernel: { tcp_timestamps: 0 },
  auto: async (stage) => {
    const nc = await stage.nc(9, { N: true });
    await stage.until('S ESTABLISHED');
    await nc.type('hello');
    await stage.until('K>S any 1:7');
    await stage.wait(60);
    await judgeAll(stage, OPEN);
    stage.keep('received', stage.service('discard').received);
  },
  check: ({ kept }) => [
    ...lines(OPEN, kept),
    check(
      ['the application got "hello" and the new half', '应用程序得到 "hello" 和新的那一半'],
      kept['received'] === 'hello\nmore',
      JSON.stringify(kept['received']),
    ),
  ],
};

const closed: Act = {
  name: 'window-closed',
  title: { en: 'The window is 0: nobody reads', zh: '窗口为 0：没有人读' },
  stack: { timestamps: 'off', 'buffer.receive': '4K/4K/4K', 'buffer.autoTuning': 'off' },
  kernel: { tcp_timestamps: 0 },
  services: { slow: { rate: 0 } },
  auto: async (stage) => {
    const socket = await stage.socket({ connect: 2004 });
    await stage.until('S ESTABLISHED');
    await socket.send('x'.repeat(20_000));
    await stage.until('S>K ACK win 0');
    await stage.wait(30);
    await judgeAll(stage, CLOSED);
  },
  check: ({ kept }) => lines(CLOSED, kept),
};

export default lab({
  id: 'data/acceptability',
  level: 4,
  minutes: 4,
  answers: ['B59'],
  rfc: ['RFC 9293 §3.4', 'RFC 9293 §3.10.7.4'],
  code: ['src/tcp/input/1-sequence.ts'],
  title: { en: 'The four rows of the acceptability test', zh: '可接受性检查的四行' },
  question: {
    en: 'Before anything else TCP asks of every segment: does it belong here? What does it ask exactly?',
    zh: 'TCP 对每个报文段首先问：它属于这里吗？到底怎样判断？',
  },
  type: {
    any: [
      { run: 'nc -N 10.9.0.2 9' },
      { line: 'hello' },
      { run: "fourwave inject 'ack seq-=1 on c1'", terminal: 2 },
      { run: `fourwave inject 'psh|ack seq-=6 on c1 data "hello"'`, terminal: 2 },
      { run: `fourwave inject 'psh|ack seq+=5000000 on c1 data "x"'`, terminal: 2 },
      { run: 'fourwave log | grep seg:judged', terminal: 2 },
    ],
  },
  predict: {
    ask: {
      en: 'The receive window is 0. A segment without text arrives at RCV.NXT. Is it acceptable?',
      zh: '接收窗口为 0。一个没有数据、恰在 RCV.NXT 的报文段到达。可接受吗？',
    },
    choices: [
      { en: 'no: the window is 0', zh: '不可接受：窗口为 0' },
      { en: 'yes', zh: '可接受' },
    ],
    right: 1,
    why: {
      en: 'Otherwise no ACK could come in while the window is closed, and nothing could be sent the other way.',
      zh: '否则窗口关闭期间任何 ACK 都进不来，另一个方向也就无法发送。',
    },
  },
  acts: [open, closed],
  explain: {
    en: `RFC 9293 §3.4 has a table of four rows, by the segment's length and the receive window: (0, 0) SEG.SEQ =
RCV.NXT; (0, >0) SEG.SEQ lies in the window; (>0, 0) never; (>0, >0) its first or its last byte lies in the window.
What passes is trimmed to the window and goes on to the second check (RST); what does not is dropped and answered with
an ACK, unless it is a RST, so that two ends that disagree find together again. One allowance: at RCV.NXT a segment
with text loses its text to a closed window, but its ACK number is taken, or the other direction would stand still.

Our log has every decision: "why N" shows the rule that decided for each of these segments, with the numbers.`,
    zh: `RFC 9293 §3.4 有一张四行的表，按报文段长度和接收窗口：（0, 0）SEG.SEQ = RCV.NXT;(0, >0)SEG.SEQ 在窗口内；
（>0, 0）一律不可接受；（>0, >0）第一个或最后一个字节在窗口内。通过的修剪到窗口之内，进入第二步检查（RST）；不通过的丢弃并回答
ACK（RST 除外），这样意见不一的两端可以重新一致。一个例外：窗口关闭时，恰在 RCV.NXT 的报文段虽然丢掉数据，它的 ACK 号仍被采用，
否则另一个方向也会停住。

我们的日志记录了每个决定："why N" 显示对每个报文段起决定作用的规则和数值。`,
  },
  next: ['data/duplicate', 'win/zero-window', 'reset/blind'],
  broken: {
    what: 'The buffer is never full: there is no closed window to judge by.',
    act: 'window-closed',
    stack: { 'buffer.receive': '256K/256K/256K' },
  },
});
