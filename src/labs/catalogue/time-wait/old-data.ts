/** time-wait/old-data: bytes of a connection that is over arrive in the next one, unless something keeps them out. */

import { type Act, lab, type Setting } from '../../lab.ts';
import type { CheckLine } from '../../result.ts';
import type { Stage } from '../../stage.ts';
import { check } from '../toolkit.ts';

const PORT = 40_000;
/** What the old segment carries, and what the new connection is sent. */
const OLD = 'AAAA';
const NEW = 'BBBB';

/** The first connection: its segment with AAAA is held back on its way, and sent anew; both close. */
async function firstConnection(stage: Stage): Promise<void> {
  stage.step({ en: 'The first connection: a segment is delayed', zh: '第一个连接：一个报文段在路上被耽搁' });
  const first = await stage.socket({ connect: 9, localPort: PORT });
  await stage.until('S ESTABLISHED');
  await first.send(OLD);
  await stage.until('K>S any 1:5 RETRANS');
  await stage.wait(60);
  await stage.app('c1').close();
  await stage.until('S FIN-WAIT-2');
  await first.close();
  await stage.until('K>S FIN,ACK\nS>K ACK');
  await stage.wait(10);
}

/** The second one, from the same port, into which the segment comes at last. */
async function secondConnection(stage: Stage): Promise<void> {
  stage.step({ en: 'The next connection, the same four-tuple', zh: '下一个连接，同样的四元组' });
  const since = stage.mark();
  const second = await stage.socket({ connect: 9, localPort: PORT });
  await stage.until('S ESTABLISHED', { since, timeout: 8000 });
  stage.step({ en: 'The delayed segment arrives', zh: '被耽搁的报文段终于到达' });
  const released = stage.mark();
  await stage.release('old');
  await stage.until('K>S any', { since: released });
  await stage.wait(100);
  await second.send(NEW);
  await stage.wait(400);
  stage.keep('received', stage.service('discard').received.slice(OLD.length));
}

async function twoConnections(stage: Stage): Promise<void> {
  await firstConnection(stage);
  // Clocks move on, and with them initial sequence numbers.
  await stage.wait(1400);
  await secondConnection(stage);
}

/** With everything switched off that could keep it out. */
const BARE: Setting = {
  stack: { timeWait: 'off', 'lab.isn': 'fixed', timestamps: 'off', rfc5961: 'off' },
  simKernel: { 'lab.isn': 'fixed', timestamps: 'off' },
  // It is sent again by a timer, and only once.
  faults: ['hold in where data first as old'],
};

const received = ({ kept }: { kept: Readonly<Record<string, unknown>> }, wanted: string): CheckLine =>
  check(
    wanted === NEW
      ? ['the second application received BBBB and nothing else', '第二个应用程序只收到 BBBB']
      : ['the second application received AAAA instead of BBBB', '第二个应用程序收到的是 AAAA，而不是 BBBB'],
    kept['received'] === wanted,
    JSON.stringify(kept['received']),
  );

const UNTIL_THE_COPY = `
    c1 K>S SYN 0
    c1 S>K SYN,ACK 0 ack 1
    c1 K>S ACK 1:5 ack 1 HELD
    c1 K>S ACK 1:5 ack 1
    c1 S>K FIN,ACK 1 ack 5
    c1 K>S FIN,ACK 5 ack 2
    c1 S>K ACK 2 ack 6
    K>S SYN 0
    S>K SYN,ACK 0 ack 1`;

const SIM_ONLY: NonNullable<Act['only']> = {
  stage: 'sim',
  why: {
    en: "a real kernel's initial sequence numbers cannot be fixed",
    zh: '真实内核的初始序号无法固定',
  },
};

type Variant = Pick<Act, 'name' | 'title'> & {
  readonly on?: Setting['stack'];
  readonly kernelOn?: Setting['simKernel'];
  /** What becomes of the old segment. */
  readonly fate: string;
  readonly wanted?: string;
};

