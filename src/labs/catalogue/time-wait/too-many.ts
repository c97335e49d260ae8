/** time-wait/too-many: what masses of TIME-WAIT cost, and the five remedies with their price. */

import { type Act, lab } from '../../lab.ts';
import type { ActReport, CheckLine } from '../../result.ts';
import type { Stage } from '../../stage.ts';
import { check, timeWaits } from '../toolkit.ts';

const kernelWaits = async (stage: Stage): Promise<number> =>
  (await stage.kernelSockets()).filter(({ state }) => state === 'TIME-WAIT').length;

/** As `nc PORT </dev/null` would: S closes first on port 13, the client on others. Returns its error. */
async function client(stage: Stage, port: number): Promise<string> {
  const socket = await stage.socket({ connect: port });
  await stage.wait(3);
  if (port !== 13 && socket.error === '') await socket.shutdown();
  for (let i = 0; i < 1000 && !socket.ended && socket.error === ''; i++) await stage.wait(5);
  const { error } = socket;
  await socket.close();
  return error;
}

/** So many clients, one after the other, until one fails. Returns how many were served. */
async function clients(stage: Stage, port: number, count: number): Promise<number> {
  let served = 0;
  for (; served < count; served++) {
    const error = await client(stage, port);
    stage.keep('error', error);
    if (error !== '') break;
  }
  await stage.wait(200);
  stage.keep('served', served);
  stage.keep('onS', await timeWaits(stage));
  stage.keep('onK', await kernelWaits(stage));
  return served;
}

const counted = ({ kept }: ActReport, { onS, onK }: { onS: number; onK: number }): CheckLine =>
  check(
    [`TIME-WAIT: ${onS} on S, ${onK} on K`, `TIME-WAIT:S 上 ${onS} 个，K 上 ${onK} 个`],
    kept['onS'] === onS && kept['onK'] === onK,
    `${String(kept['onS'])} on S, ${String(kept['onK'])} on K`,
  );

const MANY = { sim: 500, real: 30 } as const;
const FEW = 10;
const TIMES = { sim: 3, real: 2 } as const;
const TEN_PORTS = '40000 40009';

const many: Act = {
  name: 'server-pays',
  title: { en: '500 short connections, S closes first', zh: '500 个短连接，S 先关闭' },
  auto: async (stage) => {
    const count = MANY[stage.mode];
    stage.keep('count', count);
    await clients(stage, 13, count);
    const again = await stage.nc(13, { N: true });
    await again.saw('\n');
    stage.keep('still', again.printed.length > 0);
    stage.keep(
      'ports',
      (await stage.connections()).filter(({ state }) => (state as string) === 'LISTEN').length,
    );
  },
  check: (report) => {
    const { kept } = report;
    const all = report.connections.filter(({ state }) => state === 'TIME-WAIT');
    const heavy = all.filter(({ recvQ, sendQ, rtt }) => recvQ + sendQ > 0 || rtt !== null);
    return [
      counted(report, { onS: Number(kept['count']), onK: 0 }),
      check(
        ['a record has no buffers, no RTT, no congestion window', '每条记录没有缓冲区、RTT 和拥塞窗口'],
        all.length >= Number(kept['count']) && heavy.length === 0,
        `${all.length} records of 59 bytes`,
      ),
      check(['the server serves on as before', '服务器照常服务'], kept['still'] === true),
    ];
  },
};

const portsRunOut: Act = {
  name: 'client-pays',
  title: {
    en: 'What does run out: the ports of a client that closes first (here it has ten)',
    zh: '真正会耗尽的：先关闭的客户端的端口（这里只有十个）',
  },
  kernel: { ip_local_port_range: TEN_PORTS, tcp_tw_reuse: 0 },
  auto: async (stage) => {
    await clients(stage, 7, FEW + 1);
  },
  check: (report) => [
    counted(report, { onS: 0, onK: FEW }),
    check(
      ['the eleventh found no port', '第十一个找不到端口'],
      report.kept['served'] === FEW && report.kept['error'] === 'EADDRNOTAVAIL',
      `${String(report.kept['served'])} served, then ${String(report.kept['error'])}`,
    ),
  ],
};

