/** data/fast-retransmit: one of many is lost; what follows it tells. */

import { type Rung, rungsOf } from '../../expect/rungs.ts';
import { type Act, lab } from '../../lab.ts';
import type { ActReport, CheckLine } from '../../result.ts';
import type { Stage } from '../../stage.ts';
import { check, timerEvents } from '../toolkit.ts';

async function download(stage: Stage): Promise<void> {
  const curl = await stage.curl('http://10.9.0.2/big?kb=200', '-o', '/dev/null');
  await curl.exited(10_000);
  await stage.until('S CLOSED', { timeout: 10_000 });
}

/** The lost segment and what followed. */
interface Story {
  readonly lost: Rung | undefined;
  readonly again: readonly Rung[];
  /** ACKs that ask for the lost segment, between the two. */
  readonly duplicates: readonly Rung[];
  /** The first ACK beyond it. */
  readonly jump: Rung | undefined;
}

function storyOf({ events }: ActReport): Story {
  const rungs = rungsOf(events);
  const lost = rungs.find(({ from, marks }) => from === 'S' && marks.has('LOST'));
  const again = rungs.filter(({ from, marks }) => from === 'S' && marks.has('RETRANS'));
  const acks = rungs.filter(({ from, ack }) => from === 'K' && ack !== null);
  const wanted = lost?.seq ?? 0;
  const until = again[0]?.t ?? 0;
  const asking = acks.filter(({ ack, t }) => ack === wanted && t > (lost?.t ?? 0) && t <= until);
  const jump = acks.find(({ ack }) => (ack ?? 0) > wanted);
  // The first of them is no duplicate: it acknowledges what came before.
  return { lost, again, duplicates: asking.slice(1), jump };
}

const common = (report: ActReport): CheckLine[] => {
  const { lost, again, duplicates, jump } = storyOf(report);
  const { seq, len } = lost ?? { seq: 0, len: 1 };
  const jumped = (jump?.ack ?? 0) - seq;
  return [
    check(
      ['exactly one segment was sent again: the lost one', '恰好重发一个报文段：丢失的那个'],
      again.length === 1 && again[0]?.seq === seq,
      `${again.length} sent again`,
    ),
    check(['no timer was needed', '没有用到定时器'], !timerEvents(report.events, 'rto').includes('fire')),
    check(
      ['duplicate ACKs asked for it before', '在此之前有重复 ACK 要求它'],
      duplicates.length >= 2,
      `${duplicates.length} duplicate ACKs`,
    ),
    check(
      ['then one ACK jumped over everything that had waited', '随后一个 ACK 跨过了所有等待的数据'],
      jumped > 3 * len,
      `from ${seq} by ${jumped}`,
    ),
    check(['curl got everything', 'curl 得到了全部'], report.programs[0]?.exit?.code === 0),
  ];
};

/** Right ends of the SACK blocks that tell of what lies beyond the gap, as they came. */
function growing(report: ActReport): readonly number[] {
  return storyOf(report).duplicates.map(({ sack }) => Math.max(0, ...sack.map(([, right]) => right)));
}

const SCENE = `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    ...
    S>K ACK m:p LOST
    ...
    S>K ACK m:p RETRANS trigger fast-rtx
    ...
    K>S FIN,ACK
    S>K FIN,ACK
    K>S ACK
    never timer S.rto fired`;

const sack: Act = {
  name: 'sack',
  title: {
    en: 'With SACK: each duplicate ACK tells what has come',
    zh: '有 SACK：每个重复 ACK 说明已经到了什么',
  },
  faults: ['drop out where nth(data)==12 times 1', 'rate out 20mbit queue 400 delay 20ms'],
  auto: download,
  expect: SCENE,
  check: (report) => {
    const ends = growing(report);
    const { lost } = storyOf(report);
    const board = report.events.some(
      ({ ev, data }) =>
        ev === 'sack:board' && JSON.stringify(data['lost']).startsWith(`[[${lost?.seq ?? 0},`),
    );
    return [
      ...common(report),
      check(['the scoreboard has just this segment as lost', '记分板上恰好这一段标为丢失'], board),
      check(
        ['the SACK block grew from ACK to ACK', 'SACK 块随每个 ACK 增长'],
        ends.length >= 2 &&
          ends.every((end, i) => i === 0 || end >= (ends[i - 1] as number)) &&
          (ends[0] ?? 0) > 0,
        ends.slice(0, 4).join(', '),
      ),
    ];
  },
};

