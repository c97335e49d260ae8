/** open/old-duplicate-syn: a SYN that the network has kept, in three situations. */

import type { LogEvent } from '../../../trace/log-event.ts';
import { rungsOf } from '../../expect/rungs.ts';
import { type Act, lab } from '../../lab.ts';
import type { Stage } from '../../stage.ts';
import { happened, point, statesOfK, statesOfS } from './points.ts';

const KEPT = ['copy in where syn as old1'];

const replay = async (stage: Stage): Promise<void> => {
  stage.step({ en: 'The network delivers the old SYN.', zh: '网络送来那个旧的 SYN。' });
  await stage.inject('old1');
};

/** Whose the segments are, each once: every incarnation of the four-tuple has a name of its own. */
const incarnations = (events: readonly LogEvent[]): string =>
  [...new Set(rungsOf(events).map(({ conn }) => conn))].join(', ');

const nobody: Act = {
  name: 'after-the-end',
  title: { en: 'Long after the end: K knows nothing any more', zh: '结束很久之后：K 已经一无所知' },
  stack: { msl: '500ms' },
  faults: KEPT,
  auto: async (stage) => {
    const nc = await stage.nc(13);
    await nc.saw('\n');
    await stage.until('S FIN-WAIT-2');
    await nc.eof();
    await nc.exited();
    await stage.until('S CLOSED');
    await stage.wait(1000);
    await replay(stage);
    await stage.until('closed reset-by-peer');
    stage.keep('S', await statesOfS(stage));
  },
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    K>S ACK 1 ack 1
    S>K PSH,ACK 1:n ack 1
    S>K FIN,ACK n ack 1
    K>S FIN,ACK 1 ack n+1         ; S TIME-WAIT
    S>K ACK n+1 ack 2
    S CLOSED within 900ms..1100ms
    K>S SYN 0 INJECTED
    strict c2 S>K SYN,ACK 0 ack 1 ; S SYN-RECEIVED
    strict c2 K>S RST 1           ; S LISTEN  timer S.syn-ack cancelled
    closed reset-by-peer
  `,
  check: ({ events, kept }) => [
    point(
      'The application was told of one connection, not of two',
      '应用程序只得知一个连接，而不是两个',
      happened(events, 'app:accept').length === 1,
    ),
    point('Nothing is left', '什么也没有留下', kept['S'] === '', String(kept['S'])),
    point(
      'In the log it is another incarnation of the same addresses and ports',
      '在日志里，它是同一四元组的另一个"化身"',
      incarnations(events) === 'c1, c2',
      incarnations(events),
    ),
    point(
      'It has the same raw sequence number as the first, and S chose another one',
      '它的原始序号与第一个相同，而 S 选了另一个',
      sameAndOther(events),
    ),
  ],
};

const open: Act = {
  name: 'while-open',
  title: { en: 'While the connection is open', zh: '连接打开期间' },
  // With timestamps the SYN would be refused as too old before its number is looked at.
  stack: { timestamps: 'off' },
  faults: KEPT,
  auto: async (stage) => {
    const nc = await stage.nc(7, { N: true });
    await stage.until('S ESTABLISHED');
    await stage.wait(300);
    stage.keep('before', await statesOfS(stage));
    await replay(stage);
    await stage.until('K>S SYN INJECTED');
    await stage.wait(200);
    stage.keep('after', await statesOfS(stage));
    await nc.type('still here');
    await nc.saw('still here');
    await nc.eof();
    await nc.exited();
    await stage.until('S CLOSED');
  },
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    K>S ACK 1 ack 1               ; S ESTABLISHED
    c1 K>S SYN 0 INJECTED DROPPED reason TCP_SYN_CHALLENGE ; S ESTABLISHED
    strict S>K ACK 1 ack 1        ; S ESTABLISHED
    K>S PSH,ACK 1:12 ack 1
    S>K PSH,ACK 1:12 ack 12
    K>S FIN,ACK 12 ack 12
    S>K FIN,ACK 12 ack 13
    K>S ACK 13 ack 13             ; S CLOSED
    never S>K SYN,ACK RETRANS
  `,
  check: ({ events, kept, programs }) => [
    point(
      'The table did not change',
      '连接表没有变化',
      kept['before'] === 'ESTABLISHED' && kept['after'] === 'ESTABLISHED',
      `${String(kept['before'])}, then ${String(kept['after'])}`,
    ),
    point('The echo went on', '回显照常', programs[0]?.printed.includes('still here') ?? false),
    point('Everything was one incarnation', '始终是同一个"化身"', incarnations(events) === 'c1'),
  ],
};