/** One run in which the switches of `on` are as given and all others are bare. */
function variant({ name, title, on = {}, kernelOn = {}, fate, wanted = NEW }: Variant): Act {
  return {
    name,
    ...(title === undefined ? {} : { title }),
    ...BARE,
    stack: { ...BARE.stack, ...on },
    simKernel: { ...BARE.simKernel, ...kernelOn },
    only: SIM_ONLY,
    auto: twoConnections,
    expect: `${UNTIL_THE_COPY}${fate}`,
    check: (report) => [received(report, wanted)],
  };
}

const taken = variant({
  name: 'unprotected',
  title: { en: 'Nothing keeps it out: AAAA is delivered', zh: '毫无防护：AAAA 被交给应用程序' },
  fate: `
    K>S ACK 1:5 ack 1 ACCEPTED
    S>K ACK 1 ack 5
    ...
    K>S ACK 1:5 ack 1 DUPLICATE
    S>K ACK 1 ack 5`,
  wanted: OLD,
});

const isn = variant({
  name: 'isn',
  title: { en: 'Clock-driven ISNs: it lies left of the window', zh: '时钟驱动的 ISN：它位于窗口左侧' },
  on: { 'lab.isn': 'keyed' },
  kernelOn: { 'lab.isn': 'keyed' },
  fate: `
    K>S ACK ?:? ack ? DUPLICATE reason TCP_OLD_SEQUENCE
    S>K ACK 1 ack 1
    K>S ACK 1:5 ack 1`,
});

const timestamps = variant({
  name: 'timestamps',
  title: { en: 'Timestamps: PAWS sees that it is old', zh: '时间戳：PAWS 认出它是旧的' },
  on: { timestamps: 'on' },
  kernelOn: { timestamps: 'on' },
  fate: `
    K>S ACK 1:5 ack 1 DROPPED reason TCP_RFC7323_PAWS
    S>K ACK 1 ack 1
    K>S ACK 1:5 ack 1`,
});

// S's own numbers move on, K's do not: the text would fit, its ACK number does not.
const ackCheck = variant({
  name: 'ack-check',
  title: { en: 'RFC 5961: its ACK number is too old', zh: 'RFC 5961：它的 ACK 号太旧' },
  on: { 'lab.isn': 'keyed', rfc5961: 'on' },
  fate: `
    K>S ACK 1:5 ack ? DROPPED reason TCP_TOO_OLD_ACK
    S>K ACK 1 ack 1
    K>S ACK 1:5 ack 1`,
});

const noAckCheck = variant({
  name: 'ack-check-off',
  title: { en: 'The same without RFC 5961: AAAA is delivered', zh: '同样情形，没有 RFC 5961:AAAA 被交付' },
  on: { 'lab.isn': 'keyed' },
  fate: `
    K>S ACK 1:5 ack ? ACCEPTED
    S>K ACK 1 ack 5
    ...
    K>S ACK 1:5 ack 1 DUPLICATE
    S>K ACK 1 ack 5`,
  wanted: OLD,
});

