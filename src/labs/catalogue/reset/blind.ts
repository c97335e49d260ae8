/** reset/blind: forged segments of one who cannot see the numbers (RFC 5961). */

import { lab } from '../../lab.ts';
import type { Stage } from '../../stage.ts';
import { checked, segmentsWith } from '../close/scenes.ts';

const FLOOD = 30;
/** challengeAck.limit */
const LIMIT = 10;

export default lab({
  id: 'reset/blind',
  level: 3,
  minutes: 4,
  answers: [],
  rfc: ['RFC 5961 §3', 'RFC 5961 §4', 'RFC 5961 §5', 'RFC 5961 §7', 'RFC 9293 §3.10.7.4'],
  code: ['src/tcp/input/2-rst.ts', 'src/tcp/input/4-syn.ts', 'src/tcp/input/5-ack.ts'],
  title: { en: 'Blind attacks and challenge ACKs', zh: '盲攻击与 challenge ACK' },
  question: {
    en: 'An attacker knows addresses and ports, but not the sequence numbers. Can he reset the connection?',
    zh: '攻击者知道地址和端口，但不知道序号。他能重置连接吗？',
  },
  type: {
    any: [
      { run: 'nc 10.9.0.2 7' },
      { wait: { en: 'the connection is there', zh: '连接已建立' }, until: 'S ESTABLISHED' },
      { run: 'fourwave inject rst seq+10 on c1', terminal: 2 },
      { run: 'fourwave inject rst seq+2000000 on c1', terminal: 2 },
      { run: 'fourwave inject syn on c1', terminal: 2 },
      { run: 'fourwave inject ack ack+1000 on c1', terminal: 2 },
      { run: `fourwave inject 'psh|ack ack=-100000000 on c1 data "evil"'`, terminal: 2 },
      { line: 'still here' },
      { run: 'fourwave inject rst on c1', terminal: 2 },
    ],
  },
  predict: {
    ask: {
      en: 'A RST comes whose number is in the window, but not exactly RCV.NXT. What does S do?',
      zh: '来了一个 RST，序号在窗口内，但不恰好是 RCV.NXT。S 怎么做？',
    },
    choices: [
      { en: 'the connection is reset', zh: '连接被重置' },
      { en: 'it answers with an ACK and goes on', zh: '用 ACK 回答，然后继续' },
      { en: 'nothing', zh: '什么也不做' },
    ],
    right: 1,
    why: {
      en:
        'A challenge: if the peer has really reset, the ACK earns a RST with the exact number. A blind ' +
        'attacker never sees the ACK.',
      zh: '这是一次质询：如果对方真的重置了，这个 ACK 会换来序号精确的 RST。盲攻击者看不到这个 ACK。',
    },
  },
  acts: [
    {
      name: 'defended',
      title: { en: 'One after the other', zh: '逐个尝试' },
      auto: async (stage) => {
        const nc = await talk(stage);
        for (const segment of BLIND) {
          await stage.forge(segment);
          await stage.wait(150);
        }
        await nc.type('still here');
        await nc.saw('still here');
        await stage.forge('rst on c1');
        await stage.until('S CLOSED');
        await nc.kill();
      },
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S ACK 1 ack 1                  ; S ESTABLISHED
        K>S RST 11 INJECTED DROPPED reason TCP_RST_CHALLENGE         # in the window, not exact
        strict S>K ACK 1 ack 1 trigger challenge-ack
        K>S RST 2000001 INJECTED DROPPED reason TCP_RST_OUTSIDE      # outside: not a word
        silence 100ms
        K>S SYN ? INJECTED DROPPED reason TCP_SYN_CHALLENGE
        strict S>K ACK 1 ack 1 trigger challenge-ack
        K>S ACK 1 ack 1001 INJECTED DROPPED reason TCP_ACK_UNSENT_DATA
        strict S>K ACK 1 ack 1 trigger challenge-ack
        K>S PSH,ACK 1:5 ack ? INJECTED DROPPED reason TCP_TOO_OLD_ACK
        strict S>K ACK 1 ack 1 trigger challenge-ack
        K>S PSH,ACK 1:12 ack 1           # the true line; nothing of "evil" before it
        S>K PSH,ACK 1:12 ack 12
        K>S RST 12 INJECTED              ; S CLOSED  closed reset-by-peer
        ...
      `,
      check: ({ events, programs }) => [
        checked(
          'the forged bytes never reached the application',
          '伪造的字节从未到达应用程序',
          programs[0]?.printed === 'still here\n',
          JSON.stringify(programs[0]?.printed),
        ),
        checked(
          'four challenges: for RST, SYN and two ACKs',
          '四次质询：针对 RST、SYN 和两个 ACK',
          segmentsWith(events, 'S', 'ACK').filter(({ trigger }) => trigger === 'challenge-ack').length === 4,
        ),
      ],
    },
    {
      name: 'undefended',
      title: { en: 'The hazard: the same RST without RFC 5961', zh: '危险：没有 RFC 5961 时的同一个 RST' },
      stack: { rfc5961: 'off' },
      auto: async (stage) => {
        const nc = await talk(stage);
        await stage.forge('rst seq+10 on c1');
        await stage.until('S CLOSED');
        await nc.type('hello?');
        await nc.exited();
      },
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S ACK 1 ack 1
        K>S RST 11 INJECTED              ; S CLOSED  closed reset-by-peer
        K>S PSH,ACK 1:8 ack 1            # K knew of nothing
        S>K RST 1
      `,
      check: ({ events }) => [
        checked(
          'one guess of some 130,000 numbers was enough',
          '约十三万个序号中猜中一个就够了',
          events.some(({ ev, data }) => ev === 'conn:closed' && data['error'] === 'ECONNRESET'),
        ),
      ],
    },
    {
      name: 'peer-has-really-reset',
      title: { en: 'A true RST that came late: the challenge settles it', zh: '迟到的真 RST：质询解决问题' },
      auto: async (stage) => {
        const nc = await talk(stage);
        await stage.rebootKernel();
        await stage.forge('rst seq+10 on c1');
        await stage.until('S CLOSED');
        await nc.kill();
      },
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S ACK 1 ack 1
        K>S RST 11 INJECTED DROPPED
        strict S>K ACK 1 ack 1 trigger challenge-ack
        strict K>S RST 1                 ; S CLOSED  closed reset-by-peer
      `,
    },
    {
      name: 'flood',
      title: { en: 'Thirty guesses: the challenges are limited', zh: '三十次猜测：质询有上限' },
      auto: async (stage) => {
        const nc = await talk(stage);
        const from = stage.now;
        for (let guess = 1; guess <= FLOOD; guess++) await stage.forge(`rst seq+${guess * 100} on c1`);
        stage.keep('seconds', Math.floor(stage.now - from) + 1);
        await stage.wait(50);
        await nc.type('still here');
        await nc.saw('still here');
        await nc.kill();
      },
      check: ({ events, kept }) => {
        const challenges = segmentsWith(events, 'S', 'ACK').filter(
          ({ trigger }) => trigger === 'challenge-ack',
        ).length;
        // A second that begins in the middle counts as one more.
        const most = LIMIT * (Number(kept['seconds']) + (kept['seconds'] === 1 ? 0 : 1));
        return [
          checked(
            `at most ${LIMIT} a second, of ${FLOOD}`,
            `${FLOOD} 个里每秒至多 ${LIMIT} 个`,
            challenges > 0 && challenges <= most && challenges < FLOOD + 1,
            `${challenges} in ${String(kept['seconds'])} s`,
          ),
        ];
      },
    },
    {
      name: 'kernel',
      title: { en: 'The kernel is asked the same', zh: '向内核提同样的问题' },
      auto: async (stage) => {
        const nc = await talk(stage);
        await stage.forge('out rst seq+10 on c1');
        await stage.wait(200);
        stage.keep('K', (await stage.kernelSockets()).map(({ state }) => state).join());
        await stage.forge('out rst on c1');
        await stage.wait(200);
        stage.keep('then', (await stage.kernelSockets()).length);
        await nc.exited();
      },
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S ACK 1 ack 1                  ; S ESTABLISHED
        S>K RST 11 INJECTED
        strict K>S ACK 1 ack 1           # its challenge
        S>K RST 1 INJECTED               ; K CLOSED
      `,
      check: ({ kept }) => [
        checked(
          'in the window: K stayed',
          '窗口之内：K 保持不变',
          kept['K'] === 'ESTABLISHED',
          String(kept['K']),
        ),
        checked('exact: K was reset', '精确：K 被重置', kept['then'] === 0),
      ],
    },
  ],
  narrate: [
    {
      when: 'K>S RST INJECTED DROPPED',
      say: { en: 'Somebody guesses. Not the exact number: no reset.', zh: '有人在猜。序号不精确：不重置。' },
    },
  ],
  explain: {
    en: `Before RFC 5961 any RST in the window ended a connection. With a window of 128 kB that is one number in
32,768:
some thousands of packets a second find it quickly, and long-lived sessions (BGP) were ended so. Now a RST must have
exactly the number RCV.NXT. In the window, but not exact, it earns a challenge ACK: a peer that has really
forgotten the
connection answers with a RST that takes its number from this ACK, and is exact. Outside of the window: silence.

A SYN in a synchronized state earns the same challenge, whatever its number (§4). And data needs an acknowledgement
field that fits too: not for what was never sent, nor far older than what was sent (§5), so blind data is not
taken. The challenges
are limited for each connection and second, for they could be used to flood a third party (§7).

Who sees the packets knows the numbers: against him only cryptography helps.`,
    zh: `在 RFC 5961 之前，窗口内的任何 RST 都会结束连接。窗口为 128 kB 时，相当于三万两千多个序号里猜中一个：
每秒几千个包很快就能找到，长寿的会话（BGP）就曾这样被打断。现在 RST 的序号必须恰好是 RCV.NXT。
在窗口内但不精确，只换来 challenge ACK：真的忘记了连接的对方会用 RST 回答，序号取自这个 ACK，因而精确。窗口之外：沉默。

同步状态下的 SYN 不论序号都换来同样的质询（§4）。数据还需要合适的确认号：不能确认从未发送的，也不能太旧（§5），
所以盲目伪造的数据不会被接收。质询按连接、按秒限量，否则可被用来淹没第三方（§7）。

能看到报文的人知道序号：对付他只有密码学。`,
  },
  next: ['open/old-duplicate-syn', 'time-wait/assassination', 'data/acceptability'],
  broken: {
    what: 'S believes any RST in its window.',
    act: 'defended',
    stack: { rfc5961: 'off' },
  },
});

const BLIND = [
  'rst seq+10 on c1',
  'rst seq+2000000 on c1',
  'syn on c1',
  'ack ack+1000 on c1',
  'psh|ack ack=-100000000 on c1 data "evil"',
];

/** An idle connection to the echo. */
async function talk(stage: Stage): ReturnType<Stage['nc']> {
  const nc = await stage.nc(7);
  await stage.until('S ESTABLISHED');
  await stage.wait(100);
  return nc;
}
