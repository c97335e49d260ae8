/** win/silly: a reader that takes little bites, with and without the rules against silly windows. */

import { type Rung, rungsOf } from '../../expect/rungs.ts';
import { type Act, lab } from '../../lab.ts';
import type { ActReport, CheckLine } from '../../result.ts';
import { check } from '../toolkit.ts';

const POURED = 16_000;
const BITE = 100;

const dataFrom = (report: ActReport, side: 'K' | 'S'): readonly Rung[] =>
  rungsOf(report.events).filter(({ from, len }) => from === side && len > 0);

const mean = (rungs: readonly Rung[]): number =>
  rungs.length === 0 ? 0 : rungs.reduce((sum, { len }) => sum + len, 0) / rungs.length;

const received = (kept: Readonly<Record<string, unknown>>, bytes: number): CheckLine =>
  check(['every byte arrived', '每个字节都到达了'], kept['received'] === bytes, String(kept['received']));

/** S reads a hundred bytes at a time: its window must not open by a hundred. */
const avoided: Act = {
  name: 'receiver-waits',
  title: {
    en: 'S reads 100 bytes at a time, and opens its window only by a worthwhile step',
    zh: 'S 每次读 100 字节，但窗口只按值得的幅度打开',
  },
  stack: { 'buffer.receive': '4K/8K/8K', timestamps: 'off' },
  kernel: { tcp_timestamps: 0 },
  services: { slow: { rate: 0 } },
  auto: async (stage) => {
    const socket = await stage.socket({ connect: 2004 });
    await stage.until('S ESTABLISHED');
    await socket.send('x'.repeat(POURED));
    await stage.until('S>K ACK win 0');
    stage.keep('closed', stage.mark());
    stage.step({ en: 'The application reads ten single bytes', zh: '应用程序逐个读了十个字节' });
    for (let bite = 0; bite < 10; bite++) await stage.app('c1').read(1);
    await stage.wait(100);
    stage.keep('bites', stage.mark());
    for (let bite = 0; bite < POURED / BITE; bite++) {
      await stage.app('c1').read(BITE);
      await stage.wait(5);
    }
    await stage.app('c1').resume();
    for (let i = 0; i < 100 && stage.service('slow').received.length < POURED; i++) await stage.wait(20);
    stage.keep('received', stage.service('slow').received.length);
  },
  check: (report) => {
    const { kept, events } = report;
    const opened = rungsOf(events).filter(
      ({ n, from, win }) =>
        from === 'S' && win > 0 && n > Number(kept['closed']) && n < Number(kept['bites']),
    );
    // How far the right edge moves, each time that it moves.
    const edges = rungsOf(events)
      .filter(({ n, from }) => from === 'S' && n > Number(kept['closed']))
      .map(({ ack, win }) => (ack ?? 0) + win);
    const steps = edges.map((edge, i) => edge - (edges[i - 1] ?? edge)).filter((step) => step > 0);
    const least = Math.min(...steps);
    return [
      check(
        ['ten bytes, one by one, did not open the window', '逐个读走的十个字节没有打开窗口'],
        opened.length === 0,
        `${opened.length} windows`,
      ),
      check(
        ['it opened by a full segment or half the buffer', '窗口以整段或半个缓冲区的幅度打开'],
        steps.length > 0 && least >= 1460,
        `${least} bytes at least`,
      ),
      check(
        ['so segments were large', '因此报文段是大的'],
        mean(dataFrom(report, 'K')) > 500,
        `${mean(dataFrom(report, 'K')).toFixed(0)} bytes on average`,
      ),
      received(kept, POURED),
    ];
  },
};

const LITTLE = 5000;

/** What it would be like: every segment of S offers a hundred bytes, as a receiver without the rule does. */
const silly: Act = {
  name: 'silly',
  title: {
    en: 'A receiver that offers 100 bytes whenever 100 are read: silly window syndrome',
    zh: '每读 100 字节就给出 100 字节窗口的接收方：糊涂窗口综合征',
  },
  stack: { timestamps: 'off', wscale: 'off' },
  kernel: { tcp_timestamps: 0 },
  faults: ['mutate out where tcp set win=100'],
  auto: async (stage) => {
    const socket = await stage.socket({ connect: 9 });
    await stage.until('S ESTABLISHED');
    await socket.send('x'.repeat(LITTLE));
    for (let i = 0; i < 300 && stage.service('discard').received.length < LITTLE; i++) await stage.wait(20);
    stage.keep('received', stage.service('discard').received.length);
  },
  check: (report) => {
    const data = dataFrom(report, 'K');
    return [
      check(
        ['a hundred bytes a segment, with forty of headers each', '每段一百字节，各带四十字节首部'],
        data.length >= LITTLE / BITE && data.every(({ len }) => len <= BITE),
        `${data.length} segments, ${mean(data).toFixed(0)} bytes on average`,
      ),
      received(report.kept, LITTLE),
    ];
  },
};