const timeWait: Act = {
  ...variant({
    name: 'time-wait',
    title: {
      en: 'TIME-WAIT: the new connection has to wait, and the old segment dies meanwhile',
      zh: 'TIME-WAIT：新连接必须等待，旧报文段在此期间消亡',
    },
    on: { timeWait: 'on', msl: '1s' },
    fate: '',
  }),
  auto: async (stage) => {
    await firstConnection(stage);
    stage.step({ en: 'The next connection is refused for now', zh: '新连接暂时被拒绝' });
    const since = stage.mark();
    const second = await stage.socket({ connect: 9, localPort: PORT });
    await stage.wait(100);
    await stage.release('old');
    await stage.until('S ESTABLISHED', { since, timeout: 8000 });
    stage.keep(
      'waited',
      stage.log.filter(({ ev, data }) => ev === 'timer:fire' && data['timer'] === 'time-wait').length,
    );
    await second.send(NEW);
    await stage.wait(400);
    stage.keep('received', stage.service('discard').received.slice(OLD.length));
  },
  expect: `
    c1 K>S SYN 0
    c1 S>K SYN,ACK 0 ack 1
    c1 K>S ACK 1:5 ack 1 HELD
    c1 K>S ACK 1:5 ack 1
    c1 S>K FIN,ACK 1 ack 5
    c1 K>S FIN,ACK 5 ack 2       ; S TIME-WAIT
    c1 S>K ACK 2 ack 6
    K>S SYN DROPPED
    S>K ACK 2 ack 6
    ...
    c1 K>S ACK 1:5 ack 1 DUPLICATE
    ...
    c1 S CLOSED
    K>S SYN
    S>K SYN,ACK
    K>S ACK 1:5 ack 1`,
  check: (report) => [
    received(report, NEW),
    check(['it opened only after 2 MSL', '过了 2MSL 才打开'], report.kept['waited'] === 1),
  ],
};

/** Plain nc twice, from the same port: what the real kernel's numbers do. */
const kernel: Act = {
  name: 'kernel',
  title: { en: 'A real kernel: its ISN has moved on', zh: '真实内核：它的 ISN 已经前移' },
  stack: { timeWait: 'off', timestamps: 'off' },
  kernel: { tcp_timestamps: 0 },
  faults: ['hold in where data first as old'],
  auto: async (stage) => {
    await twoConnections(stage);
    const [before = 0, after = 0] = stage.log.flatMap(({ ev, data }) => {
      const raw = data['raw'] as { readonly seq: number } | undefined;
      return ev === 'seg:received' && data['flags'] === 'SYN' && raw !== undefined ? [raw.seq] : [];
    });
    stage.keep('moved', (after - before) >>> 0);
  },
  expect: `${UNTIL_THE_COPY}
    K>S ACK ?:? ack ? DUPLICATE reason TCP_OLD_SEQUENCE
    S>K ACK 1 ack 1
    K>S ACK 1:5 ack 1`,
  check: (report) => {
    const moved = Number(report.kept['moved']);
    return [
      received(report, NEW),
      check(
        ["K's ISN moved on by more than a window", 'K 的 ISN 前移超过一个窗口'],
        moved > 65_535 && moved < 2 ** 31,
        moved,
      ),
    ];
  },
};

