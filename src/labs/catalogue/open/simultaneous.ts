/** open/simultaneous: both begin, and the SYNs cross. */

import { type Act, lab } from '../../lab.ts';
import type { Stage } from '../../stage.ts';
import { happened, pathOf, point, segments, statesOfK, statesOfS } from './points.ts';

/** One SYN of each is kept until both have been sent; what comes again meanwhile has no way through. */
const HELD_S = ['hold out where syn && !ack first as syns', 'drop out where syn && !ack'];
const HELD_K = ['hold in where syn && !ack first as syns', 'drop in where syn && !ack'];
/** So that one can look at both in SYN-RECEIVED; and K's comes first, before K can acknowledge ours. */
const SLOW = ['delay in where syn && ack 300ms', 'delay out where syn && ack 400ms'];

/** nc calls S:5001 from 5000, and S calls K:5000 from 5001; then both SYNs are let go. */
async function cross(stage: Stage): Promise<void> {
  const nc = await stage.nc(5001, { N: true, localPort: 5000 });
  await stage.until(({ ev }) => ev === 'fault:hit');
  const connect = await stage.connect(5000, { localPort: 5001 });
  await stage.until('S SYN-SENT', { timeout: 20_000 });
  stage.step({ en: 'Both SYNs are on their way: now they cross.', zh: '两个 SYN 都在路上：现在它们交错。' });
  await stage.release('syns');
  await stage.until('S SYN-RECEIVED');
  await stage.wait(100);
  stage.keep('S', await statesOfS(stage));
  stage.keep('K', await statesOfK(stage));
  await stage.until('S ESTABLISHED');
  await stage.wait(500);
  stage.keep('connections', (await stage.connections()).filter(({ peer }) => peer.endsWith(':5000')).length);
  stage.keep('sockets', (await stage.kernelSockets()).length);
  await connect.type('hello from S');
  await nc.saw('hello from S');
  await nc.type('hello from K');
  await connect.saw('hello from K');
}

const crossing: Act = {
  name: 'crossing',
  services: { sink: { start: false } },
  faults: [...HELD_K, ...HELD_S, ...SLOW],
  auto: cross,
  expect: `
    K>S SYN 0 HELD
    ...
    S>K SYN 0 HELD                ; S SYN-SENT  timer S.rto armed 1s
    ...
    c1 K>S SYN 0 ACCEPTED         ; S SYN-RECEIVED
    strict S>K SYN,ACK 0 ack 1 DELAYED ; K SYN-RECEIVED
    strict K>S SYN,ACK 0 ack 1 DELAYED ; S ESTABLISHED  timer S.rto cancelled
    S>K PSH,ACK 1:14 ack 1
    K>S PSH,ACK 1:14 ack 14
    S>K ACK 14 ack 14
    never K>S RST
    never S>K RST
  `,
  check: ({ events, kept }) => [
    point(
      'Both were in SYN-RECEIVED at the same time',
      '双方同时处在 SYN-RECEIVED',
      String(kept['S']).startsWith('SYN-RECEIVED') && String(kept['K']).startsWith('SYN-RECEIVED'),
      `S ${String(kept['S'])}, K ${String(kept['K'])}`,
    ),
    point(
      'S went SYN-SENT → SYN-RECEIVED → ESTABLISHED',
      'S 经过 SYN-SENT → SYN-RECEIVED → ESTABLISHED',
      pathOf(events, 'c1').includes('SYN-SENT → SYN-RECEIVED → ESTABLISHED'),
      pathOf(events, 'c1'),
    ),
    point(
      'One connection, not two',
      '一个连接，不是两个',
      happened(events, 'conn:opened').length === 1 && kept['connections'] === 1 && kept['sockets'] === 1,
      `S ${String(kept['connections'])}, K ${String(kept['sockets'])}`,
    ),
    point(
      'Each SYN was sent twice, the second time with the ACK',
      '每个 SYN 都发了两次，第二次带着 ACK',
      segments(events, 'S', 'SYN').length >= 1 &&
        segments(events, 'K', 'SYN,ACK').length === 1 &&
        segments(events, 'S', 'SYN,ACK').length === 1,
      reported(events),
    ),
  ],
};

/** Whether the second SYN was reported as a duplicate (D-SACK, RFC 2883). */
function reported(events: Parameters<typeof happened>[0]): string {
  const blocks = [...segments(events, 'K', 'ACK'), ...segments(events, 'S', 'ACK')].filter(({ sack }) =>
    sack.some(([left, right]) => left === 0 && right === 1),
  );
  const who = [...new Set(blocks.map(({ from }) => from))];
  return who.length === 0 ? 'nobody reported a duplicate' : `D-SACK 0-1 from ${who.join(' and ')}`;
}

