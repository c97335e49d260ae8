/** cc/timeout: nothing comes back any more, and everything begins anew with one segment. */

import { lab } from '../../lab.ts';
import { check, timerEvents } from '../toolkit.ts';
import { curveOf, lossesOf, plot, segmentSize } from './curve.ts';

/** Segments in the window when the way breaks down. */
const GROWN = 30;

export default lab({
  id: 'cc/timeout',
  level: 4,
  minutes: 3,
  answers: ['B59'],
  rfc: ['RFC 5681 §3.1', 'RFC 6298 §5', 'RFC 5682 §2'],
  code: ['src/tcp/recovery/timeout.ts', 'src/tcp/congestion/reno.ts'],
  title: { en: 'A timeout: back to one segment', zh: '超时：回到一个报文段' },
  question: {
    en: 'For half a second every segment is lost. How does the sender come back, and how fast?',
    zh: '半秒之内所有报文段都丢失。发送方怎样恢复？有多快？',
  },
  stack: { congestion: 'reno', hystart: 'off', tlp: 'off' },
  faults: ['rate out 10mbit queue 200 delay 40ms'],
  type: {
    any: [
      { run: 'curl "http://10.9.0.2/big?kb=20000" -o /dev/null' },
      { run: "fourwave fault add 'drop out where data for 700ms'", terminal: 2 },
      { run: 'fourwave watch', terminal: 2 },
    ],
  },
  auto: async (stage) => {
    const curl = await stage.curl('http://10.9.0.2/big?kb=1000', '-o', '/dev/null');
    await stage.until(({ ev, data }) => ev === 'cc:metrics' && Number(data['cwnd']) >= GROWN * 1448);
    stage.step({
      en: 'Everything that carries data is lost from now on',
      zh: '从现在起所有数据报文段都丢失',
    });
    const rule = 'drop out where data';
    await stage.fault(rule);
    await stage.until(({ ev, data }) => ev === 'timer:fire' && data['timer'] === 'rto', { timeout: 5000 });
    await stage.wait(20);
    await stage.clearFaults();
    await stage.fault('rate out 10mbit queue 200 delay 40ms');
    stage.step({ en: 'The way is whole again', zh: '路恢复了' });
    await curl.exited(30_000);
    await stage.until('S CLOSED', { timeout: 10_000 });
  },
  predict: {
    ask: {
      en: 'The retransmission timer fires with 40 segments out. What is the window then?',
      zh: '重传定时器到期时有 40 个报文段在途。此时窗口是多少？',
    },
    choices: [
      { en: '20 segments', zh: '20 个报文段' },
      { en: '10 segments, as at the beginning', zh: '10 个报文段，同初始' },
      { en: '1 segment', zh: '1 个报文段' },
    ],
    right: 2,
    why: {
      en: 'Nothing is known any more about what is on the way. ssthresh remembers half: up to there it doubles.',
      zh: '路上的情况已一无所知。ssthresh 记住一半：到那里为止加倍增长。',
    },
  },
  narrate: [
    {
      when: 'S>K any RETRANS trigger rto',
      say: {
        en: 'The timer has fired: one segment, the first that is missing. cwnd = 1 SMSS, ssthresh = half the flight.',
        zh: '定时器到期：发送一个报文段，即第一个缺失的。cwnd = 1 SMSS,ssthresh = 在途数据的一半。',
      },
    },
  ],
  expect: `
    ...
    S>K ACK LOST
    ...
    timer S.rto fired
    S>K ACK RETRANS LOST trigger rto
    ...
    timer S.rto fired
    S>K ACK RETRANS trigger rto
    ...
    S CLOSED`,
  patience: 10_000,
  check: ({ events, programs }) => {
    const size = segmentSize(events);
    const loss = lossesOf(events).find(({ kind }) => kind === 'loss');
    const after = curveOf(events).filter(({ n }) => n > (loss?.after.n ?? 0));
    const recovered = after.find(({ cwnd }) => cwnd >= (loss?.after.ssthresh ?? Infinity));
    const wanted = Math.max((loss?.before.flight ?? 0) / 2, 2 * size);
    const fired = timerEvents(events, 'rto').filter((what) => what === 'fire').length;
    return [
      check(
        ['the window fell to one segment', '窗口降到一个报文段'],
        loss?.after.cwnd === size,
        loss === undefined ? 'no timeout' : `${loss.before.cwnd} → ${loss.after.cwnd}`,
      ),
      check(
        ['ssthresh = max(flight/2, 2 SMSS)', 'ssthresh = max(flight/2, 2 SMSS)'],
        loss !== undefined && Math.abs(loss.after.ssthresh - wanted) <= 2 * size,
        loss === undefined ? '' : `${loss.before.flight} → ${loss.after.ssthresh}`,
      ),
      check(
        ['then slow start up to ssthresh again', '随后重新慢启动到 ssthresh'],
        recovered !== undefined && fired >= 2,
        plot(events),
      ),
      check(['curl got everything', 'curl 得到了全部'], programs[0]?.exit?.code === 0),
    ];
  },
  explain: {
    en: `Duplicate ACKs say "something was lost, but the rest gets through". A timeout says that nothing gets through:
what was on the way is gone, and nobody knows what the network is like now. So the window falls to one segment (the
loss window of RFC 5681 §3.1), ssthresh to half of what was out, and slow start begins again; from ssthresh on it grows
by one segment a round trip. A second timeout doubles the RTO and leaves ssthresh alone.

If the timeout was a mistake, because the segments were only late, F-RTO (RFC 5682) or the timestamps of the first ACK
tell, and the window is what it was before.`,
    zh: `重复 ACK 说的是"有丢失，但其余的能到"。超时说的是什么都到不了：在途的都没了，也没人知道网络现在怎样。所以窗口降到一个报文段
（RFC 5681 §3.1 的丢失窗口），ssthresh 降到在途数据的一半，重新慢启动；从 ssthresh 起每个往返时间只增加一个报文段。第二次超时使
RTO 加倍，而不再改变 ssthresh。

如果超时是误判，报文段只是来迟了，F-RTO(RFC 5682)或第一个 ACK 的时间戳会说明，窗口恢复原样。`,
  },
  next: ['data/rto', 'cc/reno-sawtooth'],
  broken: {
    what: 'The timeout does not come: losses are short enough for duplicate ACKs to tell of them.',
    auto: async (stage) => {
      const curl = await stage.curl('http://10.9.0.2/big?kb=1000', '-o', '/dev/null');
      await stage.until(({ ev, data }) => ev === 'cc:metrics' && Number(data['cwnd']) >= GROWN * 1448);
      await stage.fault('drop out where data times 3');
      await curl.exited(30_000);
      await stage.until('S CLOSED', { timeout: 10_000 });
    },
  },
});