export default lab({
  id: 'time-wait/old-data',
  level: 3,
  minutes: 6,
  answers: ['B43'],
  rfc: ['RFC 9293 §3.4.1', 'RFC 9293 §3.6.1', 'RFC 7323 §5.3', 'RFC 5961 §5.2'],
  code: ['src/tcp/secrets.ts', 'src/tcp/input/1-sequence.ts', 'src/tcp/input/5-ack.ts'],
  title: { en: "Yesterday's bytes in today's connection", zh: '昨天的字节出现在今天的连接里' },
  question: {
    en: 'Every text says that TIME-WAIT keeps old segments out of a new connection. What if nothing does?',
    zh: '每本教材都说 TIME-WAIT 把旧报文段挡在新连接之外。如果什么都不挡，会发生什么？',
  },
  type: {
    any: [
      { run: 'nc -N -p 40000 10.9.0.2 9' },
      { line: 'AAAA' },
      { wait: { en: 'K has sent AAAA again', zh: 'K 已重发 AAAA' }, until: 'K>S any RETRANS' },
      { run: 'fourwave close c1', terminal: 2 },
      { key: 'Ctrl-D' },
      { run: 'nc -N -p 40000 10.9.0.2 9' },
      { run: 'fourwave release old', terminal: 2 },
      { line: 'BBBB' },
    ],
  },
  predict: {
    ask: {
      en: 'With no protection at all: AAAA arrives late, then BBBB is sent. What does the new application read?',
      zh: '毫无防护：AAAA 迟到，随后发送 BBBB。新的应用程序读到什么？',
    },
    choices: [
      { en: 'BBBB', zh: 'BBBB' },
      { en: 'AAAABBBB', zh: 'AAAABBBB' },
      { en: 'AAAA', zh: 'AAAA' },
    ],
    right: 2,
    why: {
      en: 'AAAA fills numbers 1 to 4. BBBB comes with the same numbers: "already received", acknowledged, dropped.',
      zh: 'AAAA 占据了序号 1 到 4。BBBB 带着同样的序号到来时被当作"已收到"：确认，丢弃。',
    },
  },
  narrate: [
    {
      when: 'c2 K>S any 1:5 DUPLICATE',
      say: {
        en: 'Here are the true bytes, BBBB. To S they are a duplicate of what it has; it even acknowledges them.',
        zh: '真正的字节 BBBB 到了。对 S 来说它们与已有的重复，它甚至确认了它们。',
      },
    },
    {
      when: 'c2 K>S any DROPPED reason TCP_RFC7323_PAWS',
      say: {
        en: 'The number would fit, but the timestamp is older than the last one seen: an old duplicate.',
        zh: '序号吻合，但时间戳比最近见过的还旧：旧的重复报文段。',
      },
    },
    {
      when: 'c2 K>S any DROPPED reason TCP_TOO_OLD_ACK',
      say: {
        en: 'The number would fit, but it acknowledges something from long before this connection.',
        zh: '序号吻合，但它确认的是这个连接很久以前的东西。',
      },
    },
  ],
  acts: [kernel, taken, timeWait, isn, timestamps, ackCheck, noAckCheck],
  explain: {
    en: `In the second act nobody is told of any error: K was told that BBBB arrived, S's application has AAAA. The
checksum is right, the port is right, the number is right: the connection is another one. (The burst of ACKs
before it: S acknowledges what K has not sent yet, each thinks the other wrong, until K's limit stops it.)

Four things keep that from happening, and each of the acts after it switches on one alone. TIME-WAIT does not let the
four-tuple be used until old segments have died out. Clock-driven initial sequence numbers (RFC 9293
§3.4.1) put the new connection's window to the right of all old numbers, as long as fewer than 250,000 bytes a second
were sent. Timestamps (PAWS, RFC 7323 §5) tell old from new even when the numbers fit. The ACK check of RFC 5961 §5
refuses a segment whose ACK number is older than any window could be; without it such an ACK is merely "a duplicate"
and the text is taken, as the next act shows. In the first act K is a kernel as it is: its initial number has moved on
by millions within the second.`,
    zh: `第二幕里没有任何人被告知出错：K 得知 BBBB 已到达，而 S 的应用程序拿到的是 AAAA。校验和对，端口对，序号也对：只是连接不对。(之前那一串 ACK:
S 确认了 K 还没有发送的数据，双方都认为对方错了，直到 K 的限额使它停下。)

有四样东西能防止它，再后面每一幕只打开其中一样。TIME-WAIT 在旧报文段消亡之前不让四元组被再次使用。时钟驱动的初始序号
（RFC 9293 §3.4.1）把新连接的窗口放在所有旧序号的右侧，前提是每秒发送的数据少于 250,000 字节。时间戳
（PAWS,RFC 7323 §5）在序号吻合时也能分出新旧。RFC 5961 §5 的 ACK 检查拒绝 ACK 号比任何窗口都旧的报文段；没有它，
这样的 ACK 只是"重复"，数据照收，下一幕就是如此。第一幕的 K 是真实的内核：一秒之内它的初始序号已前移数百万。`,
  },
  next: ['time-wait/old-fin', 'time-wait/reuse'],
  broken: {
    what: 'The numbers do not move on from one connection to the next: the old segment fits.',
    act: 'isn',
    stack: { 'lab.isn': 'fixed' },
    simKernel: { 'lab.isn': 'fixed' },
  },
});