/** The SYN,ACKs are lost: each end has a timer of its own. */
const lost: Act = {
  name: 'both-lost',
  title: { en: 'Both SYN,ACKs are lost', zh: '两个 SYN,ACK 都丢失' },
  services: { sink: { start: false } },
  faults: [...HELD_K, ...HELD_S, 'drop both where syn && ack times 2', ...SLOW],
  auto: cross,
  expect: `
    K>S SYN 0 HELD
    ...
    S>K SYN 0 HELD                ; S SYN-SENT
    ...
    c1 K>S SYN 0 ACCEPTED         ; S SYN-RECEIVED
    S>K SYN,ACK 0 ack 1 LOST
    ...
    S ESTABLISHED
    ...
  `,
  check: ({ events, kept }) => [
    point(
      'A SYN,ACK came again by a timer, whichever was first',
      'SYN,ACK 由先到期的一方的定时器重发',
      segments(events, 'S', 'SYN,ACK').length + segments(events, 'K', 'SYN,ACK').length >= 3,
    ),
    point(
      'Both waited in SYN-RECEIVED, each with its timer',
      '双方都在 SYN-RECEIVED 等待，各有定时器',
      kept['S'] === 'SYN-RECEIVED (rto)' && kept['K'] === 'SYN-RECEIVED (rto)',
      `S ${String(kept['S'])}, K ${String(kept['K'])}`,
    ),
    point(
      'One connection in the end',
      '最终只有一个连接',
      kept['connections'] === 1 && kept['sockets'] === 1,
    ),
  ],
};

export default lab({
  id: 'open/simultaneous',
  level: 3,
  minutes: 3,
  answers: ['B8', 'B13', 'B9'],
  rfc: ['RFC 9293 §3.5', 'RFC 9293 §3.10.7.3', 'RFC 2883 §4'],
  code: ['src/tcp/input/syn-sent.ts', 'src/tcp/input/passive.ts'],
  title: { en: 'Both call at the same time', zh: '双方同时打开' },
  question: {
    en: 'Both ends open actively, and the two SYNs cross. Do they get two connections, one, or none?',
    zh: '双方都主动打开，两个 SYN 在路上交错。得到的是两个连接、一个，还是零个？',
  },
  type: {
    any: [
      { run: 'nc -p 5000 10.9.0.2 5001' },
      { run: 'fourwave connect -p 5001 10.9.0.1 5000', terminal: 2 },
      { run: 'fourwave release syns', terminal: 3 },
      { line: 'hello from S', terminal: 2 },
      { line: 'hello from K' },
    ],
  },
  acts: [crossing, lost],
  predict: {
    ask: {
      en: 'What does K do with a SYN while it is in SYN-SENT?',
      zh: 'K 在 SYN-SENT 时收到 SYN，会怎么做？',
    },
    choices: [
      { en: 'it sends its SYN again, now with an ACK', zh: '再发一次自己的 SYN，这次带 ACK' },
      { en: 'it sends a RST: nobody listens there', zh: '发 RST：那里没有人监听' },
      { en: 'it waits for the ACK of its own SYN', zh: '等待对自己 SYN 的 ACK' },
    ],
    right: 0,
    why: {
      en: 'SYN-SENT → SYN-RECEIVED: the SYN belongs to the very same four-tuple, so it is the same connection.',
      zh: 'SYN-SENT → SYN-RECEIVED：这个 SYN 属于同一个四元组，所以是同一个连接。',
    },
  },
  narrate: [
    {
      when: 'K>S SYN 0 ; S SYN-RECEIVED',
      say: {
        en:
          "K's SYN arrives where S has sent its own: SYN-SENT → SYN-RECEIVED, a way that no server " +
          'and no client takes.',
        zh: 'S 已发出自己的 SYN，又收到 K 的 SYN:SYN-SENT → SYN-RECEIVED，普通的客户端和服务器都不会走这条路。',
      },
    },
    {
      when: 'K>S SYN,ACK ; S ESTABLISHED',
      say: { en: 'The SYN,ACKs cross as well, and both are open.', zh: 'SYN,ACK 也交错而过，双方都打开了。' },
    },
  ],
  explain: {
    en: `Figure 7 of RFC 9293. A connection is the pair of addresses and ports; a SYN that arrives in SYN-SENT from
the very place that was called belongs to it. Each end goes to SYN-RECEIVED and sends its SYN once more, with the
acknowledgement of the other's. When that arrives, its ACK opens the connection; its SYN is a duplicate, and Linux
says so with a D-SACK block 0-1.

Nobody listens on either side, nobody is the server, and there is one connection. It needs fixed ports on both
ends, and that the second end sends before the first SYN arrives: here both are held back until both have been sent.`,
    zh: `这是 RFC 9293 的图 7。一个连接就是一对地址和端口；在 SYN-SENT 收到来自被叫方同一位置的 SYN，就属于这个连接。
双方各自进入 SYN-RECEIVED，把自己的 SYN 再发一次，并带上对对方 SYN 的确认。它到达时，其中的 ACK 打开连接；
其中的 SYN 是重复的，Linux 会用 D-SACK 块 0-1 说明。

两边都没有监听，谁也不是服务器，而连接只有一个。它要求两端都用固定端口，并且第二方在第一个 SYN 到达之前就发出自己的 SYN:
这里两个 SYN 都被扣住，直到双方都已发出。`,
  },
  next: ['close/simultaneous', 'open/why-not-four'],
  broken: {
    what: "K's SYN is lost on the way: nothing crosses, and S never is in SYN-RECEIVED.",
    act: 'crossing',
    faults: ['drop in where syn && !ack', ...HELD_S, ...SLOW],
  },
});
