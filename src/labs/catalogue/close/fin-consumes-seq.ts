/** close/fin-consumes-seq: a FIN has a sequence number of its own, so it can be acknowledged, and lost. */

import type { LogEvent } from '../../../trace/log-event.ts';
import { rungsOf } from '../../expect/rungs.ts';
import { lab } from '../../lab.ts';
import { checked, gapsOf, segmentsWith } from './scenes.ts';

export default lab({
  id: 'close/fin-consumes-seq',
  level: 2,
  minutes: 3,
  answers: ['B16', 'B17', 'B19'],
  rfc: ['RFC 9293 §3.4', 'RFC 9293 §3.10.7.4'],
  code: ['src/tcp/input/8-fin.ts', 'src/tcp/output/transmit.ts'],
  title: { en: 'A FIN uses up one sequence number', zh: 'FIN 占用一个序号' },
  question: {
    en: 'A FIN carries no data. Why is it acknowledged with its number plus one?',
    zh: 'FIN 不带数据，为什么对它的确认要加一？',
  },
  type: {
    'nc.openbsd': [{ run: 'nc -N 10.9.0.2 9 </dev/null' }],
    ncat: [{ run: 'ncat 10.9.0.2 9 </dev/null' }],
    any: [{ run: 'nc -N 10.9.0.2 9 </dev/null' }],
  },
  predict: {
    ask: {
      en: 'K sends "five" and a newline, then its FIN. What does S acknowledge at the end?',
      zh: 'K 发送 "five" 加换行，然后发送 FIN。S 最后确认多少？',
    },
    choices: [
      { en: '2: initial number + 1, and one for the FIN', zh: '2：初始序号 + 1，再为 FIN 加 1' },
      { en: '6', zh: '6' },
      { en: '7', zh: '7' },
    ],
    right: 2,
    why: {
      en: 'SYN 0, five bytes 1 to 5, FIN 6. What is expected next is 7.',
      zh: 'SYN 是 0，五个字节是 1 到 5，FIN 是 6。下一个期待的是 7。',
    },
  },
  acts: [
    {
      name: 'nothing-sent',
      title: { en: 'A FIN and nothing before it', zh: '只有 FIN，之前没有数据' },
      auto: async (stage) => {
        const nc = await stage.nc(9, { N: true, input: '' });
        await nc.exited();
      },
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S FIN,ACK 1 ack 1
        S>K FIN,ACK 1 ack 2
        K>S ACK 2 ack 2              ; S CLOSED
      `,
      check: ({ events }) => [acknowledged(events)],
    },
    {
      name: 'five-bytes',
      title: { en: 'Five bytes and a FIN', zh: '五个字节加一个 FIN' },
      auto: async (stage) => {
        const nc = await stage.nc(9, { N: true, input: 'five\n' });
        await nc.exited();
      },
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S PSH,ACK 1:6 ack 1
        K>S FIN,ACK 6 ack 1
        S>K FIN,ACK 1 ack 7
        K>S ACK 7 ack 2              ; S CLOSED
      `,
      check: ({ events }) => [acknowledged(events)],
    },
    {
      name: 'a-peer-that-cannot-count',
      title: { en: 'A peer that forgets the one', zh: '对方忘了加一' },
      faults: ['mutate out where ack==u+1 set ack=u'],
      auto: async (stage) => {
        const nc = await stage.nc(2002, { N: true, input: 'five\n' });
        const again = 'K>S FIN,ACK RETRANS\nK>S FIN,ACK RETRANS\nK>S FIN,ACK RETRANS';
        await stage.until(again);
        const [socket] = await stage.kernelSockets();
        stage.keep('K', `${socket?.state ?? 'gone'}, ${socket?.sendQ ?? 0} unacknowledged`);
        await stage.clearFaults();
        await stage.until('K>S FIN,ACK RETRANS', { since: stage.mark() });
        await stage.wait(300);
        stage.keep('then', (await stage.kernelSockets()).map(({ state }) => state).join());
        await nc.kill();
      },
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S PSH,ACK 1:6 ack 1
        K>S FIN,ACK 6 ack 1          ; S CLOSE-WAIT
        K>S FIN,ACK 6 ack 1 RETRANS  ; K FIN-WAIT-1 within 100ms..1500ms
        strict S>K ACK 1 ack 7 MUTATED
        K>S FIN,ACK 6 ack 1 RETRANS  ; K FIN-WAIT-1
        K>S FIN,ACK 6 ack 1 RETRANS  ; K FIN-WAIT-1
        K>S FIN,ACK 6 ack 1 RETRANS
        strict S>K ACK 1 ack 7       ; K FIN-WAIT-2
        ...
      `,
      check: ({ events, kept }) => {
        const fins = segmentsWith(events, 'K', 'FIN');
        return [
          checked(
            'the FIN was sent again at least three times',
            'FIN 至少重发了三次',
            fins.length >= 4,
            `${gapsOf(fins).join(', ')} ms apart`,
          ),
          checked(
            'K was still in FIN-WAIT-1, with one number unacknowledged',
            'K 仍处于 FIN-WAIT-1，有一个序号未被确认',
            kept['K'] === 'FIN-WAIT-1, 1 unacknowledged',
            String(kept['K']),
          ),
          checked(
            'one honest ACK ends it: FIN-WAIT-2',
            '一个诚实的 ACK 就结束了它：FIN-WAIT-2',
            kept['then'] === 'FIN-WAIT-2',
            String(kept['then']),
          ),
        ];
      },
    },
  ],
  narrate: [
    {
      when: 'S>K ACK MUTATED',
      say: {
        en: 'The rule takes the one away again: K is told "I have everything up to your FIN, but not the FIN".',
        zh: '规则把那个“一”拿掉了：K 听到的是“FIN 之前的都收到了，但没有 FIN”。',
      },
    },
  ],
  explain: {
    en: `A FIN takes the next sequence number, as the SYN took the first: relative numbers are SYN 0, the bytes 1 to
n, FIN n + 1 (RFC 9293 §3.4). It needs a number to be reliable. What has no number cannot be acknowledged: an ACK
that says "6" means that the five bytes are there, and leaves open whether the FIN is. That is seen in the third
act, where somebody on the way takes the one away: K has to send its FIN again and again.

So the acknowledgement is u + 1, with u the number of the FIN itself. "ISN + 1", as some texts have it,
acknowledges the SYN; it is wrong even where no byte was sent (there it is ISN + 2).`,
    zh: `FIN 占用下一个序号，正如 SYN 占用了第一个：相对序号中 SYN 是 0，数据字节是 1 到 n，FIN 是 n + 1（RFC 9293 §3.4）。
它需要序号才能可靠：没有序号的东西无法确认。写着 "6" 的 ACK 表示五个字节到了，至于 FIN 到没到，没有说。
第三幕就是这样：路上有人把那个“一”拿掉，K 只好一再重发 FIN。

所以确认号是 u + 1，u 是 FIN 自己的序号。有的教材写 "ISN + 1"，那确认的是 SYN；
即使一个字节也没发过，它也不对（那时应是 ISN + 2）。`,
  },
  next: ['close/fin-with-data', 'close/first-fin-lost', 'close/four-waves'],
  broken: {
    what: "S's acknowledgement of the FIN is short of the one, as if a FIN had no number.",
    act: 'five-bytes',
    faults: ['mutate out where ack==u+1 set ack=u'],
  },
});

/** As the other side has seen it: a mutated one does not count. */
function acknowledged(events: readonly LogEvent[]): ReturnType<typeof checked> {
  const rungs = rungsOf(events).filter(({ marks }) => !marks.has('MUTATED'));
  const fins = rungs.filter(({ flags }) => flags.includes('FIN'));
  const found = fins.map(({ from, seq, len, n }) => {
    const ack = rungs.find((rung) => rung.n > n && rung.from !== from && (rung.ack ?? 0) > seq + len)?.ack;
    return { from, seq: seq + len, ack: ack ?? null };
  });
  return checked(
    'each FIN was acknowledged with its own number plus one',
    '每个 FIN 都以自己的序号加一被确认',
    found.length === 2 && found.every(({ seq, ack }) => ack === seq + 1),
    found.map(({ from, seq, ack }) => `${from}: FIN ${seq}, ack ${ack ?? 'none'}`).join('; '),
  );
}