const plain: Act = {
  ...sack,
  name: 'no-sack',
  title: { en: 'Without SACK: three duplicate ACKs, and NewReno', zh: '没有 SACK：三个重复 ACK,NewReno' },
  kernel: { tcp_sack: 0 },
  check: (report) => [
    ...common(report),
    check(
      ['the ACKs told nothing but the number', 'ACK 除序号外什么也没说'],
      rungsOf(report.events).every((rung) => rung.sack.length === 0),
    ),
  ],
};

export default lab({
  id: 'data/fast-retransmit',
  level: 4,
  minutes: 3,
  answers: ['B59'],
  rfc: ['RFC 5681 §3.2', 'RFC 2018 §4', 'RFC 6675 §5', 'RFC 8985 §6', 'RFC 6582 §3.2'],
  code: ['src/tcp/recovery/rack.ts', 'src/tcp/recovery/sack-recovery.ts', 'src/tcp/recovery/newreno.ts'],
  title: { en: 'Fast retransmit: no need to wait for the timer', zh: '快速重传：不必等定时器' },
  question: {
    en: 'One segment out of many is lost. How does the sender learn of it long before its timer fires?',
    zh: '许多报文段中丢了一个。发送方怎样在定时器到期之前很久就知道？',
  },
  type: {
    any: [{ run: 'curl "http://10.9.0.2/big?kb=200" -o /dev/null' }, { run: 'fourwave ladder' }],
  },
  predict: {
    ask: {
      en: 'The 12th segment is lost, the 13th to 30th arrive. What do the ACKs say meanwhile?',
      zh: '第 12 个丢失，第 13 到 30 个到达。这期间 ACK 说什么？',
    },
    choices: [
      { en: 'nothing: no ACK until the gap is filled', zh: '什么也不说：缺口补上之前没有 ACK' },
      { en: 'the number after the 30th', zh: '第 30 个之后的序号' },
      { en: 'again and again the number of the 12th', zh: '一再重复第 12 个的序号' },
    ],
    right: 2,
    why: {
      en: 'An ACK number says "everything before this has come". It cannot pass the gap; SACK blocks tell the rest.',
      zh: 'ACK 号表示"在此之前的都到了"，越不过缺口；其余由 SACK 块说明。',
    },
  },
  narrate: [
    {
      when: 'S>K any RETRANS trigger fast-rtx',
      say: {
        en: 'Enough has come that was sent later: the segment is lost. It is sent again at once, without a timer.',
        zh: '晚发送的已经到了够多：这个报文段丢失了。立即重发，不等定时器。',
      },
    },
  ],
  acts: [sack, plain],
  explain: {
    en: `Every segment behind the gap is answered at once with an ACK of the gap: duplicate ACKs. RFC 5681 takes the
third for a proof of loss. With SACK each of them also says what has come, so the sender has a scoreboard: green what
was selectively acknowledged, grey what is on its way, red what is lost. RACK (RFC 8985) draws the conclusion by time:
something sent later has arrived, and a quarter of a round trip has passed.

One segment is sent again, and when it arrives the ACK jumps over all that had been kept. Without SACK NewReno does the
same for one loss; for several in a window it needs a round trip for each.`,
    zh: `缺口之后的每个报文段都立即得到一个指向缺口的 ACK：重复 ACK。RFC 5681 把第三个当作丢失的证据。有 SACK 时，每个 ACK 还说明
已到的部分，于是发送方有一块记分板：绿色是选择确认的，灰色是在路上的，红色是丢失的。RACK(RFC 8985)按时间下结论：更晚发送的
已经到达，而且又过了四分之一个往返时间。

只重发一个报文段；它到达时，ACK 一次跨过所有暂存的数据。没有 SACK 时，NewReno 对单个丢失做得一样好；一个窗口内丢失多个时，
每个都要花一个往返时间。`,
  },
  next: ['cc/reno-sawtooth', 'data/rto'],
  broken: {
    what: 'S takes nothing for a proof of loss but its timer.',
    act: 'no-sack',
    stack: { reordering: 300 },
  },
});
