/** cc/slow-start: ten segments, twenty, forty. */

import type { LogEvent } from '../../../trace/log-event.ts';
import { rungsOf } from '../../expect/rungs.ts';
import { type Act, lab } from '../../lab.ts';
import type { ActReport, CheckLine } from '../../result.ts';
import type { Stage } from '../../stage.ts';
import { check, timerEvents } from '../toolkit.ts';
import { curveOf, lossesOf, plot, segmentSize } from './curve.ts';

const download =
  (kb: number) =>
  async (stage: Stage): Promise<void> => {
    const curl = await stage.curl(`http://10.9.0.2/big?kb=${kb}`, '-o', '/dev/null');
    await curl.exited(20_000);
    await stage.until('S CLOSED', { timeout: 10_000 });
  };

/** Segments sent in each round trip: a round is over when something of it is acknowledged. */
function rounds(events: readonly LogEvent[]): readonly number[] {
  const size = segmentSize(events);
  const sent: number[] = [];
  let [current, end, next] = [0, 1, 1];
  for (const { from, len, seq, ack } of rungsOf(events)) {
    if (from === 'S') {
      current += len;
      next = Math.max(next, seq + len);
    } else if ((ack ?? 0) > end) {
      sent.push(current / size);
      current = 0;
      end = next;
    }
  }
  return sent;
}

function doubling({ events }: ActReport, first: number): CheckLine[] {
  const sent = rounds(events).slice(0, 3);
  const ratios = sent.slice(1).map((now, i) => now / (sent[i] as number));
  return [
    check(
      [`${first} segments at first`, `起初 ${first} 个报文段`],
      Math.abs((sent[0] ?? 0) - first) < 0.5,
      (sent[0] ?? 0).toFixed(1),
    ),
    check(
      ['twice as many with each round trip', '每个往返时间加倍'],
      sent.length === 3 && ratios.every((ratio) => ratio > 1.5 && ratio < 2.2),
      sent.map((one) => one.toFixed(0)).join(', '),
    ),
    check(['nothing was lost', '没有丢失'], lossesOf(events).length === 0),
    check(
      ['and nothing timed out', '也没有超时'],
      !timerEvents(events, 'rto').includes('fire'),
      plot(events),
    ),
  ];
}

const RENO = { congestion: 'reno', hystart: 'off' } as const;

const ten: Act = {
  name: 'iw10',
  title: { en: 'An initial window of ten segments (RFC 6928)', zh: '初始窗口十个报文段（RFC 6928）' },
  stack: RENO,
  faults: ['delay both 60ms'],
  auto: download(300),
  check: (report) => doubling(report, 10),
};

const three: Act = {
  ...ten,
  name: 'iw3',
  title: { en: 'As RFC 5681 has it: three', zh: 'RFC 5681 的规定：三个' },
  stack: { ...RENO, iw: 'rfc5681' },
  check: (report) => doubling(report, 3),
};

/** A bottleneck with a long queue: delays tell that it fills, before anything is lost. */
const hystart: Act = {
  name: 'hystart',
  title: {
    en: 'HyStart++: rising delays end it before a loss does',
    zh: 'HyStart++：延迟上升使它在丢包之前结束',
  },
  stack: { congestion: 'reno', hystart: '++' },
  faults: ['rate out 10mbit queue 1000 delay 40ms'],
  auto: download(1300),
  check: ({ events }) => [
    check(
      ['it ended: a threshold was set', '慢启动结束：设置了门限'],
      Number.isFinite(curveOf(events).at(-1)?.ssthresh ?? Number.POSITIVE_INFINITY),
      plot(events),
    ),
    check(['although nothing was lost', '尽管没有丢失'], lossesOf(events).length === 0),
  ],
};

export default lab({
  id: 'cc/slow-start',
  level: 4,
  minutes: 3,
  answers: ['B59'],
  rfc: ['RFC 5681 §3.1', 'RFC 6928 §2', 'RFC 9406 §4'],
  code: ['src/tcp/congestion/reno.ts', 'src/tcp/congestion/hystart.ts'],
  title: { en: 'Slow start: ten, twenty, forty', zh: '慢启动：十、二十、四十' },
  question: {
    en: 'Nobody knows how fast the way is. How much does TCP send at first, and how does it go on?',
    zh: '谁也不知道路有多快。TCP 起初发送多少？随后怎样？',
  },
  type: {
    any: [{ run: 'curl "http://10.9.0.2/big?kb=300" -o /dev/null' }, { run: 'fourwave ladder' }],
  },
  predict: {
    ask: {
      en: 'Ten segments went out and were acknowledged. How many are out in the next round trip?',
      zh: '发出十个并都得到确认。下一个往返时间有几个在路上？',
    },
    choices: [
      { en: 'eleven', zh: '十一个' },
      { en: 'twenty', zh: '二十个' },
      { en: 'as many as the receiver allows', zh: '接收方允许多少就多少' },
    ],
    right: 1,
    why: {
      en: 'Each acknowledged segment lets two go: the one that it replaces, and one more.',
      zh: '每个被确认的报文段放行两个：替代它的一个，再加一个。',
    },
  },
  acts: [ten, three, hystart],
  explain: {
    en: `"Slow" start is exponential: for each segment acknowledged the window grows by one, so it doubles with every
round trip (RFC 5681 §3.1), from ten segments (RFC 6928; RFC 5681 had two to four), until it reaches ssthresh, something
is lost, or HyStart++ sees the round trips get longer: the queue at the bottleneck is filling, and there is no need to
wait until it overflows.`,
    zh: `"慢"启动其实是指数增长：每确认一个报文段，窗口增加一个，所以每个往返时间加倍（RFC 5681 §3.1），从十个报文段开始
（RFC 6928;RFC 5681 为二到四个），直到达到 ssthresh，或者发生丢失，或者 HyStart++ 发现往返时间变长：瓶颈处的队列正在变满，
不必等到它溢出。`,
  },
  next: ['cc/reno-sawtooth', 'cc/timeout'],
  broken: {
    what: 'The window begins with three segments where ten are expected.',
    act: 'iw10',
    stack: { iw: 3 },
  },
});
