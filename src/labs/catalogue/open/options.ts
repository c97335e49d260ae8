/** open/options: what both ends offer in their SYNs, and what follows from each offer that is missing. */

import type { LogEvent } from '../../../trace/log-event.ts';
import { rungsOf } from '../../expect/rungs.ts';
import { type Act, lab, type StackOptions } from '../../lab.ts';
import type { ActReport, CheckLine } from '../../result.ts';
import type { Stage } from '../../stage.ts';
import { happened, point } from './points.ts';

/** Bytes that curl uploads: more than one segment. */
const UPLOAD = 6000;

/** An upload, and a download of which the sixth segment is lost. */
async function play(stage: Stage): Promise<void> {
  const up = await stage.curl('-d', 'x'.repeat(UPLOAD), 'http://10.9.0.2/upload');
  await up.exited();
  await stage.fault('drop out where nth(data)==6 times 1');
  const down = await stage.curl('-o', '/dev/null', 'http://10.9.0.2/big?kb=60');
  await down.exited();
}

interface Offer {
  readonly mss?: number;
  readonly wscale?: number;
  readonly sackPermitted?: boolean;
  readonly ts?: readonly number[];
}

const ofSegment = (event: LogEvent | undefined): Offer => (event?.data['opts'] ?? {}) as Offer;

/** `mss 1460 · window × 2^7 · SACK · timestamps`. */
function written({ mss, wscale, sackPermitted, ts }: Offer): string {
  return [
    `mss ${mss ?? '–'}`,
    wscale === undefined ? 'no scale' : `scale ${wscale}`,
    sackPermitted === true ? 'SACK' : 'no SACK',
    ts === undefined ? 'no timestamps' : 'timestamps',
  ].join(' · ');
}

interface Wanted {
  /** That S offers, and that K does. */
  readonly mss: number;
  readonly peerMss: number;
  readonly scale: boolean;
  readonly sack: boolean;
  readonly timestamps: boolean;
}

const TIMESTAMPS = 12;

function checks({ events, programs }: ActReport, wanted: Wanted): CheckLine[] {
  const offer = ofSegment(happened(events, 'seg:received', { flags: 'SYN' })[0]);
  const answer = ofSegment(happened(events, 'seg:sent', { flags: 'SYN,ACK' })[0]);
  return [
    table(offer, answer, wanted),
    ...size(events, wanted),
    ...scaling(events, wanted),
    ...blocks(events, wanted),
    point(
      'After the handshake every segment carries timestamps, or none does',
      '握手之后，要么每个报文段都带时间戳，要么都不带',
      later(events).every((event) => (ofSegment(event).ts !== undefined) === wanted.timestamps),
      wanted.timestamps ? 'every one' : 'none',
    ),
    point(
      'Both transfers came through whole',
      '两次传输都完整',
      programs.length === 2 && programs.every(({ exit }) => exit?.code === 0),
      `curl ended with ${programs.map(({ exit }) => String(exit?.code)).join(' and ')}`,
    ),
  ];
}

const table = (offer: Offer, answer: Offer, wanted: Wanted): CheckLine =>
  point(
    `K offers ${written(offer)}; S answers ${written(answer)}`,
    `K 提出 ${written(offer)};S 回答 ${written(answer)}`,
    offer.mss === wanted.peerMss &&
      answer.mss === wanted.mss &&
      (answer.wscale !== undefined) === wanted.scale &&
      (answer.sackPermitted === true) === wanted.sack &&
      (answer.ts !== undefined) === wanted.timestamps,
  );

/** Everything but SYNs. */
const later = (events: readonly LogEvent[]): LogEvent[] =>
  events.filter(
    ({ ev, data }) => (ev === 'seg:received' || ev === 'seg:sent') && !/SYN|RST/.test(String(data['flags'])),
  );

