/** time-wait/late-data: delivery has ended with the FIN. */

import { type Act, lab } from '../../lab.ts';
import { check, timeWaitLeft } from '../toolkit.ts';

const BEFORE = `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    S>K PSH,ACK 1:n ack 1
    S>K FIN,ACK n ack 1
    K>S ACK 1:7 ack n+1              ; S FIN-WAIT-2
    K>S FIN,ACK 7 ack n+1            ; S TIME-WAIT
    S>K ACK n+1 ack 8                ; K CLOSED`;

/** S closes first, K still sends a line and then closes too: TIME-WAIT is at S. What comes late is `act`'s. */
function late(name: string, send: string): Pick<Act, 'name' | 'stack' | 'faults' | 'auto' | 'check'> {
  return {
    name,
    // Without timestamps: PAWS would judge it before its numbers do.
    stack: { msl: '1s', timestamps: 'off' },
    faults: ['copy in where data first as old'],
    auto: async (stage) => {
      const nc = await stage.nc(13);
      await stage.until('S FIN-WAIT-2');
      await nc.type('hello');
      await stage.until('K>S any 1:7');
      await stage.wait(60);
      stage.keep('before', stage.service('daytime').received);
      await nc.eof();
      await nc.exited();
      await stage.until('S>K ACK ? ack 8');
      await stage.wait(50);
      if (send === '') await stage.inject('old');
      else await stage.forge(send);
      await stage.wait(100);
      stage.keep('after', stage.service('daytime').received);
      stage.keep('left', await timeWaitLeft(stage));
    },
    check: ({ kept }) => [
      check(
        [
          'the application had its line, and got nothing more',
          '应用程序得到了那一行，之后再没有收到任何字节',
        ],
        kept['before'] === 'hello\n' && kept['after'] === 'hello\n',
        JSON.stringify(kept['after']),
      ),
      check(
        ['TIME-WAIT goes on', 'TIME-WAIT 继续'],
        kept['left'] !== null,
        `${String(kept['left'])} ms left`,
      ),
    ],
  };
}

export default lab({
  id: 'time-wait/late-data',
  level: 2,
  minutes: 2,
  answers: ['B44'],
  rfc: ['RFC 9293 §3.10.7.4', 'RFC 1337 §2'],
  code: ['src/tcp/input/1-sequence.ts', 'src/tcp/input/7-text.ts'],
  title: { en: 'Late data is thrown away', zh: '迟到的数据被丢弃' },
  question: {
    en: 'Some texts say that TIME-WAIT is there "to receive delayed packets". Is late data still delivered?',
    zh: '有的教材说 TIME-WAIT 是为了"接收迟到的数据包"。迟到的数据还会交给应用程序吗？',
  },
  type: {
    any: [
      { run: 'nc 10.9.0.2 13' },
      { line: 'hello' },
      { key: 'Ctrl-D' },
      { run: 'fourwave inject old', terminal: 2 },
    ],
  },
  predict: {
    ask: {
      en: '"hello" arrives again in TIME-WAIT. What does S do?',
      zh: '"hello" 在 TIME-WAIT 中再次到达。S 怎么做？',
    },
    choices: [
      { en: 'delivers it', zh: '交给应用程序' },
      { en: 'throws it away and says nothing', zh: '丢弃，什么也不回答' },
      { en: 'throws it away and sends an ACK', zh: '丢弃，并发送 ACK' },
    ],
    right: 2,
    why: {
      en: 'It lies left of the window: not acceptable, and what is not acceptable is answered with an ACK.',
      zh: '它在窗口左侧：不可接受；对不可接受的报文段要回答 ACK。',
    },
  },
  narrate: [
    {
      when: 'K>S any INJECTED',
      say: {
        en: 'Late data. Who would read it? The application has had its end of file.',
        zh: '迟到的数据。谁来读它？应用程序早已读到文件结束。',
      },
    },
  ],
  acts: [
    {
      ...late('old', ''),
      title: { en: 'An old segment once more', zh: '旧报文段再次到来' },
      expect: `${BEFORE}
    K>S ACK 1:7 ack n+1 INJECTED DUPLICATE reason TCP_OLD_SEQUENCE
    strict S>K ACK n+1 ack 8
    K>S RST 8
    S CLOSED`,
    },
    {
      ...late('behind-the-fin', 'psh|ack on c1 data "ghost"'),
      title: { en: 'Data behind the FIN, where nothing can be', zh: 'FIN 之后的数据：那里不可能有数据' },
      expect: `${BEFORE}
    K>S ACK 8:13 ack n+1 INJECTED DROPPED reason TCP_AFTER_FIN
    S CLOSED`,
    },
  ],
  explain: {
    en: `Delivery ended with the FIN: when the application reads "end of file" all bytes before it have been read,
for the FIN has its place in the sequence. What comes in TIME-WAIT is either old, left of RCV.NXT, and then it is
dropped and answered with an ACK (first check of RFC 9293 §3.10.7.4); or it claims to lie behind the FIN, where
no byte can be: "this should not occur ... ignore the segment text" (seventh check).

So TIME-WAIT does not receive late packets: it keeps them from reaching anybody else. The only thing that it
receives usefully is the FIN that comes again.`,
    zh: `数据的交付随 FIN 结束：应用程序读到"文件结束"时，它之前的字节都已读完，因为 FIN 在序号空间中有自己的位置。
TIME-WAIT 中到来的数据，要么是旧的，位于 RCV.NXT 左侧，被丢弃并以 ACK 回答（RFC 9293 §3.10.7.4 第一步检查）；
要么自称在 FIN 之后，而那里不可能有字节：忽略其内容（第七步检查）。

所以 TIME-WAIT 不是用来接收迟到的数据包，而是不让它们到达别人手里。它唯一有用的接收，是再次到来的 FIN。`,
  },
  next: ['time-wait/assassination', 'time-wait/old-data'],
  broken: {
    what: 'S keeps no TIME-WAIT: late data meets a port that knows nothing of it, and earns a RST.',
    act: 'old',
    stack: { timeWait: 'off' },
  },
});
