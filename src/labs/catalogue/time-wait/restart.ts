/** time-wait/restart: the FIN comes again, and 2 MSL begins anew. */

import { type Act, lab } from '../../lab.ts';
import type { Stage } from '../../stage.ts';
import { check, msLeft, timerEvents, timeWaitLeft } from '../toolkit.ts';

/** S closes first; halfway through its TIME-WAIT the peer's FIN comes again. */
async function finAgain(stage: Stage): Promise<void> {
  const nc = await stage.nc(13);
  await stage.until('S FIN-WAIT-2');
  await nc.eof();
  await nc.exited();
  await stage.until('S TIME-WAIT');
  await stage.wait(2000);
  stage.keep('before', await timeWaitLeft(stage));
  stage.step({ en: "K's FIN is sent again", zh: 'K 的 FIN 再次到来' });
  await stage.inject('fin1');
  await stage.wait(100);
  stage.keep('after', await timeWaitLeft(stage));
}

const UNTIL_THE_COPY = `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    S>K PSH,ACK 1:n ack 1
    S>K FIN,ACK n ack 1
    K>S FIN,ACK 1 ack n+1            ; S TIME-WAIT  K LAST-ACK  timer S.time-wait armed 4s
    S>K ACK n+1 ack 2                ; K CLOSED
    K>S FIN,ACK 1 ack n+1 INJECTED   ; timer S.time-wait restarted 4s  within 1900ms..2600ms
    strict S>K ACK n+1 ack 2
    K>S RST 2`;

const restarted: Act = {
  name: 'restarted',
  title: { en: 'S: the countdown begins anew', zh: 'S：倒计时重新开始' },
  stack: { msl: '2s' },
  faults: ['copy in where fin first as fin1'],
  auto: finAgain,
  expect: `${UNTIL_THE_COPY}
    S CLOSED within 3900ms..4100ms`,
  patience: 6_000,
  check: ({ kept, events }) => [
    check(
      ['half of it had passed; then all of it was there again', '已过去一半，随后又回到满值'],
      Number(kept['before']) < 2100 && Number(kept['after']) > 3300,
      `${String(kept['before'])} ms left, then ${String(kept['after'])} ms`,
    ),
    check(
      ['it was set once and restarted once', '定时器设置一次，重启一次'],
      timerEvents(events, 'time-wait').join() === 'set,restarted,fire',
      timerEvents(events, 'time-wait').join(', '),
    ),
  ],
};

const shot: Act = {
  ...restarted,
  name: 'reset',
  title: {
    en: 'The same without RFC 1337: the answer earns a RST, and that ends TIME-WAIT',
    zh: '没有 RFC 1337 的情形：回答招来 RST,TIME-WAIT 就此结束',
  },
  stack: { msl: '2s', 'timeWait.rfc1337': 'off' },
  expect: `${UNTIL_THE_COPY}             ; S CLOSED`,
  check: ({ kept }) => [
    check(
      ['it was restarted, and gone at once', '刚刚重启，随即消失'],
      Number(kept['before']) > 0 && kept['after'] === null,
      `${msLeft(kept['before'])}, then ${msLeft(kept['after'])}`,
    ),
  ],
};

