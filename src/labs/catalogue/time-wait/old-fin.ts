/** time-wait/old-fin: the FIN of a connection that is over arrives in the next one. */

import { type Act, lab } from '../../lab.ts';
import type { Stage } from '../../stage.ts';
import { check } from '../toolkit.ts';

const PORT = 40_000;

/** Two connections from the same port; S closes the first one first. A copy of its FIN is kept. */
async function reopened(stage: Stage): Promise<void> {
  const first = await stage.nc(9, { N: true, localPort: PORT });
  await stage.until('S ESTABLISHED');
  await stage.app('c1').close();
  await stage.until('S FIN-WAIT-2');
  await first.eof();
  await first.exited();
  await stage.until('K>S FIN,ACK\nS>K ACK');
  // Clocks move on, and with them initial sequence numbers.
  await stage.wait(1200);
  stage.step({ en: 'The next connection, the same four-tuple', zh: '下一个连接，同样的四元组' });
}

async function ghostAndProof(stage: Stage): Promise<void> {
  await reopened(stage);
  const since = stage.mark();
  const second = await stage.nc(9, { N: true, localPort: PORT });
  await stage.until('S ESTABLISHED', { since });
  await stage.app('c2').write('hello\n');
  await second.saw('hello\n');
  await stage.wait(60);
  stage.step({ en: 'The FIN of the first connection arrives once more', zh: '第一个连接的 FIN 再次到来' });
  await stage.inject('fin1');
  await stage.wait(100);
  stage.keep('state', (await stage.connections()).find(({ id }) => id === 'c2')?.state ?? 'CLOSED');
  await second.type('alive');
  await stage.wait(200);
  stage.keep('received', stage.service('discard').received);
}

const FIRST = `
    c1 K>S SYN 0
    c1 S>K SYN,ACK 0 ack 1
    c1 S>K FIN,ACK 1 ack 1
    c1 K>S FIN,ACK 1 ack 2
    c1 S>K ACK 2 ack 2
    K>S SYN 0
    S>K SYN,ACK 0 ack 1`;

const lives: Act = {
  name: 'clock-driven-isn',
  title: { en: 'As numbers are: the old FIN lies left of the window', zh: '正常的序号：旧 FIN 位于窗口左侧' },
  stack: { timeWait: 'off', timestamps: 'off' },
  kernel: { tcp_timestamps: 0 },
  faults: ['copy in where fin first as fin1'],
  auto: ghostAndProof,
  expect: `${FIRST}
    S>K ACK 1:7 ack 1
    K>S FIN,ACK ? ack ? INJECTED DUPLICATE reason TCP_OLD_SEQUENCE
    strict S>K ACK 7 ack 1
    K>S ACK 1:7 ack 7`,
  check: ({ kept }) => [
    check(
      ['the new connection lives', '新连接还活着'],
      kept['state'] === 'ESTABLISHED',
      String(kept['state']),
    ),
    check(
      ['its application reads what K sends', '它的应用程序读到 K 发送的数据'],
      kept['received'] === 'alive\n',
      JSON.stringify(kept['received']),
    ),
  ],
};

const ghost: Act = {
  name: 'fixed-isn',
  title: {
    en: 'Numbers that begin anew each time: a ghost closes the new connection',
    zh: '每次都从同一个序号开始：新连接被"幽灵"关闭',
  },
  stack: { timeWait: 'off', timestamps: 'off', 'lab.isn': 'fixed' },
  simKernel: { timestamps: 'off', 'lab.isn': 'fixed' },
  only: {
    stage: 'sim',
    why: {
      en: "a real kernel's initial sequence numbers cannot be fixed",
      zh: '真实内核的初始序号无法固定',
    },
  },
  faults: ['copy in where fin first as fin1'],
  auto: ghostAndProof,
  expect: `${FIRST}
    S>K ACK 1:7 ack 1
    K>S FIN,ACK 1 ack 2 INJECTED ACCEPTED    ; S CLOSE-WAIT
    S>K FIN,ACK 7 ack 2                      ; S LAST-ACK
    ...`,
  check: ({ kept, programs }) => [
    check(
      ['S took it for the end of K', 'S 以为 K 已经结束'],
      kept['state'] === 'LAST-ACK',
      String(kept['state']),
    ),
    check(
      ['K had not finished: what it sent then was lost', 'K 并没有结束：它随后发送的数据丢失了'],
      kept['received'] === '',
      `${JSON.stringify(kept['received'])}, nc: ${programs[1]?.errors ?? ''}`,
    ),
  ],
};

