/** cc/reno-sawtooth: up by one a round trip, down by half at a loss. */

import { type Act, lab } from '../../lab.ts';
import type { ActReport, CheckLine } from '../../result.ts';
import { check, timerEvents } from '../toolkit.ts';
import { curveOf, type Loss, lossesOf, type Point, plot, segmentSize } from './curve.ts';

/** The threshold after a loss, by RFC 5681 equation 4. */
const halved = ({ before }: Loss, size: number): number => Math.max(before.flight / 2, 2 * size);

/** Segments by which the window grows in a round trip, between the end of a recovery and the next loss. */
function slopes({ events }: ActReport): readonly number[] {
  const size = segmentSize(events);
  const ends = events
    .filter(({ ev, data }) => ev === 'cc:state' && data['old'] === 'recovery')
    .map(({ n }) => n);
  const points = curveOf(events);
  return ends.flatMap((end, i) => {
    const loss = lossesOf(events).find(({ before }) => before.n > end);
    const from = points.find(({ n, cwnd, ssthresh }) => n > end && cwnd >= ssthresh);
    if (loss === undefined || from === undefined || (ends[i + 1] ?? Infinity) < loss.before.n) return [];
    return [slope(from, loss.before, points, size)];
  });
}

function slope(from: Point, to: Point, points: readonly Point[], size: number): number {
  const between = points.filter(({ n }) => n >= from.n && n <= to.n);
  const rtt = between.reduce((sum, { srttMs }) => sum + srttMs, 0) / between.length / 1000;
  return (to.cwnd - from.cwnd) / size / ((to.t - from.t) / rtt);
}

function judged(report: ActReport): CheckLine[] {
  const { events } = report;
  const size = segmentSize(events);
  const losses = lossesOf(events);
  const third = losses[2];
  // The first tooth follows the overshoot of slow start: its round trips are still getting shorter.
  const grew = slopes(report).slice(1);
  return [
    check(['three losses or more', '至少三次丢失'], losses.length >= 3, plot(events)),
    check(
      ['each time ssthresh = max(flight/2, 2 SMSS)', '每次 ssthresh = max(flight/2, 2 SMSS)'],
      losses.every((loss) => Math.abs(loss.after.ssthresh - halved(loss, size)) <= 2 * size),
      losses.map(({ before, after }) => `${before.flight} → ${after.ssthresh}`).join(', '),
    ),
    check(
      ['after the third loss the window is half of what was out', '第三次丢失后，窗口为在途数据的一半'],
      third !== undefined && third.after.ssthresh < 0.6 * third.before.cwnd + 2 * size,
      third === undefined ? 'none' : `${third.before.cwnd} → ${third.after.ssthresh}`,
    ),
    check(
      ['between losses about one segment a round trip', '两次丢失之间每个往返时间约增加一个报文段'],
      grew.length >= 1 && grew.every((one) => one > 0.5 && one < 1.6),
      grew.map((one) => one.toFixed(2)).join(', '),
    ),
    check(['no timeout', '没有超时'], !timerEvents(events, 'rto').includes('fire'), plot(events, 'flight')),
    check(
      [
        'the queue is seen in the round-trip time: it grows and shrinks with the window',
        '往返时间反映出队列：随窗口涨落',
      ],
      Math.max(...curveOf(events).map(({ srttMs }) => srttMs)) > 60,
      plot(events, 'srttMs'),
    ),
  ];
}

const reno: Act = {
  name: 'main',
  stack: { congestion: 'reno', hystart: 'off' },
  faults: ['rate out 2mbit queue 20 delay 40ms'],
  real: { faults: ['rate out 4mbit queue 20 delay 40ms'] },
  auto: async (stage) => {
    const curl = await stage.curl('http://10.9.0.2/big?kb=2000', '-o', '/dev/null');
    await curl.exited(60_000);
    await stage.until('S CLOSED', { timeout: 10_000 });
  },
  check: judged,
};

export default lab({
  ...reno,
  id: 'cc/reno-sawtooth',
  level: 4,
  minutes: 4,
  answers: ['B59'],
  rfc: ['RFC 5681 §3.1', 'RFC 5681 §3.2', 'RFC 9937 §6'],
  code: ['src/tcp/congestion/reno.ts', 'src/tcp/recovery/recovery.ts'],
  title: { en: "Reno's sawtooth", zh: 'Reno 的锯齿' },
  question: {
    en: 'A bottleneck of 2 Mbit/s with a queue of twenty packets. What does the window do over eight seconds?',
    zh: '瓶颈 2 Mbit/s，队列二十个包。八秒内窗口怎样变化？',
  },
  type: {
    any: [{ run: 'curl "http://10.9.0.2/big?kb=2000" -o /dev/null' }, { run: 'fourwave watch', terminal: 2 }],
  },
  predict: {
    ask: {
      en: 'When the third loss is noticed 28 segments are out. Where does the window go on?',
      zh: '发现第三次丢失时有 28 个报文段在路上。窗口从哪里继续？',
    },
    choices: [
      { en: '1 segment', zh: '1 个报文段' },
      { en: '14 segments', zh: '14 个报文段' },
      { en: '27 segments', zh: '27 个报文段' },
    ],
    right: 1,
    why: {
      en: 'A loss that duplicate ACKs tell of halves the window; only a timeout brings it down to one segment.',
      zh: '由重复 ACK 得知的丢失使窗口减半；只有超时才使它降到一个报文段。',
    },
  },
  explain: {
    en: `Slow start overshoots: the queue overflows, much is lost at once. From then on the window grows by one
segment a round trip (congestion avoidance), until the queue is full again and one is lost; then ssthresh =
max(flight/2, 2 SMSS), and the window goes on from there (RFC 5681 §3.2; proportional rate reduction brings it down
gently). Up by one, down by half: the sawtooth.

What fits on the way is rate × delay = 10 KB, about seven segments, and the queue holds twenty more: the window swings
between half of their sum and all of it.`,
    zh: `慢启动会冲过头：队列溢出，一次丢失许多报文段。从此窗口每个往返时间只增加一个报文段（拥塞避免），直到队列再次变满、丢失一个；
此时 ssthresh = max(flight/2, 2 SMSS)，窗口从那里继续（RFC 5681 §3.2；按比例降速使它平缓下降）。每次加一，一次减半：锯齿。

路上能容纳的是 速率 × 延迟 = 10 KB，约七个报文段，队列再容纳二十个：窗口就在它们总和的一半与全部之间摆动。`,
  },
  next: ['cc/timeout', 'cc/slow-start'],
  broken: {
    what: 'Another algorithm: CUBIC reduces by less than half.',
    stack: { congestion: 'cubic' },
  },
});
