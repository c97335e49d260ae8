/** win/zero-window: nobody reads, the window closes, and somebody has to keep asking. */

import { type Rung, rungsOf } from '../../expect/rungs.ts';
import { type Act, lab, type Setting } from '../../lab.ts';
import type { ActReport, CheckLine } from '../../result.ts';
import type { Stage } from '../../stage.ts';
import { check, timerEvents } from '../toolkit.ts';

const POURED = 40_000;

/** Small buffers, so that little fills them; a kernel that answers every probe. */
const SMALL: Setting & { readonly real: Setting } = {
  stack: { 'buffer.receive': '4K/8K/8K', timestamps: 'off' },
  kernel: { tcp_timestamps: 0, tcp_rmem: '4096 8192 8192' },
  services: { slow: { rate: 0 } },
  real: { kernel: { tcp_invalid_ratelimit: 0 } },
};

/** What one side sent without data after the other had closed its window, and before it opened again. */
function probesOf({ events }: ActReport, from: 'K' | 'S'): readonly Rung[] {
  const rungs = rungsOf(events);
  const closed = rungs.findIndex(
    (rung) => rung.from !== from && rung.win === 0 && !rung.flags.includes('RST'),
  );
  const opened = rungs.findIndex((rung, i) => i > closed && rung.from !== from && rung.win > 0);
  const until = opened < 0 ? rungs.length : opened;
  return closed < 0 ? [] : rungs.slice(closed, until).filter((rung) => rung.from === from && rung.len === 0);
}

function probing(report: ActReport, from: 'K' | 'S'): CheckLine[] {
  const probes = probesOf(report, from);
  const closing = rungsOf(report.events).find((rung) => rung.from !== from && rung.win === 0);
  const times = probes.map(({ t }) => t);
  const waits = times.slice(1).map((t, i) => t - (times[i] as number));
  const [first = 0, second = 0] = waits;
  return [
    check(
      ['probes carry nothing: seq = una − 1, length 0', '探测不带数据：seq = una − 1，长度 0'],
      probes.length >= 3 && probes.every(({ seq }) => seq === (closing?.ack ?? 0) - 1),
      `${probes.length} probes`,
    ),
    check(
      ['each wait is twice the one before', '每次等待是前一次的两倍'],
      second / first > 1.5 && second / first < 2.7,
      waits
        .map((wait) => `${(wait * 1000).toFixed(0)} ms`)
        .slice(0, 6)
        .join(', '),
    ),
  ];
}

async function pour(stage: Stage): Promise<void> {
  const socket = await stage.socket({ connect: 2004 });
  await stage.until('S ESTABLISHED');
  await socket.send('x'.repeat(POURED));
  await stage.until('S>K ACK win 0');
  await stage.wait(1800);
  const [kernel] = await stage.kernelSockets();
  stage.keep('timer', kernel?.timer?.name ?? 'none');
}

async function drained(stage: Stage): Promise<void> {
  for (let i = 0; i < 200 && stage.service('slow').received.length < POURED; i++) await stage.wait(20);
  stage.keep('received', stage.service('slow').received.length);
}

const all = ({ kept }: ActReport): CheckLine =>
  check(['every byte arrived', '每个字节都到达了'], kept['received'] === POURED, String(kept['received']));

const closes: Act = {
  name: 'receiver',
  title: {
    en: "Our reader sleeps: the kernel's persist timer",
    zh: '我们的读者睡着了：内核的 persist 定时器',
  },
  ...SMALL,
  auto: async (stage) => {
    await pour(stage);
    stage.step({ en: 'The application reads', zh: '应用程序开始读' });
    await stage.app('c1').resume();
    await drained(stage);
  },
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    ...
    S>K ACK 1 ack m win 0
    K>S ACK m-1 ack 1        within 90ms..900ms
    S>K ACK 1 ack m win 0
    K>S ACK m-1 ack 1        within 150ms..1200ms
    S>K ACK 1 ack m win 0
    ...
    S>K ACK 1 ack m win>0
    K>S ACK m:?
    ...`,
  check: (report) => [
    ...probing(report, 'K'),
    all(report),
    check(
      ['ss shows (persist,…)', 'ss 显示（persist,…）'],
      report.kept['timer'] === 'persist',
      String(report.kept['timer']),
    ),
  ],
};

const updateLost: Act = {
  ...closes,
  name: 'update-lost',
  title: {
    en: 'The ACK that opens the window is lost: only the probe finds out',
    zh: '打开窗口的 ACK 丢失：只有探测能发现',
  },
  auto: async (stage) => {
    await pour(stage);
    await stage.fault('drop out where ack-only && win>0 times 1');
    stage.step({
      en: 'The application reads; the window update is lost',
      zh: '应用程序开始读；窗口更新丢失',
    });
    await stage.app('c1').resume();
    await drained(stage);
  },
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    ...
    S>K ACK 1 ack m win 0
    ...
    S>K ACK 1 ack m win>0 LOST
    K>S ACK m-1 ack 1
    S>K ACK 1 ack m win>0
    K>S ACK m:?
    ...`,
  check: (report) => [all(report)],
};