const limit: Act = {
  name: 'remedy-limit',
  title: {
    en: 'Remedy 1: an upper limit. Price: the oldest lose their protection',
    zh: '办法一：上限。代价：最旧的失去保护',
  },
  stack: { 'timeWait.max': FEW, timestamps: 'off' },
  kernel: { tcp_timestamps: 0 },
  faults: ['copy in where fin first as fin1'],
  auto: async (stage) => {
    await clients(stage, 13, FEW + 5);
    stage.step({ en: "The first connection's FIN comes again", zh: '第一个连接的 FIN 再次到来' });
    const since = stage.mark();
    await stage.inject('fin1');
    await stage.until('S>K RST', { since });
  },
  check: (report) => [
    counted(report, { onS: FEW, onK: 0 }),
    check(['all were served', '全部得到服务'], report.kept['served'] === FEW + 5),
    check(
      ['the oldest had to leave, and answers its FIN with a RST', '最旧的被移除，对它的 FIN 只能回答 RST'],
      report.events.some(({ ev, data }) => ev === 'seg:sent' && data['flags'] === 'RST'),
    ),
  ],
};

const serverReuse: Act = {
  name: 'remedy-reuse',
  title: {
    en: 'Remedy 2: reuse. A client with ten ports comes again and again. Price: numbers and clocks must be trusted',
    zh: '办法二：重用。只有十个端口的客户端一来再来。代价：必须信任序号与时钟',
  },
  kernel: { ip_local_port_range: TEN_PORTS },
  auto: async (stage) => {
    await clients(stage, 13, TIMES[stage.mode] * FEW);
  },
  check: ({ kept }) => [
    check(
      ['all were served; ten four-tuples are all there is', '全部得到服务；四元组总共只有十个'],
      Number(kept['served']) >= 2 * FEW && Number(kept['onS']) <= FEW,
      `${String(kept['served'])} served, ${String(kept['onS'])} in TIME-WAIT`,
    ),
  ],
};

const kernelReuse: Act = {
  name: 'remedy-tw-reuse',
  title: {
    en: "Remedy 2 at the client: the kernel's tcp_tw_reuse, for outgoing connections, after a second",
    zh: '办法二（客户端）：内核的 tcp_tw_reuse，只用于主动连接，一秒之后',
  },
  only: {
    stage: 'real',
    why: {
      en: 'our stack, which is K in the simulator, does not reuse its own TIME-WAIT',
      zh: '模拟器里的 K 是我们的协议栈，它不会重用自己的 TIME-WAIT',
    },
  },
  kernel: { ip_local_port_range: '40000 40000', tcp_tw_reuse: 1, tcp_timestamps: 1 },
  auto: async (stage) => {
    await clients(stage, 7, 1);
    await stage.wait(1500);
    await clients(stage, 7, 1);
  },
  check: ({ kept, events }) => [
    check(
      ['the one port served twice', '唯一的端口用了两次'],
      kept['served'] === 1 &&
        events.filter(({ ev, data }) => ev === 'seg:sent' && data['flags'] === 'SYN,ACK').length === 2,
    ),
  ],
};

const PAGES = Array.from({ length: FEW }, () => 'http://10.9.0.2/');