/** K closes first: now K's kernel has TIME-WAIT, and S has forgotten the connection. */
const kernel: Act = {
  name: 'kernel',
  title: { en: "The kernel's own TIME-WAIT", zh: '内核自己的 TIME-WAIT' },
  kernel: { tcp_rfc1337: 1 },
  faults: ['copy out where fin first as fin1'],
  auto: async (stage) => {
    const left = async (): Promise<number> => {
      const sockets = await stage.kernelSockets();
      const [found] = sockets.filter(({ state }) => state === 'TIME-WAIT');
      return found?.timer?.remainingMs ?? 0;
    };
    const nc = await stage.nc(7, { N: true });
    await stage.until('S ESTABLISHED');
    await nc.eof();
    await nc.exited();
    await stage.until('S CLOSED');
    await stage.wait(2500);
    stage.keep('before', await left());
    await stage.inject('fin1');
    await stage.wait(200);
    stage.keep('after', await left());
  },
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    K>S FIN,ACK 1 ack 1          ; S CLOSE-WAIT
    S>K FIN,ACK 1 ack 2          ; S LAST-ACK  K TIME-WAIT
    K>S ACK 2 ack 2              ; S CLOSED
    S>K FIN,ACK 1 ack 2 INJECTED
    strict K>S ACK 2 ack 2
    strict S>K RST 2`,
  check: ({ kept }) => [
    check(
      ['the kernel, too, counts from the beginning again', '内核同样重新计时'],
      Number(kept['after']) > Number(kept['before']) + 900,
      `${String(kept['before'])} ms left, then ${String(kept['after'])} ms`,
    ),
  ],
};

export default lab({
  id: 'time-wait/restart',
  level: 2,
  minutes: 3,
  answers: ['B38'],
  rfc: ['RFC 9293 §3.10.7.4', 'RFC 1337 §3'],
  code: ['src/tcp/input/8-fin.ts', 'src/tcp/compact/time-wait-table.ts'],
  title: { en: 'A FIN that comes again restarts 2 MSL', zh: 'FIN 再次到来，2MSL 重新开始' },
  question: {
    en: 'In the middle of TIME-WAIT the FIN arrives once more. What happens to the countdown?',
    zh: '在 TIME-WAIT 进行到一半时，FIN 又到了一次。倒计时会怎样？',
  },
  type: {
    any: [
      { run: 'nc 10.9.0.2 13' },
      { key: 'Ctrl-D' },
      { wait: { en: 'watch the countdown for two seconds', zh: '看两秒倒计时' }, ms: 2000 },
      { run: 'fourwave inject fin1', terminal: 2 },
      { run: 'fourwave watch', terminal: 2 },
    ],
  },
  predict: {
    ask: {
      en: 'After the second FIN, when does S leave TIME-WAIT?',
      zh: '第二个 FIN 之后，S 何时离开 TIME-WAIT?',
    },
    choices: [
      { en: 'when it would have left anyway', zh: '仍在原来的时刻' },
      { en: '2 MSL after the second FIN', zh: '第二个 FIN 之后再过 2MSL' },
      { en: 'at once', zh: '立即' },
    ],
    right: 1,
    why: {
      en: 'Somebody still has not got the last ACK. It is sent again, and it may be lost again.',
      zh: '说明对方还没有收到最后的 ACK。它被重新发送，也可能再次丢失。',
    },
  },
  narrate: [
    {
      when: 'K>S FIN,ACK INJECTED',
      say: {
        en: 'The old FIN again. S cannot know that it is a copy: it answers, and begins to count anew.',
        zh: '旧的 FIN 再次到来。S 无法知道这是副本：它回答，并重新开始计时。',
      },
    },
    {
      when: 'K>S RST',
      say: {
        en: "K has forgotten the connection long ago: S's ACK earns a RST. RFC 1337: it is ignored in TIME-WAIT.",
        zh: 'K 早已忘记这个连接：S 的 ACK 招来一个 RST。按 RFC 1337,TIME-WAIT 忽略它。',
      },
    },
  ],
  acts: [restarted, shot, kernel],
  explain: {
    en: `A FIN that arrives in TIME-WAIT says that the last ACK may not have arrived. RFC 9293 §3.10.7.4 (eighth
check): "acknowledge it, and restart the 2 MSL timeout". So the state lasts until the line has been quiet for
2 MSL, not 2 MSL after the close.

Here the FIN is a copy, as a router may make one, and K has closed for good. So the repeated ACK finds nobody
there, and earns a RST. Linux (tcp_rfc1337=0) lets that RST end TIME-WAIT at once, which is hazard H3 of RFC
1337; our default is to ignore it. The third act is the same at the kernel's side: its 60 seconds begin anew too.`,
    zh: `TIME-WAIT 中到来的 FIN 说明最后的 ACK 可能没有到达。RFC 9293 §3.10.7.4（第八步检查）要求：确认它，并重启 2MSL 定时器。
所以这个状态持续到线路安静了 2MSL 为止，而不是关闭后的 2MSL。

这里的 FIN 是一个副本（路由器可能复制报文段），而 K 早已彻底关闭。于是重发的 ACK 找不到人，招来一个 RST。
Linux(tcp_rfc1337=0)会让这个 RST 立即结束 TIME-WAIT，这正是 RFC 1337 所说的危险；我们默认忽略它。
第三幕是内核一侧的同样情形：它的 60 秒也重新开始。`,
  },
  next: ['time-wait/none', 'time-wait/assassination'],
  broken: {
    what: 'S keeps no TIME-WAIT: there is no countdown that could begin anew.',
    act: 'restarted',
    stack: { timeWait: 'off' },
  },
});