/** K closed first and is in TIME-WAIT; S has forgotten the connection. */
const waiting = async (stage: Stage): Promise<void> => {
  const nc = await stage.nc(7, { N: true });
  await stage.until('S ESTABLISHED');
  await nc.type('hi');
  await nc.saw('hi');
  await nc.eof();
  await nc.exited();
  await stage.until('closed normal');
  await stage.wait(300);
  stage.keep('before', await statesOfK(stage));
  await replay(stage);
  await stage.until('S>K RST');
  await stage.wait(200);
  stage.keep('after', await statesOfK(stage));
};

const FIRST_LIFE = `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    K>S ACK 1 ack 1
    K>S PSH,ACK 1:4 ack 1
    S>K PSH,ACK 1:4 ack 4
    K>S FIN,ACK 4 ack 4
    S>K FIN,ACK 4 ack 5
    K>S ACK 5 ack 5
    closed normal
`;

const timeWait: Act = {
  name: 'k-in-time-wait',
  title: { en: 'While K is in TIME-WAIT', zh: 'K 在 TIME-WAIT 期间' },
  faults: KEPT,
  auto: async (stage) => {
    await waiting(stage);
    await stage.until('closed reset-by-peer');
  },
  expect: `
    ${FIRST_LIFE}
    K>S SYN 0 INJECTED
    strict c2 S>K SYN,ACK 0 ack 1 ; S SYN-RECEIVED
    strict K>S ACK 5 ack ?        ; S SYN-RECEIVED
    strict S>K RST ?              ; S SYN-RECEIVED
    S>K SYN,ACK 0 ack 1 RETRANS
    strict K>S RST 1              ; S LISTEN
    closed reset-by-peer
  `,
  check: ({ events, kept }) => [
    point(
      "K's TIME-WAIT was there before",
      'K 原本在 TIME-WAIT',
      String(kept['before']).startsWith('TIME-WAIT'),
      String(kept['before']),
    ),
    point(
      "… and S's RST has killed it, much too early",
      '……S 的 RST 把它杀死了，过早',
      kept['after'] === '',
      kept['after'] === '' ? 'nothing left' : String(kept['after']),
    ),
    point(
      'The RST stands where the ACK of the old connection asked for it',
      'RST 的序号正是旧连接的 ACK 所要求的',
      resetWhereAsked(events),
    ),
    point('No second accept()', '没有第二次 accept()', happened(events, 'app:accept').length === 1),
  ],
};

const rfc1337: Act = {
  name: 'with-rfc-1337',
  title: { en: 'The same, and K ignores resets in TIME-WAIT', zh: '同上，但 K 在 TIME-WAIT 忽略 RST' },
  kernel: { tcp_rfc1337: 1 },
  faults: KEPT,
  auto: waiting,
  expect: `
    ${FIRST_LIFE}
    K>S SYN 0 INJECTED
    strict c2 S>K SYN,ACK 0 ack 1 ; S SYN-RECEIVED
    strict K>S ACK 5 ack ?
    strict S>K RST ?
    ...
  `,
  check: ({ kept }) => [
    point(
      "K's TIME-WAIT has survived",
      'K 的 TIME-WAIT 没有受影响',
      String(kept['before']).startsWith('TIME-WAIT') && String(kept['after']).startsWith('TIME-WAIT'),
      String(kept['after']),
    ),
  ],
};

interface Raw {
  readonly seq: number;
  readonly ack: number;
}
const rawsOf = (events: readonly LogEvent[], name: string, flags: string): Raw[] =>
  happened(events, name, { flags }).map(({ data }) => data['raw'] as Raw);

function sameAndOther(events: readonly LogEvent[]): boolean {
  const [syn, again] = rawsOf(events, 'seg:received', 'SYN');
  const [first, second] = rawsOf(events, 'seg:sent', 'SYN,ACK');
  return syn?.seq === again?.seq && first !== undefined && second !== undefined && first.seq !== second.seq;
}

function resetWhereAsked(events: readonly LogEvent[]): boolean {
  const reset = rawsOf(events, 'seg:sent', 'RST')[0];
  const asked = rawsOf(events, 'seg:received', 'ACK').at(-1);
  return reset !== undefined && reset.seq === asked?.ack;
}