const longConnection: Act = {
  name: 'remedy-long-connection',
  title: {
    en: 'Remedies 3 and 4: one connection for ten pages, and the client closes it. Price: TIME-WAIT is with the client',
    zh: '办法三、四：十个页面用一个连接，由客户端关闭。代价：TIME-WAIT 留在客户端',
  },
  auto: async (stage) => {
    const curl = await stage.curl(...PAGES);
    stage.keep('code', (await curl.exited()).code);
    stage.keep('pages', curl.printed.split('seen from inside').length - 1);
    await stage.until('S CLOSED');
    await stage.wait(50);
    stage.keep('onS', await timeWaits(stage));
    stage.keep('onK', await kernelWaits(stage));
  },
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    ...
    K>S FIN,ACK                      ; S CLOSE-WAIT
    S>K FIN,ACK                      ; S LAST-ACK
    K>S ACK                          ; S CLOSED
    never c2 K>S SYN`,
  check: (report) => [
    check(
      ['ten pages came over one connection', '十个页面经由一个连接'],
      report.kept['pages'] === FEW && report.kept['code'] === 0,
      `${String(report.kept['pages'])} pages`,
    ),
    counted(report, { onS: 0, onK: 1 }),
  ],
};

const recycling: Act = {
  name: 'remedy-recycling',
  title: { en: 'Remedy 5: fast recycling. There is no such switch', zh: '办法五：快速回收。没有这个开关' },
  auto: async (stage) => {
    let refused = '';
    try {
      await stage.configure({ 'timeWait.recycle': 'on' });
    } catch (error) {
      refused = error instanceof Error ? error.message : String(error);
    }
    stage.check(
      { en: 'timeWait.recycle is refused', zh: 'timeWait.recycle 被拒绝' },
      refused.includes('timeWait.recycle'),
      refused,
    );
  },
};

export default lab({
  id: 'time-wait/too-many',
  level: 2,
  minutes: 6,
  answers: ['B47', 'B48'],
  rfc: ['RFC 9293 §3.6.1', 'RFC 6191 §2', 'RFC 1337 §3'],
  code: ['src/tcp/compact/time-wait-table.ts', 'src/tcp/lifecycle.ts'],
  title: { en: 'Too many TIME-WAITs?', zh: 'TIME-WAIT 太多了？' },
  question: {
    en: '500 connections are in TIME-WAIT. What do they cost, and what does each well-known remedy cost?',
    zh: '有 500 个连接处于 TIME-WAIT。它们的代价是什么？各种流行的办法代价又是什么？',
  },
  type: {
    any: [
      { run: 'for i in $(seq 500); do nc 10.9.0.2 13 </dev/null >/dev/null; done' },
      { run: 'fourwave ss state time-wait | wc -l' },
    ],
  },
  predict: {
    ask: { en: 'What runs out first when TIME-WAITs pile up?', zh: 'TIME-WAIT 堆积时，最先耗尽的是什么？' },
    choices: [
      { en: "the server's memory", zh: '服务器的内存' },
      { en: "the server's ports", zh: '服务器的端口' },
      { en: 'the ports of a client that closes first', zh: '先关闭的客户端的端口' },
    ],
    right: 2,
    why: {
      en: 'A server uses one port for all. A client needs a new port for each connection toward the same server.',
      zh: '服务器所有连接共用一个端口。客户端对同一服务器的每个连接都需要一个新端口。',
    },
  },
  acts: [many, portsRunOut, limit, serverReuse, kernelReuse, longConnection, recycling],
  explain: {
    en: `A TIME-WAIT is not a connection with its buffers: our record is 59 bytes (numbers, a deadline, the last window)
beside the four-tuple, Linux keeps a similarly small one. A million of them are affordable. What runs out is the port
range of the side that closes first, when it is a client with one server: second act.

The remedies. (1) A limit (timeWait.max, tcp_max_tw_buckets): we let the oldest go, Linux refuses the newest; either
is then as if there were no TIME-WAIT (time-wait/none, old-data). (2) Reuse: a new SYN takes the place of the old record
if numbers or timestamps prove that it is newer (time-wait/reuse); at the client Linux's tcp_tw_reuse does it for
outgoing connections, needs timestamps, and waits a second. (3) Fewer connections: keep-alive. This one costs nothing.
(4) "Let the client close first" moves the burden to the client, and the burden there is ports. (5) Fast recycling
(tcp_tw_recycle) judged all clients of an address by the newest timestamp seen from it: behind a NAT many clients with
clocks of their own share one address, and some could not connect any more. Linux removed it in 4.12; we never had it.`,
    zh: `TIME-WAIT 不是一个带缓冲区的连接：我们的记录是四元组之外的 59 字节（序号、到期时间、最后的窗口），Linux 的记录也同样小。
一百万个也负担得起。真正会耗尽的，是先关闭一方的端口范围，当它是只面向一个服务器的客户端时：第二幕。

各种办法：（1）上限（timeWait.max、tcp_max_tw_buckets）：我们让最旧的离开，Linux 拒绝最新的；这两种都等于没有 TIME-WAIT
（time-wait/none、old-data）。（2）重用：如果序号或时间戳证明新的 SYN 更新，它就取代旧记录（time-wait/reuse）；在客户端，
Linux 的 tcp_tw_reuse 只用于主动连接，需要时间戳，并等待一秒。（3）减少连接数：长连接。这一条没有代价。（4）"让客户端先关闭"
只是把负担移到客户端，而那里的负担是端口。（5）快速回收（tcp_tw_recycle）用某个地址的最新时间戳来评判该地址的所有客户端：
NAT 之后许多时钟各异的客户端共用一个地址，于是有些再也连不上。Linux 在 4.12 中删除了它；我们从未有过。`,
  },
  next: ['time-wait/reuse', 'time-wait/address-in-use'],
  broken: {
    what: 'The limit is not kept: more records stay than it allows.',
    act: 'remedy-limit',
    stack: { 'timeWait.max': 1000 },
  },
});
