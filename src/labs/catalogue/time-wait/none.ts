/** time-wait/none: what the repeated FIN meets where nobody waits for it. */

import { rungsOf } from '../../expect/rungs.ts';
import { lab } from '../../lab.ts';
import { check } from '../toolkit.ts';

export default lab({
  id: 'time-wait/none',
  level: 2,
  minutes: 2,
  answers: ['B39'],
  rfc: ['RFC 9293 §3.10.7.1', 'RFC 9293 §3.10.7.2', 'RFC 9293 §3.6.1'],
  code: ['src/tcp/input/closed.ts', 'src/tcp/input/listen.ts', 'src/tcp/input/8-fin.ts'],
  title: { en: 'No TIME-WAIT: the repeated FIN meets nobody', zh: '没有 TIME-WAIT：重发的 FIN 无人应答' },
  question: {
    en: 'The last ACK is lost, and S has not waited. Who sees an error?',
    zh: '最后的 ACK 丢失了，而 S 没有等待。谁会看到错误？',
  },
  stack: { timeWait: 'off' },
  faults: ['drop out where ack-only && ack==w+1 times 1'],
  type: {
    'nc.openbsd': [
      { run: 'nc 10.9.0.2 13; echo "exit code $?"' },
      { wait: { en: 'the line with the time is there', zh: '看到时间那一行' }, until: 'S>K FIN,ACK' },
      { key: 'Ctrl-D' },
    ],
    any: [{ run: 'nc 10.9.0.2 13; echo "exit code $?"' }, { key: 'Ctrl-D' }],
  },
  auto: async (stage) => {
    const nc = await stage.nc(13);
    await nc.saw('\n');
    await stage.until('S FIN-WAIT-2');
    await nc.eof();
    await nc.exited();
    await stage.until('S>K RST');
    await stage.wait(100);
  },
  predict: {
    ask: {
      en: 'S answers the repeated FIN with a RST. What does nc report?',
      zh: 'S 用 RST 回答重发的 FIN。nc 会报告什么？',
    },
    choices: [
      { en: '"Connection reset by peer"', zh: '"Connection reset by peer"' },
      { en: 'nothing: exit code 0', zh: '什么也不报：退出码 0' },
      { en: 'it hangs', zh: '它会卡住' },
    ],
    right: 1,
    why: {
      en: 'nc has called close and is gone: its kernel takes the RST for a program that no longer exists.',
      zh: 'nc 已经调用 close 并退出；FIN 是内核替一个已不存在的程序发送的，RST 也由内核收下。',
    },
  },
  narrate: [
    {
      when: 'S>K RST',
      say: {
        en: 'S remembers nothing. The FIN meets only the listener of port 13: an ACK in LISTEN earns a RST.',
        zh: 'S 什么也不记得。这个 FIN 只遇到 13 端口的 LISTEN:LISTEN 收到 ACK 就回答 RST。',
      },
    },
  ],
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    S>K PSH,ACK 1:n ack 1
    S>K FIN,ACK n ack 1                    ; S FIN-WAIT-1
    K>S ACK 1 ack n+1                      ; S FIN-WAIT-2  K CLOSE-WAIT
    K>S FIN,ACK 1 ack n+1                  ; K LAST-ACK
    strict S>K ACK n+1 ack 2 LOST          ; S CLOSED
    strict K>S FIN,ACK 1 ack n+1 RETRANS   within 150ms..1500ms
    strict S>K RST n+1                     ; K CLOSED
    never event timer:set timer=time-wait
  `,
  check: ({ events, programs, sockets, bound }) => {
    const rst = rungsOf(events).find(({ flags }) => flags.includes('RST'));
    return [
      check(
        ["the RST bears K's own ack number, and no ACK flag", 'RST 的 seq 就是 K 的 ack 号，且没有 ACK 标志'],
        rst !== undefined && rst.seq === (bound['n'] ?? 0) + 1 && rst.flags.join() === 'RST',
        rst === undefined ? 'no RST' : `${rst.flags.join()} seq ${rst.seq}`,
      ),
      check(
        ['nc ended with code 0 and said nothing', 'nc 以 0 退出，没有任何报错'],
        programs[0]?.exit?.code === 0 && programs[0].errors === '',
        `code ${String(programs[0]?.exit?.code)} ${programs[0]?.errors ?? ''}`,
      ),
      check(['K is out of LAST-ACK', 'K 已离开 LAST-ACK'], sockets.length === 0),
    ];
  },
  explain: {
    en: `Without TIME-WAIT the repeated FIN belongs to no connection. A closed port, and a listener that gets an
ACK, answer with a RST whose number is the segment's own ACK number, so that the other side must believe it (RFC
9293 §3.10.7.1, §3.10.7.2). K's LAST-ACK ends by that RST instead of by an ACK.

Nobody is told: nc had called close long before. It would hurt a program that waits in close (SO_LINGER), or one
whose last bytes were lost together with the ACK: it would be told that they did not arrive, although they did.
The worse harm of having no TIME-WAIT is another one: see time-wait/old-data.`,
    zh: `没有 TIME-WAIT，重发的 FIN 就不属于任何连接。关闭的端口，以及收到 ACK 的 LISTEN，都用 RST 回答，
RST 的序号取自对方的 ACK 号，因此对方必须接受它（RFC 9293 §3.10.7.1、§3.10.7.2）。K 的 LAST-ACK 由这个 RST 结束，而不是由 ACK 结束。

没有人被通知：nc 早已调用 close。会受害的是在 close 中等待的程序（SO_LINGER），或者最后的字节与 ACK 一同丢失的程序：
它会被告知数据没有到达，而实际上已经到达。没有 TIME-WAIT 更严重的危害在别处：见 time-wait/old-data。`,
  },
  next: ['time-wait/old-fin', 'time-wait/old-data'],
  broken: {
    what: 'S keeps its TIME-WAIT after all: an ACK answers the repeated FIN, and no RST.',
    stack: { timeWait: 'on' },
  },
});