/** The new connection is not open yet when the FIN comes: S opens it, and its SYN is on its way. */
const opening: Act = {
  name: 'syn-sent',
  title: {
    en: 'In SYN-SENT: its ACK number is wrong, it earns a RST',
    zh: '在 SYN-SENT:ACK 号不对，回答 RST',
  },
  stack: { timeWait: 'off', timestamps: 'off' },
  kernel: { tcp_timestamps: 0 },
  faults: ['copy in where fin first as fin1'],
  auto: async (stage) => {
    const listener = await stage.nc(9001, { listen: true, N: true });
    const first = await stage.connect(9001, { localPort: PORT });
    await stage.until('S ESTABLISHED');
    await first.eof();
    await stage.until('S FIN-WAIT-1\nK>S FIN,ACK\nS>K ACK');
    await listener.exited();
    await stage.wait(1200);
    stage.step({ en: 'S opens again; its SYN is delayed', zh: 'S 再次打开连接；它的 SYN 被延迟' });
    await stage.nc(9001, { listen: true, N: true });
    await stage.fault('delay out where syn 300ms times 1');
    const since = stage.mark();
    await stage.connect(9001, { localPort: PORT });
    await stage.until('S SYN-SENT', { since });
    await stage.wait(50);
    await stage.inject('fin1');
    await stage.until('S ESTABLISHED', { since });
    await stage.wait(100);
    stage.keep(
      'state',
      (await stage.connections()).find(({ state }) => state === 'ESTABLISHED')?.state ?? '',
    );
  },
  expect: `
    c1 S>K SYN 0
    c1 K>S SYN,ACK 0 ack 1
    c1 S>K FIN,ACK 1 ack 1
    c1 K>S FIN,ACK 1 ack 2
    c1 S>K ACK 2 ack 2
    S>K SYN 0
    K>S FIN,ACK INJECTED DROPPED reason TCP_INVALID_ACK_SEQUENCE
    strict S>K RST
    K>S SYN,ACK 0 ack 1                      ; S ESTABLISHED`,
  check: ({ kept }) => [
    check(['the new connection opened all the same', '新连接照常建立'], kept['state'] === 'ESTABLISHED'),
  ],
};

export default lab({
  id: 'time-wait/old-fin',
  level: 3,
  minutes: 4,
  answers: ['B42'],
  rfc: ['RFC 9293 §3.4.1', 'RFC 9293 §3.10.7.3', 'RFC 9293 §3.10.7.4'],
  code: ['src/tcp/input/8-fin.ts', 'src/tcp/input/syn-sent.ts', 'src/tcp/secrets.ts'],
  title: { en: 'Does an old FIN close the new connection?', zh: '旧的 FIN 会关闭新的连接吗？' },
  question: {
    en: 'Without TIME-WAIT the same four-tuple is used again at once, and the old FIN arrives. What happens?',
    zh: '没有 TIME-WAIT，同一个四元组立即被再次使用，这时旧的 FIN 到了。会发生什么？',
  },
  type: {
    any: [
      { run: 'nc -N -p 40000 10.9.0.2 9' },
      { run: 'fourwave close c1', terminal: 2 },
      { key: 'Ctrl-D' },
      { run: 'nc -N -p 40000 10.9.0.2 9' },
      { run: 'fourwave inject fin1', terminal: 2 },
      { run: 'fourwave ss', terminal: 2 },
    ],
  },
  predict: {
    ask: {
      en: 'The old FIN arrives in the new connection. What does S do?',
      zh: '旧 FIN 到达新连接。S 怎么做？',
    },
    choices: [
      { en: 'it goes to CLOSE-WAIT', zh: '进入 CLOSE-WAIT' },
      { en: 'it answers with an ACK and goes on', zh: '回答 ACK，继续' },
      { en: 'it answers with a RST', zh: '回答 RST' },
    ],
    right: 1,
    why: {
      en: 'The initial number has moved on meanwhile, so the old FIN lies left of the window: not acceptable.',
      zh: '初始序号在此期间已经前移，旧 FIN 位于窗口左侧：不可接受。',
    },
  },
  narrate: [
    {
      when: 'K>S FIN,ACK INJECTED',
      say: { en: 'The FIN of a connection that is over.', zh: '一个早已结束的连接的 FIN。' },
    },
  ],
  acts: [lives, ghost, opening],
  explain: {
    en: `Some texts say that a FIN that comes again would close a new connection on the same ports. It can: only if
its number falls into the new receive window, and it takes effect when RCV.NXT gets there. In the second act all
numbers begin at the same value, and that is what happens: S believes that K has finished, and closes.

With numbers as they are (a clock that moves on by 250,000 a second, RFC 9293 §3.4.1) the old FIN is left of the
window: dropped, answered with an ACK, and the connection lives. In SYN-SENT its ACK number is not for our SYN: a RST
goes back to where it came from, and the FIN is ignored (RFC 9293 §3.10.7.3). TIME-WAIT is one guard among several,
not the only one.`,
    zh: `有的教材说，重发的 FIN 会关闭相同端口上的新连接。这是可能的，但只有当它的序号落入新的接收窗口时才行，而且要等
RCV.NXT 到达那里才生效。第二幕里所有序号都从同一个值开始，于是真的发生了：S 以为 K 已经结束，也就关闭了。

正常的序号由时钟驱动（每秒前移 250,000,RFC 9293 §3.4.1），旧 FIN 位于窗口左侧：丢弃，回答 ACK，连接继续。在 SYN-SENT
状态，它的 ACK 号与我们的 SYN 不符：向来处回一个 RST,FIN 被忽略（RFC 9293 §3.10.7.3）。TIME-WAIT 只是多道防线之一。`,
  },
  next: ['time-wait/old-data', 'time-wait/reuse'],
  broken: {
    what: 'The numbers do not move on from one connection to the next: the old FIN fits.',
    act: 'clock-driven-isn',
    stack: { 'lab.isn': 'fixed' },
    simKernel: { 'lab.isn': 'fixed' },
  },
});
