/** open/three-way: the handshake, segment by segment. */

import { rungsOf } from '../../expect/rungs.ts';
import { lab } from '../../lab.ts';

export default lab({
  id: 'open/three-way',
  level: 1,
  minutes: 3,
  answers: ['B1', 'B3', 'B4', 'B5', 'B6', 'B7', 'B9', 'B60'],
  rfc: ['RFC 9293 §3.5', 'RFC 9293 §3.10.7.2', 'RFC 9293 §3.10.7.4'],
  code: ['src/tcp/input/listen.ts', 'src/tcp/input/synchronized.ts'],
  title: { en: 'Three segments open a connection', zh: '三次握手：三个报文段建立连接' },
  question: {
    en: 'Which flags do the three segments of the handshake carry, and when is each side ESTABLISHED?',
    zh: '三次握手的三个报文段各带什么标志？双方分别在什么时候进入 ESTABLISHED?',
  },
  type: {
    'nc.openbsd': [
      { run: 'nc -N 10.9.0.2 7' },
      {
        wait: { en: 'the three segments are there', zh: '看到三个报文段' },
        until: 'K>S SYN\nS>K SYN,ACK\nK>S ACK',
      },
      { key: 'Ctrl-D' },
    ],
    any: [{ run: 'nc 10.9.0.2 7' }, { key: 'Ctrl-C' }],
  },
  auto: async (stage) => {
    const nc = await stage.nc(7, { N: true });
    await stage.until('S ESTABLISHED');
    await nc.eof();
    await nc.exited();
  },
  predict: {
    ask: { en: 'Which flags does the third segment carry?', zh: '第三个报文段带哪些标志？' },
    choices: [
      { en: 'SYN and ACK', zh: 'SYN 和 ACK' },
      { en: 'ACK alone', zh: '只有 ACK' },
      { en: 'SYN alone', zh: '只有 SYN' },
    ],
    right: 1,
    why: {
      en:
        'Each side sends one SYN, for its own initial sequence number. The third segment only says ' +
        'that y arrived: ack = y + 1.',
      zh: '每一方只发送一个 SYN，用来宣告自己的初始序号。第三个报文段只是说明 y 已经收到：ack = y + 1。',
    },
  },
  narrate: [
    {
      when: 'K>S SYN ; S SYN-RECEIVED',
      say: {
        en:
          'K sends its SYN: "my numbers begin at x". S goes LISTEN → SYN-RECEIVED (not SYN-SENT, ' +
          'as some texts say).',
        zh: 'K 发送 SYN:"我的序号从 x 开始"。S 由 LISTEN 进入 SYN-RECEIVED（而不是某些教材写的 SYN_SEND）。',
      },
    },
    {
      when: 'S>K SYN,ACK',
      say: {
        en: 'S answers SYN and ACK in one segment: its own number y, and "x arrived".',
        zh: 'S 用一个报文段同时回答 SYN 和 ACK：自己的序号 y，以及"x 已收到"。',
      },
    },
    {
      when: 'K>S ACK ; S ESTABLISHED',
      say: {
        en: 'K was ESTABLISHED when it sent this ACK; S is ESTABLISHED now that it has it.',
        zh: 'K 在发出这个 ACK 时已是 ESTABLISHED;S 收到它之后才是 ESTABLISHED。',
      },
    },
  ],
  expect: `
    K>S SYN 0                 ; S SYN-RECEIVED  K SYN-SENT
    S>K SYN,ACK 0 ack 1       ; K ESTABLISHED   S SYN-RECEIVED
    strict K>S ACK 1 ack 1    ; S ESTABLISHED
    K>S FIN,ACK 1 ack 1       ; S CLOSE-WAIT
    S>K FIN,ACK 1 ack 2       ; S LAST-ACK      K TIME-WAIT
    K>S ACK 2 ack 2           ; S CLOSED
    closed normal
  `,
  check: ({ events, programs }) => {
    const path = events
      .filter(({ ev, conn }) => ev === 'conn:state' && conn === 'c1')
      .map(({ data }) => String(data['new']));
    const rungs = rungsOf(events);
    const opened = events.find(({ ev, data }) => ev === 'conn:state' && data['new'] === 'ESTABLISHED');
    const queues = events
      .filter(({ ev, n }) => ev === 'listen:queue' && n <= (opened?.n ?? 0) + 10)
      .map(({ data }) => `SYN ${String(data['synQueue'])}, accept ${String(data['acceptQueue'])}`);
    return [
      {
        text: {
          en: 'S was ESTABLISHED when it received the third segment, not before',
          zh: 'S 收到第三个报文段时才是 ESTABLISHED',
        },
        ok: opened !== undefined && opened.cause === rungs[2]?.n,
        detail: `event ${String(opened?.cause)}`,
      },
      {
        text: {
          en: 'It waited in the SYN queue, and then in the accept queue',
          zh: '它先在 SYN 队列里，然后在 accept 队列里',
        },
        ok: queues[0] === 'SYN 1, accept 0' && queues[1] === 'SYN 0, accept 1',
        detail: queues.slice(0, 2).join(' → '),
      },
      {
        text: {
          en: 'S went LISTEN → SYN-RECEIVED → ESTABLISHED',
          zh: 'S 经过 LISTEN → SYN-RECEIVED → ESTABLISHED',
        },
        ok: path.slice(0, 2).join(' ') === 'SYN-RECEIVED ESTABLISHED',
        detail: path.join(' → '),
      },
      {
        text: { en: 'nc ended without an error', zh: 'nc 正常退出' },
        ok: programs[0]?.exit?.code === 0,
      },
    ];
  },
  explain: {
    en: `Both sides choose an initial sequence number, and both numbers must be known to have arrived: that is
why there are three segments, and not because of a list of "abilities". S's own number and its acknowledgement
of K's fit into one segment, so the four things that have to be said take three.

K is ESTABLISHED when S's SYN,ACK arrives; S only when the third segment does. Between the two S waits in
SYN-RECEIVED, in its listener's SYN queue; afterwards the connection waits in the accept queue for the
application.`,
    zh: `双方各自选择一个初始序号，而且都必须确认对方已经收到自己的序号：这才是需要三个报文段的原因，而不是所谓的"能力"清单。
S 自己的序号和它对 K 的确认可以放在同一个报文段里，所以要说的四件事只用了三个报文段。

K 在收到 S 的 SYN,ACK 时进入 ESTABLISHED;S 要等到第三个报文段才进入。在此之间 S 处于 SYN-RECEIVED,
位于监听套接字的 SYN 队列；之后连接进入 accept 队列，等待应用程序取走。`,
  },
  next: ['open/third-ack-lost', 'open/why-not-two', 'close/server-first'],
  broken: {
    what: 'S takes the SYN alone for a connection: the third segment has nothing left to do.',
    stack: { 'lab.handshake': 'two-way' },
  },
});