/** MUST-16: the peer's MSS, less the options of each segment. */
function size(events: readonly LogEvent[], { mss, peerMss, timestamps }: Wanted): CheckLine[] {
  const most = (ev: string): number =>
    Math.max(
      ...events
        .filter((event) => event.ev === ev)
        .map(({ data }) => Number(data['len']) / Number(data['segs'] ?? 1)),
    );
  const options = timestamps ? TIMESTAMPS : 0;
  return [
    point(
      'No segment from K is larger than the MSS that S offered, less the options',
      'K 的报文段都不超过 S 提出的 MSS 减去选项',
      most('seg:received') === mss - options,
      `${most('seg:received')} = ${mss} − ${options}`,
    ),
    point(
      'No segment from S is larger than what K offered, less the options',
      'S 的报文段都不超过 K 提出的 MSS 减去选项',
      most('seg:sent') === Math.min(mss, peerMss) - options,
      `${most('seg:sent')} = ${Math.min(mss, peerMss)} − ${options}`,
    ),
  ];
}

function scaling(events: readonly LogEvent[], { scale }: Wanted): CheckLine[] {
  const windows = (wanted: (event: LogEvent) => boolean): readonly (readonly [number, number])[] =>
    events
      .filter(wanted)
      .map(({ data }) => [(data['raw'] as { win: number }).win, Number(data['win'])] as const);
  const syns = windows(({ ev, data }) => ev.startsWith('seg:') && /SYN/.test(String(data['flags'])));
  const rest = windows((event) => later([event]).length === 1);
  return [
    point(
      'The window of a SYN is never scaled',
      'SYN 里的窗口从不缩放',
      syns.every(([raw, bytes]) => raw === bytes && raw <= 65_535),
    ),
    point(
      scale ? 'Later windows are scaled, from the third segment on' : 'Later windows are not scaled either',
      scale ? '之后的窗口从第三个报文段起缩放' : '之后的窗口也不缩放',
      rest.every(([raw, bytes]) => (scale ? raw === 0 || bytes > raw : bytes === raw)),
      `first ${rest[0]?.join(' stands for ')} bytes`,
    ),
  ];
}

function blocks(events: readonly LogEvent[], { sack }: Wanted): CheckLine[] {
  const told = rungsOf(events).filter((rung) => rung.from === 'K' && rung.sack.length > 0).length;
  return [
    point(
      sack ? 'K reported the gap with SACK blocks' : 'K reported the gap without a SACK block',
      sack ? 'K 用 SACK 块报告了缺口' : 'K 报告缺口时没有用 SACK 块',
      sack ? told > 0 : told === 0,
      `${told} ACKs with blocks`,
    ),
  ];
}

const FULL: Wanted = { mss: 1460, peerMss: 1460, scale: true, sack: true, timestamps: true };
const ANY_OPENING = `
    K>S SYN 0 mss PEER
    strict S>K SYN,ACK 0 ack 1 mss MSS
    K>S ACK 1 ack 1               ; S ESTABLISHED
    ...
`;

const act = (name: string, title: Act['title'], stack: StackOptions, missing: Partial<Wanted>): Act => ({
  name,
  ...(title === undefined ? {} : { title }),
  stack,
  auto: play,
  expect: ANY_OPENING.replace('MSS', String(missing.mss ?? FULL.mss)).replace('PEER', String(FULL.peerMss)),
  check: (report) => checks(report, { ...FULL, ...missing }),
});