/** The other way round: S sends without end, nc is stopped by Ctrl-Z. */
const sender: Act = {
  name: 'sender',
  title: { en: 'Ctrl-Z on nc: our persist timer', zh: '对 nc 按 Ctrl-Z：我们的 persist 定时器' },
  ...SMALL,
  auto: async (stage) => {
    const nc = await stage.nc(19, { N: true });
    await stage.until('S ESTABLISHED');
    await nc.stop();
    await stage.until('K>S ACK win 0');
    // MUST-37: as long as it is answered it never gives up.
    await stage.wait(stage.mode === 'sim' ? 3_600_000 : 2500);
    const [record] = (await stage.connections()).filter(({ id }) => id === 'c1');
    stage.keep('state', record?.state ?? 'CLOSED');
    stage.keep('timer', record?.timers.map(({ name }) => name).join() ?? '');
    const before = nc.bytes;
    stage.step({ en: 'fg: nc reads again', zh: 'fg:nc 继续读' });
    await nc.cont();
    for (let i = 0; i < 200 && nc.bytes < before + 20_000; i++) await stage.wait(20);
    stage.keep('flowed', nc.bytes - before);
    await nc.kill();
  },
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    ...
    K>S ACK 1 ack m win 0
    S>K ACK m-1 ack 1 trigger persist    within 90ms..900ms
    K>S ACK 1 ack m win 0
    ...
    K>S ACK 1 ack m win>0
    ...
    never timer S.rto fired`,
  check: (report) => {
    const { kept, events } = report;
    const fired = timerEvents(events, 'persist').filter((what) => what === 'fire').length;
    return [
      ...probing(report, 'S'),
      check(
        ['it never gave up while it was answered (MUST-37)', '只要有回答就从不放弃（MUST-37）'],
        kept['state'] === 'ESTABLISHED' &&
          kept['timer'] === 'persist' &&
          fired >= (report.mode === 'sim' ? 16 : 3),
        `${fired} probes, ${String(kept['state'])}`,
      ),
      check(
        ['then it flowed on', '随后继续流动'],
        Number(kept['flowed']) >= 20_000,
        `${String(kept['flowed'])} bytes`,
      ),
    ];
  },
};

export default lab({
  id: 'win/zero-window',
  level: 4,
  minutes: 4,
  answers: ['B59', 'B57'],
  rfc: ['RFC 9293 §3.8.6.1', 'RFC 9293 §3.8.6'],
  code: ['src/tcp/timers/persist.ts', 'src/tcp/receive/window.ts'],
  title: {
    en: 'The window closes, and the persist timer keeps asking',
    zh: '窗口关闭，persist 定时器不断询问',
  },
  question: {
    en: 'The receiver reads nothing; its window is 0. Later it reads, and the ACK that says so is lost. Deadlock?',
    zh: '接收方不读，窗口变为 0。后来它读了，但说明此事的 ACK 丢失了。会死锁吗？',
  },
  type: {
    any: [
      { run: 'head -c 40000 /dev/zero | nc -N 10.9.0.2 2004' },
      { run: 'ss -tno dst 10.9.0.2   # timer:(persist,…)', terminal: 2 },
      { wait: { en: 'three probes have come', zh: '已有三次探测' }, ms: 2000 },
      { run: 'fourwave resume c1', terminal: 2 },
    ],
  },
  predict: {
    ask: {
      en: 'The window is 0. What does the sender send meanwhile?',
      zh: '窗口为 0。发送方这期间发送什么？',
    },
    choices: [
      { en: 'nothing: it must not', zh: '什么也不发：不允许' },
      { en: 'from time to time a segment that must be answered', zh: '时不时发一个必须回答的报文段' },
      { en: 'its next bytes, again and again', zh: '反复发送下一段数据' },
    ],
    right: 1,
    why: {
      en: 'Window updates are bare ACKs: they are not retransmitted, so somebody has to ask for them.',
      zh: '窗口更新是纯 ACK：不会被重传，所以必须有人去问。',
    },
  },
  narrate: [
    {
      when: 'S>K ACK win 0',
      say: { en: 'The buffer is full: "send nothing more".', zh: '缓冲区满了："不要再发送"。' },
    },
    {
      when: 'S>K ACK win>0 LOST',
      say: {
        en: 'Now there is room, but the ACK that says so is lost. Both wait for each other.',
        zh: '现在有空间了，但说明此事的 ACK 丢失了。双方互相等待。',
      },
    },
  ],
  acts: [closes, updateLost, sender],
  explain: {
    en: `What the application does not read fills the receive buffer; each ACK offers less, at last 0. The sender then
starts its persist timer and probes: 0.2, 0.4, 0.8 … s, like a retransmission, but without end: as long as probes are
answered it must not give up (MUST-37), for a reader that is slow is no error. The probe is a segment that is not
acceptable (seq = una − 1, no text), so it has to be answered with an ACK, and that ACK tells the window.

The ACK that opens the window is not retransmitted by anybody. If it is lost the next probe finds out (second act).
The third act is the other way round: Ctrl-Z on nc, and the timer is ours; in the simulator it asks for an hour.`,
    zh: `应用程序不读的数据会填满接收缓冲区；每个 ACK 给出的窗口越来越小，最后为 0。发送方于是启动 persist 定时器并探测：0.2、0.4、
0.8……秒，像重传一样，但没有尽头：只要探测有回答，就不得放弃（MUST-37），因为读得慢不是错误。探测是一个不可接受的报文段
（seq = una − 1，没有数据），因此必须用 ACK 回答，而这个 ACK 说明了窗口。

打开窗口的 ACK 没有任何人会重传。如果丢失，下一次探测会发现（第二幕）。第三幕方向相反：对 nc 按 Ctrl-Z，定时器在我们这边；
在模拟器里它询问了一个小时。`,
  },
  next: ['win/silly', 'data/acceptability'],
  broken: {
    what: 'The buffer is never full: there is no closed window to ask about.',
    act: 'receiver',
    stack: { 'buffer.receive': '256K/256K/256K' },
  },
});
