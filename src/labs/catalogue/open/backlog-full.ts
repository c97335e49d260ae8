/** open/backlog-full: a program that does not call accept(). */

import { lab } from '../../lab.ts';
import type { Stage } from '../../stage.ts';
import { happened, point } from './points.ts';

const PORT = 2008;

/** `1 of 1`: connections that wait for accept(), as the listener last told. */
function queueOf(stage: Stage): string {
  const told = happened(stage.log, 'listen:queue', { port: PORT }).at(-1)?.data;
  return `${String(told?.['acceptQueue'])} of ${String(told?.['backlog'])}`;
}

export default lab({
  id: 'open/backlog-full',
  level: 2,
  minutes: 3,
  answers: ['B7', 'B20', 'B51'],
  rfc: ['RFC 9293 §3.10.7.2', 'RFC 4987 §3.3'],
  code: ['src/tcp/listener.ts', 'src/tcp/input/listen.ts', 'src/tcp/input/5-ack.ts'],
  title: { en: 'A full accept queue', zh: 'accept 队列满了' },
  question: {
    en: 'A server listens but never calls accept(). Can one connect to it? And the next one, and the third?',
    zh: '服务器监听，但从不调用 accept()。能连上吗？第二个、第三个呢？',
  },
  type: {
    any: [
      { run: `nc 10.9.0.2 ${PORT}` },
      { run: `nc 10.9.0.2 ${PORT}`, terminal: 2 },
      { run: `nc 10.9.0.2 ${PORT}`, terminal: 3 },
      { run: 'ss -tan', terminal: 4 },
      { run: 'fourwave ss -l', terminal: 4 },
      { wait: { en: 'a SYN was dropped again', zh: '又有 SYN 被丢弃' }, ms: 1500 },
      { line: 'anybody there?' },
    ],
  },
  auto: async (stage) => {
    const first = await stage.nc(PORT);
    await stage.until('S ESTABLISHED');
    await stage.until('event listen:queue acceptQueue=1');
    stage.keep('queue', queueOf(stage));
    await stage.nc(PORT);
    await stage.nc(PORT);
    await stage.wait(1500);
    stage.keep(
      'K',
      (await stage.kernelSockets())
        .map(({ state }) => state)
        .sort()
        .join(', '),
    );
    stage.keep('later', queueOf(stage));
    stage.step({
      en: 'A line to the server that does not accept: the kernel takes it, the program has never seen the connection.',
      zh: '给不 accept 的服务器发一行：内核收下了，而程序从未见过这个连接。',
    });
    await first.type('anybody there?');
    await stage.until('K>S PSH,ACK');
    await stage.wait(300);
    stage.keep(
      'unread',
      (await stage.connections()).find(({ state }) => state === 'ESTABLISHED')?.recvQ ?? 0,
    );
  },
  predict: {
    ask: { en: 'What does the second nc see?', zh: '第二个 nc 会看到什么？' },
    choices: [
      { en: '"Connection refused"', zh: '"Connection refused"' },
      { en: 'nothing: it waits', zh: '什么也没有：它在等' },
      { en: 'a connection that never answers', zh: '一个从不回答的连接' },
    ],
    right: 1,
    why: {
      en: 'A full queue is a matter of a moment, so the SYN is dropped and not refused: K will try again in a second.',
      zh: '队列满通常只是一时的事，所以 SYN 被丢弃而不是拒绝：K 一秒后会再试。',
    },
  },
  narrate: [
    {
      when: 'c1 K>S ACK 1 ack 1 ; S ESTABLISHED',
      say: {
        en: 'The first is ESTABLISHED although the program does nothing: the handshake is the work of the kernel.',
        zh: '程序什么也没做，第一个却已是 ESTABLISHED：握手是内核的工作。',
      },
    },
    {
      when: 'K>S SYN 0 DROPPED reason TCP_LISTEN_OVERFLOW',
      say: {
        en: 'The queue is full: this SYN is dropped without a word, and K will send it again.',
        zh: '队列满了：这个 SYN 被默默丢弃，K 会再发。',
      },
    },
  ],
  expect: `
    K>S SYN 0                     ; S SYN-RECEIVED
    S>K SYN,ACK 0 ack 1
    c1 K>S ACK 1 ack 1            ; S ESTABLISHED
    K>S SYN 0 DROPPED reason TCP_LISTEN_OVERFLOW
    K>S SYN 0 DROPPED reason TCP_LISTEN_OVERFLOW
    K>S SYN 0 RETRANS DROPPED reason TCP_LISTEN_OVERFLOW
    ...
    c1 K>S PSH,ACK 1:n ack 1
    c1 S>K ACK 1 ack n
    ...
    never S>K RST,ACK
    never c2 S>K any
    never app accept
  `,
  check: ({ events, kept }) => {
    const dropped = happened(events, 'seg:judged', { reason: 'TCP_LISTEN_OVERFLOW' }).length;
    return [
      point(
        'One connection fills the queue',
        '一个连接就填满了队列',
        kept['queue'] === '1 of 1' && kept['later'] === '1 of 1',
        `accept queue ${String(kept['queue'])}`,
      ),
      point(
        'K: one ESTABLISHED, two in SYN-SENT',
        'K：一个 ESTABLISHED，两个 SYN-SENT',
        kept['K'] === 'ESTABLISHED, SYN-SENT, SYN-SENT',
        String(kept['K']),
      ),
      point(
        'Every SYN that was dropped is told with its reason',
        '每个被丢弃的 SYN 都写明了原因',
        dropped >= 4,
        `LISTEN_OVERFLOW ${dropped} times`,
      ),
      point(
        'One connection was opened on S',
        'S 上只打开了一个连接',
        happened(events, 'conn:opened').length === 1,
      ),
      point(
        'The line waits in the kernel for a program that does not read it',
        '那一行在内核里等一个不来读的程序',
        kept['unread'] === 15,
        `Recv-Q ${String(kept['unread'])}`,
      ),
    ];
  },
  explain: {
    en: `A listener has two queues. In the SYN queue wait connections whose third segment has not come; in the accept
queue those that are ESTABLISHED and that the program has not taken yet. The kernel does the whole handshake by
itself, and even takes data: for the first nc the connection is open, though the program has never heard of it.

The argument of listen(), the backlog, is the length of the accept queue: here 1. When it is full a new SYN is
dropped. Not refused: a RST would mean "nobody listens here", while the queue may have room the next moment; K sends
its SYN again, and none is the wiser. A program that is slow with accept() looks to its clients like a bad line.`,
    zh: `监听者有两个队列。SYN 队列里是第三个报文段还没到的连接；accept 队列里是已经 ESTABLISHED、但程序还没取走的连接。
内核独自完成整个握手，甚至收下数据：对第一个 nc 来说连接已经打开，尽管程序从未听说过它。

listen() 的参数 backlog 就是 accept 队列的长度：这里是 1。满了之后，新的 SYN 被丢弃，而不是拒绝：
RST 意味着"这里没人监听"，而队列也许下一刻就有空位；K 会重发 SYN，谁也不会察觉。
accept() 慢的程序，在客户端看来就像线路不好。`,
  },
  next: ['close/close-wait-leak', 'open/refused'],
  broken: {
    what: 'The queue has room for three.',
    services: { stuck: { backlog: 3 } },
  },
});