/** S has much to send, and is offered one byte. */
const sender: Act = {
  name: 'sender-waits',
  title: {
    en: 'The sender: offered one byte, S does not send one byte',
    zh: '发送方：只给一个字节的窗口，S 不会发一个字节',
  },
  stack: { timestamps: 'off' },
  kernel: { tcp_timestamps: 0, tcp_window_scaling: 0, tcp_rmem: '4096 8192 8192' },
  auto: async (stage) => {
    const nc = await stage.nc(19, { N: true });
    await stage.until('S ESTABLISHED');
    await nc.stop();
    await stage.until('K>S ACK win 0');
    await stage.wait(30);
    const since = stage.mark();
    stage.step({ en: 'A window of one byte is offered', zh: '给出一个字节的窗口' });
    await stage.forge('ack win=1 on c1');
    await stage.wait(60);
    stage.keep(
      'sent',
      stage.log.filter(({ n, ev, data }) => n > since && ev === 'seg:sent' && Number(data['len']) > 0).length,
    );
  },
  check: ({ kept }) => [
    check(['it waited for more', '它等待更大的窗口'], kept['sent'] === 0, `${String(kept['sent'])} segments`),
  ],
};

export default lab({
  id: 'win/silly',
  level: 4,
  minutes: 4,
  answers: ['B59'],
  rfc: ['RFC 9293 §3.8.6.2.1', 'RFC 9293 §3.8.6.2.2', 'RFC 813 §4'],
  code: ['src/tcp/receive/window.ts', 'src/tcp/output/usable-window.ts'],
  title: { en: 'Silly windows', zh: '糊涂窗口' },
  question: {
    en: 'A program reads one little bite after the other. Does each bite open the window by as much?',
    zh: '程序一小口一小口地读。每一口都会让窗口打开同样多吗？',
  },
  type: {
    any: [{ run: 'head -c 64K /dev/zero | nc -N 10.9.0.2 2004' }, { run: 'fourwave watch', terminal: 2 }],
  },
  predict: {
    ask: {
      en: 'The buffer of 8 KB is full; 100 bytes are read. What does the receiver say?',
      zh: '8 KB 缓冲区已满；读走 100 字节。接收方说什么？',
    },
    choices: [
      { en: '"window 100"', zh: '"窗口 100"' },
      { en: 'nothing yet', zh: '暂时什么也不说' },
    ],
    right: 1,
    why: {
      en: 'A window of 100 would bring a segment of 100, and that would go on for ever.',
      zh: '100 的窗口会招来 100 字节的报文段，而且会一直这样下去。',
    },
  },
  acts: [avoided, silly, sender],
  explain: {
    en: `If a receiver offered every little bite that its application reads, the sender would send small segments, which
free little room: the connection would never get out of it (RFC 813). Each end has a rule. The receiver does not open
its window by less than a full segment or half its buffer, whichever is less (MUST-39). The sender does not send less
than a full segment, or half the largest window ever offered, or all that it has (MUST-38); after 0.1 to 1 s it may.

The second act shows what the rules prevent: every window is made 100 on the wire, and 5,000 bytes take fifty segments,
each with forty bytes of headers.`,
    zh: `如果接收方把应用程序读走的每一小口都立刻作为窗口给出，发送方就会发送小报文段，而小报文段只腾出小空间：
连接永远摆脱不了这种状态（RFC 813）。两端各有一条规则。接收方打开窗口的幅度不小于一个整段或半个缓冲区（取较小者，MUST-39）。发送方不发送小于
一个整段、小于历来最大窗口一半、又不是全部剩余数据的报文段（MUST-38）；0.1 到 1 秒之后才可以例外。

第二幕展示这些规则所防止的情形：线路上每个窗口都被改成 100,5,000 字节用了五十个报文段，每个都带四十字节首部。`,
  },
  next: ['ack/nagle', 'win/zero-window'],
  broken: {
    what: 'The receiver keeps to the rule after all: there is no silly window to be seen.',
    act: 'silly',
    faults: [],
  },
});