export default lab({
  id: 'open/old-duplicate-syn',
  level: 3,
  minutes: 5,
  answers: ['B10', 'B43', 'B50'],
  rfc: ['RFC 9293 §3.5', 'RFC 9293 §3.10.7.4', 'RFC 5961 §4', 'RFC 1337 §3'],
  code: ['src/tcp/input/4-syn.ts', 'src/tcp/input/listen.ts', 'src/tcp/input/2-rst.ts'],
  title: { en: 'A SYN that comes a second time', zh: '旧的 SYN 再次出现' },
  question: {
    en:
      'A copy of the SYN has been lost in the network and comes when nobody expects it. What keeps ' +
      'it from doing harm?',
    zh: 'SYN 的一个副本在网络里迷了路，在没人期待的时候到来。是什么让它无法造成危害？',
  },
  type: {
    'nc.openbsd': [
      { run: 'nc 10.9.0.2 13' },
      { key: 'Ctrl-D' },
      { wait: { en: 'two seconds', zh: '两秒' }, ms: 2000 },
      { run: 'fourwave inject old1' },
    ],
    any: [
      { run: 'nc 10.9.0.2 13' },
      { key: 'Ctrl-C' },
      { wait: { en: 'two seconds', zh: '两秒' }, ms: 2000 },
      { run: 'fourwave inject old1' },
    ],
  },
  acts: [nobody, open, timeWait, rfc1337],
  predict: {
    ask: {
      en: 'K has no such connection any more. S has answered the old SYN. What does K say?',
      zh: 'K 早已没有这个连接。S 回答了旧的 SYN。K 会说什么？',
    },
    choices: [
      { en: 'ACK: the third segment', zh: 'ACK：第三个报文段' },
      { en: 'nothing', zh: '什么也不说' },
      { en: 'RST', zh: 'RST' },
    ],
    right: 2,
    why: {
      en: 'The SYN,ACK acknowledges something that K has not sent. A segment for no connection is answered by a RST.',
      zh: '这个 SYN,ACK 确认的是 K 没有发过的东西。发给不存在的连接的报文段用 RST 回答。',
    },
  },
  narrate: [
    {
      when: 'K>S SYN INJECTED\nS>K SYN,ACK',
      say: {
        en: 'The copy arrives. To S it looks like any other SYN: it answers, and waits.',
        zh: '副本到了。对 S 来说它和别的 SYN 没有区别：回答，然后等待。',
      },
    },
    {
      when: 'K>S RST',
      say: {
        en: 'K has no such connection: RST. S goes back to LISTEN, and no application has heard of it.',
        zh: 'K 没有这个连接：RST。S 回到 LISTEN，没有应用程序听说过它。',
      },
    },
    {
      when: 'K>S SYN INJECTED ; S ESTABLISHED',
      say: {
        en: 'A SYN inside an open connection changes nothing: S only says where it is (a challenge ACK).',
        zh: '打开的连接里出现 SYN，什么都不改变：S 只说明自己到了哪里（challenge ACK）。',
      },
    },
  ],
  explain: {
    en: `This is Figure 8 of RFC 9293, and the main reason for three segments: K's RST to an acknowledgement of
what it has not sent takes the mistake back before an application hears of it.

In an open connection a SYN, whatever its number, earns a challenge ACK and nothing else (RFC 5961 §4). If K had
really restarted, that ACK would make it send a RST, and its next SYN would get through.

The third case is the dangerous one. K is in TIME-WAIT and answers S's SYN,ACK with its last ACK, of the old
connection; S, in SYN-RECEIVED, finds that ACK unacceptable and sends a RST; and the RST ends K's TIME-WAIT, minutes
too early (RFC 1337). Linux lets that happen unless net.ipv4.tcp_rfc1337 is set, as in the last act; ours ignores
resets in TIME-WAIT unless told otherwise.`,
    zh: `这就是 RFC 9293 的图 8，也是三次握手的主要理由：K 没有发过的东西被确认了，它用 RST 回答，在应用程序听说之前就把错误撤销。

在打开的连接里，SYN 不论序号是什么，只换来一个 challenge ACK(RFC 5961 §4)。如果 K 真的重启过，
这个 ACK 会让它发出 RST，它的下一个 SYN 就能通过。

第三种情形才危险：K 在 TIME-WAIT，用旧连接的最后一个 ACK 回答 S 的 SYN,ACK；处在 SYN-RECEIVED 的 S 认为这个 ACK 不可接受，
发出 RST；而这个 RST 提前好几分钟结束了 K 的 TIME-WAIT(RFC 1337)。Linux 默认会这样，除非像最后一幕那样设置
net.ipv4.tcp_rfc1337；我们的协议栈默认在 TIME-WAIT 忽略 RST。`,
  },
  next: ['time-wait/assassination', 'half-open/reconnect', 'reset/blind'],
  broken: {
    what: 'S opens with the SYN alone: the old SYN becomes a connection that the application is told of.',
    act: 'after-the-end',
    stack: { msl: '500ms', 'lab.handshake': 'two-way' },
  },
});