export default lab({
  id: 'open/options',
  level: 2,
  minutes: 5,
  answers: ['B2'],
  rfc: ['RFC 9293 §3.7.1', 'RFC 7323 §2', 'RFC 7323 §3', 'RFC 2018 §2'],
  code: ['src/tcp/negotiate.ts', 'src/tcp/output/options.ts', 'src/wire/tcp-options.ts'],
  title: { en: 'What the SYNs negotiate', zh: 'SYN 里协商什么' },
  question: {
    en:
      'MSS, window scale, SACK, timestamps: what is agreed, what is only said, and what follows ' +
      'when S leaves one out?',
    zh: 'MSS、窗口扩大、SACK、时间戳：哪些是协商的，哪些只是通告？S 少给一个会怎样？',
  },
  type: {
    curl: [
      { run: "head -c 6000 /dev/zero | tr '\\0' x | curl -d @- http://10.9.0.2/upload" },
      { run: 'curl -o /dev/null "http://10.9.0.2/big?kb=60"' },
      { wait: { en: 'both are through', zh: '两次都完成' }, until: 'c2 K>S FIN,ACK' },
      { run: 'fourwave ladder' },
    ],
  },
  acts: [
    act('all', { en: 'S offers everything', zh: 'S 全部提供' }, {}, {}),
    act('mss', { en: 'S offers an MSS of 536', zh: 'S 提出 MSS 536' }, { mss: 536 }, { mss: 536 }),
    {
      name: 'peer-mss',
      title: { en: 'K offers an MSS of 536, S 1460', zh: 'K 提出 MSS 536,S 提出 1460' },
      faults: ['mutate in where syn set mss=536'],
      auto: play,
      expect: ANY_OPENING.replace('MSS', '1460').replace('PEER', '536'),
      check: (report) => checks(report, { ...FULL, peerMss: 536 }),
    },
    act('no-sack', { en: 'S offers no SACK', zh: 'S 不提供 SACK' }, { sack: 'off' }, { sack: false }),
    act(
      'no-scale',
      { en: 'S does not scale its window', zh: 'S 不扩大窗口' },
      { wscale: 'off' },
      { scale: false },
    ),
    act(
      'no-timestamps',
      { en: 'S sends no timestamps', zh: 'S 不用时间戳' },
      { timestamps: 'off' },
      { timestamps: false },
    ),
  ],
  predict: {
    ask: {
      en: 'K says mss 536, S says mss 1460. How large are the segments?',
      zh: 'K 说 mss 536,S 说 mss 1460。报文段有多大？',
    },
    choices: [
      { en: 'up to 536 both ways: the smaller one is agreed', zh: '两个方向都不超过 536：协商取较小的' },
      { en: 'up to 536 from K, up to 1460 from S', zh: 'K 发的不超过 536,S 发的不超过 1460' },
      { en: 'up to 1460 from K, up to 536 from S', zh: 'K 发的不超过 1460,S 发的不超过 536' },
    ],
    right: 2,
    why: {
      en:
        'The MSS is not negotiated. Each end says what it can receive; the other keeps to it. The ' +
        'directions are independent.',
      zh: 'MSS 不是协商出来的。每一方说的是自己能收多大，由对方遵守，两个方向互不相干。',
    },
  },
  narrate: [
    {
      when: 'K>S SYN',
      say: {
        en:
          'Options that only a SYN may carry: MSS, window scale, SACK permitted. Timestamps may ' +
          'come in every segment.',
        zh: '只有 SYN 能带的选项：MSS、窗口扩大、允许 SACK。时间戳可以出现在每个报文段里。',
      },
    },
    {
      when: 'S>K SYN,ACK',
      say: {
        en: 'S answers with what it accepts: nothing that K did not offer, except the MSS.',
        zh: 'S 回答它接受的：除 MSS 外，不会有 K 没提出的东西。',
      },
    },
  ],
  explain: {
    en: `Window scale, SACK and timestamps are offers: they hold only when both SYNs have them, so S's answer decides.
Without scale both ends are bound to windows of 64 KiB, in both directions; without SACK a gap is reported by
duplicate ACKs alone; without timestamps no PAWS, and 12 bytes more in each segment. The window in a SYN itself is
never scaled: whether it will be is not settled yet.

The MSS is different. It is no agreement: each end says what it can receive, and the other keeps to it. What a
segment may carry is the peer's MSS less the options of that very segment (MUST-16): 1448 bytes with
timestamps where the other end said 1460, and 524 where it said 536. (An option "mss" of ours, as TCP_MAXSEG of Linux,
also bounds what the same end sends: its user wants small segments.)`,
    zh: `窗口扩大、SACK 和时间戳是提议：只有两个 SYN 里都有才算数，所以由 S 的回答决定。没有窗口扩大，双方两个方向的窗口都限于 64 KiB;
没有 SACK，缺口只能靠重复 ACK 报告；没有时间戳，就没有 PAWS，每个报文段却能多装 12 字节。SYN 自己的窗口从不缩放：
那时还没有谈妥。

MSS 不一样。它不是协议：每一方说自己能收多大，由对方遵守。一个报文段能装多少，是对方的 MSS 减去这个报文段自己的选项
（MUST-16）：对方说 1460 时，带时间戳可装 1448 字节；说 536 时可装 524。
（我们的选项 "mss" 和 Linux 的 TCP_MAXSEG 一样，也限制自己发送的大小：设置它的人要的就是小报文段。）`,
  },
  next: ['data/fast-retransmit', 'win/zero-window'],
  broken: {
    what: 'S offers SACK although it should not.',
    act: 'no-sack',
    stack: { sack: 'on' },
  },
});
