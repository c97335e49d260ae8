/** nc/flavours: what the programs do that all labs are typed with, asked of themselves. */

import type { LogEvent } from '../../../trace/log-event.ts';
import { type Act, type Flavour, lab } from '../../lab.ts';
import type { ActReport, CheckLine } from '../../result.ts';
import type { NcOptions, Program, Stage } from '../../stage.ts';
import { point } from '../open/points.ts';

/** Long enough for socat, which stays for half a second. */
const LOOK = 1000;

type Nc = NonNullable<NcOptions['flavour']>;

interface Candidate {
  readonly name: string;
  readonly flavour: Nc;
  readonly options: NcOptions;
  /** What it is known to do: on Ctrl-D, and when the server has closed. */
  readonly ctrlD: string;
  readonly serverFirst: string;
}

const NOTHING = 'nothing';
const FIN_STAYS = 'FIN, and it stays';
const FIN_ENDS = 'FIN, and it ends';

const CANDIDATES: readonly Candidate[] = [
  { name: 'nc (OpenBSD)', flavour: 'nc.openbsd', options: {}, ctrlD: NOTHING, serverFirst: NOTHING },
  {
    name: 'nc -N (OpenBSD)',
    flavour: 'nc.openbsd',
    options: { N: true },
    ctrlD: FIN_STAYS,
    serverFirst: NOTHING,
  },
  {
    name: 'nc.traditional',
    flavour: 'nc.traditional',
    options: {},
    ctrlD: NOTHING,
    serverFirst: 'FIN at once, and it ends',
  },
  { name: 'ncat', flavour: 'ncat', options: {}, ctrlD: FIN_STAYS, serverFirst: NOTHING },
  {
    name: 'busybox nc',
    flavour: 'busybox',
    options: {},
    ctrlD: FIN_STAYS,
    serverFirst: 'FIN at once, and it ends',
  },
  {
    name: 'socat -',
    flavour: 'socat',
    options: {},
    ctrlD: FIN_ENDS,
    serverFirst: 'FIN after 0.5 s, and it ends',
  },
];

/** One program at work, and what it was found to do. */
interface Running {
  readonly candidate: Candidate;
  readonly program: Program;
  readonly conn: string | undefined;
  readonly since: number;
  readonly at: number;
}

/** name → what it did. */
type Table = Record<string, string>;

async function start(stage: Stage, port: number): Promise<Running[]> {
  const running: Running[] = [];
  for (const candidate of CANDIDATES) {
    if (!stage.flavours.includes(candidate.flavour as Flavour)) continue;
    const since = stage.mark();
    const program = await stage.nc(port, { ...candidate.options, flavour: candidate.flavour });
    const { conn } = await stage.until('S ESTABLISHED', { since });
    running.push({ candidate, program, conn, since, at: stage.now });
  }
  return running;
}

/** The program's FIN, if it has sent one. */
const finOf = (events: readonly LogEvent[], conn: string | undefined, since: number): LogEvent | undefined =>
  events.find(
    (event) =>
      event.ev === 'seg:received' &&
      event.n > since &&
      event.conn === conn &&
      /FIN/.test(String(event.data['flags'])),
  );

async function end(running: readonly Running[]): Promise<void> {
  for (const { program } of running) {
    if (program.exit !== null) continue;
    await program.interrupt();
    await program.exited();
  }
}

const ctrlD: Act = {
  name: 'ctrl-d',
  title: { en: 'Ctrl-D while the server keeps open', zh: 'Ctrl-D，服务器不关闭' },
  auto: async (stage) => {
    const running = await start(stage, 2002);
    await stage.wait(100);
    const since = stage.mark();
    for (const { program } of running) await program.eof();
    await stage.wait(LOOK);
    const table: Table = {};
    for (const { candidate, program, conn } of running) {
      const fin = finOf(stage.log, conn, since);
      if (fin === undefined) table[candidate.name] = program.exit === null ? NOTHING : 'nothing, and it ends';
      else table[candidate.name] = program.exit === null ? FIN_STAYS : FIN_ENDS;
    }
    stage.keep('table', table);
    await end(running);
  },
  expect: `
    K>S SYN 0
    ...
  `,
  check: (report) => judged(report, ({ ctrlD: known }) => known),
};

const serverFirst: Act = {
  name: 'server-first',
  title: { en: 'The server closes while nothing was typed', zh: '服务器先关闭，而键盘还没输入' },
  stack: { msl: '200ms' },
  auto: async (stage) => {
    const running = await start(stage, 13);
    await stage.wait(LOOK);
    const table: Table = {};
    for (const { candidate, program, conn, since, at } of running) {
      const fin = finOf(stage.log, conn, since);
      const when = fin === undefined ? 0 : fin.t - at;
      if (fin === undefined) table[candidate.name] = program.exit === null ? NOTHING : 'nothing, and it ends';
      else {
        const ends = program.exit === null ? '' : ', and it ends';
        table[candidate.name] = (when < 0.3 ? 'FIN at once' : 'FIN after 0.5 s') + ends;
      }
    }
    stage.keep('table', table);
    await end(running);
  },
  expect: `
    K>S SYN 0
    ...
  `,
  check: (report) => judged(report, ({ serverFirst: known }) => known),
};

/** Every program that is there has its line; what differs is told, and only our own stand-ins must not. */
function judged({ kept, mode }: ActReport, known: (candidate: Candidate) => string): CheckLine[] {
  const table = (kept['table'] ?? {}) as Table;
  const lines = CANDIDATES.filter(({ name }) => name in table).map((candidate) => {
    const found = table[candidate.name] ?? '';
    const same = found === known(candidate);
    const detail = same ? found : `${found} (elsewhere: ${known(candidate)})`;
    return point(candidate.name, candidate.name, same || mode === 'real', detail);
  });
  const missing = CANDIDATES.filter(({ name }) => !(name in table)).map(({ name }) => name);
  return [
    point(
      'At least one program could be asked; those that are not installed are left out',
      '至少有一个程序可以测试；未安装的略过',
      lines.length > 0,
      missing.length === 0 ? 'all are there' : `not there: ${missing.join(', ')}`,
    ),
    ...lines,
  ];
}

const listening: Act = {
  name: 'nc-l',
  title: { en: 'nc -l, and S closes first', zh: 'nc -l,S 先关闭' },
  stack: { msl: '500ms' },
  auto: async (stage) => {
    const nc = await stage.nc(5000, { listen: true });
    const connect = await stage.connect(5000);
    await stage.until('S ESTABLISHED');
    await stage.wait(100);
    await nc.eof();
    await stage.wait(400);
    stage.keep('running', nc.exit === null);
    stage.keep('before', finOf(stage.log, 'c1', 0) === undefined);
    await connect.eof();
    await nc.exited();
    await stage.until('S TIME-WAIT');
  },
  expect: `
    S>K SYN 0
    K>S SYN,ACK 0 ack 1
    S>K ACK 1 ack 1
    S>K FIN,ACK 1 ack 1           ; S FIN-WAIT-1
    K>S FIN,ACK 1 ack 2           ; S TIME-WAIT
    S>K ACK 2 ack 2
    only c1                       # who types goes on typing elsewhere
  `,
  check: ({ kept, programs }) => [
    point('Ctrl-D had no effect', 'Ctrl-D 没有效果', kept['before'] === true && kept['running'] === true),
    point(
      'When S closed, it closed too: its FIN rode on its ACK',
      'S 关闭时它也关闭：它的 FIN 搭在 ACK 上',
      programs[0]?.exit?.code === 0,
    ),
  ],
};

/** Who sent its FIN first. */
function firstFin(events: readonly LogEvent[], conn: string): string {
  const fins = events.filter(
    ({ ev, conn: of, data }) =>
      (ev === 'seg:sent' || ev === 'seg:received') && of === conn && /FIN/.test(String(data['flags'])),
  );
  const [first, second] = fins;
  if (first === undefined) return 'nobody';
  const name = first.ev === 'seg:sent' ? 'S' : 'K';
  const acked = Number(second?.data['ack']) > Number(first.data['end']) - 1;
  return second === undefined || acked ? name : 'both at once';
}

const curl: Act = {
  name: 'curl',
  title: { en: 'curl: who closes first?', zh: 'curl：谁先关闭？' },
  stack: { msl: '200ms' },
  auto: async (stage) => {
    await (await stage.curl('http://10.9.0.2/')).exited();
    await stage.until('c1 S CLOSED');
    await (await stage.curl('http://10.9.0.2/close')).exited();
    await stage.until('c2 S CLOSED');
    stage.keep('keep-alive', firstFin(stage.log, 'c1'));
    stage.keep('close', firstFin(stage.log, 'c2'));
  },
  expect: `
    c1 K>S SYN 0
    ...
    c2 K>S SYN 0
    ...
  `,
  check: ({ kept, mode }) => [
    point(
      'After an answer that would let it stay curl closes first',
      '回答允许保持连接时，curl 先关闭',
      kept['keep-alive'] === 'K' || mode === 'real',
      `first FIN from ${String(kept['keep-alive'])}`,
    ),
    point(
      'After "Connection: close" the server does, or both at once',
      '"Connection: close" 之后，服务器先关闭，或双方同时',
      kept['close'] !== 'nobody' && (kept['close'] !== 'K' || mode === 'real'),
      `first FIN from ${String(kept['close'])}`,
    ),
  ],
};

export default lab({
  id: 'nc/flavours',
  level: 1,
  minutes: 3,
  answers: ['B56'],
  rfc: ['RFC 9293 §3.6'],
  code: ['src/labs/sim/nc.ts', 'src/cli/labs/flavours.ts'],
  title: { en: 'Which nc have you got?', zh: '你的 nc 是哪一种？' },
  question: {
    en: 'What does Ctrl-D send, and what happens when the server closes first? There are several programs called nc.',
    zh: 'Ctrl-D 会发送什么？服务器先关闭时会怎样？叫 nc 的程序不止一个。',
  },
  type: {
    'nc.openbsd': [
      { run: 'nc 10.9.0.2 2002' },
      { key: 'Ctrl-D' },
      { wait: { en: 'nothing happens', zh: '什么也没发生' }, ms: 1000 },
      { key: 'Ctrl-C' },
      { wait: { en: 'now a FIN', zh: '现在有一个 FIN' }, until: 'c1 K>S FIN,ACK' },
      { run: 'nc -N 10.9.0.2 2002' },
      { key: 'Ctrl-D' },
      { wait: { en: 'a FIN', zh: '一个 FIN' }, until: 'c2 K>S FIN,ACK' },
      { key: 'Ctrl-C' },
      { run: 'nc 10.9.0.2 13' },
      {
        wait: { en: 'the server closes, and nc stays', zh: '服务器关闭，而 nc 不退出' },
        until: 'c3 S FIN-WAIT-2',
      },
      { key: 'Ctrl-C' },
    ],
    'nc.traditional': [
      { run: 'nc.traditional 10.9.0.2 2002' },
      { key: 'Ctrl-D' },
      { wait: { en: 'nothing happens', zh: '什么也没发生' }, ms: 1000 },
      { key: 'Ctrl-C' },
      { wait: { en: 'now a FIN', zh: '现在有一个 FIN' }, until: 'c1 K>S FIN,ACK' },
    ],
    ncat: [
      { run: 'ncat 10.9.0.2 2002' },
      { key: 'Ctrl-D' },
      { wait: { en: 'a FIN', zh: '一个 FIN' }, until: 'c1 K>S FIN,ACK' },
      { key: 'Ctrl-C' },
      { run: 'ncat 10.9.0.2 13' },
      { wait: { en: 'the server closes', zh: '服务器关闭' }, until: 'c2 S FIN-WAIT-2' },
      { key: 'Ctrl-C' },
    ],
    busybox: [
      { run: 'busybox nc 10.9.0.2 2002' },
      { key: 'Ctrl-D' },
      { wait: { en: 'a FIN', zh: '一个 FIN' }, until: 'c1 K>S FIN,ACK' },
      { key: 'Ctrl-C' },
    ],
    socat: [
      { run: 'socat - TCP:10.9.0.2:2002' },
      { key: 'Ctrl-D' },
      { wait: { en: 'a FIN', zh: '一个 FIN' }, until: 'c1 K>S FIN,ACK' },
    ],
    curl: [
      { run: 'curl http://10.9.0.2/' },
      { run: 'curl http://10.9.0.2/close' },
      { wait: { en: 'both have come to their end', zh: '两次都已结束' }, until: 'c2 K>S FIN,ACK' },
    ],
    any: [
      { run: 'nc 10.9.0.2 2002' },
      { key: 'Ctrl-D' },
      { key: 'Ctrl-C' },
      { wait: { en: 'a FIN, at one of the two', zh: '两次按键之一之后有一个 FIN' }, until: 'c1 K>S FIN,ACK' },
    ],
  },
  acts: [ctrlD, serverFirst, listening, curl],
  predict: {
    ask: {
      en: 'You press Ctrl-D in the nc of Debian and Ubuntu (OpenBSD). What goes over the wire?',
      zh: '在 Debian 和 Ubuntu 的 nc（OpenBSD 版）里按 Ctrl-D。线路上会出现什么？',
    },
    choices: [
      { en: 'a FIN', zh: '一个 FIN' },
      { en: 'nothing', zh: '什么也没有' },
      { en: 'a RST', zh: '一个 RST' },
    ],
    right: 1,
    why: {
      en: 'Without -N it only notes that its input is over. Many texts were written with another nc.',
      zh: '没有 -N 时，它只记下输入结束了。很多教材是用另一种 nc 写的。',
    },
  },
  explain: {
    en: `The end of the input (Ctrl-D) is for a program to interpret. OpenBSD's nc, the default of Debian and Ubuntu,
sends nothing; with -N, or -q, it calls shutdown() and a FIN goes out. nc.traditional sends nothing either; ncat,
busybox and socat send a FIN, and socat leaves half a second later.

When the server closes first OpenBSD's nc and ncat stay, and the connection is in CLOSE-WAIT until you end them: a
passive side that you can hold in your hand. nc.traditional and busybox close at once, and so does "nc -l": then FIN
and ACK travel in one segment, and four waves become three. curl closes first when the answer would have let the
connection stay; after "Connection: close" the server does, and sometimes both at the same moment.

The labs ask your machine which program it has and print the command that fits; "fourwave lab doctor" shows what it
found. Where the table is different here than elsewhere it is told, and not an error.`,
    zh: `输入结束（Ctrl-D）由程序自己解释。OpenBSD 的 nc（Debian 和 Ubuntu 的默认）什么也不发；加上 -N 或 -q,
它会调用 shutdown()，发出 FIN。nc.traditional 也不发；ncat、busybox 和 socat 会发 FIN,socat 半秒后退出。

服务器先关闭时，OpenBSD 的 nc 和 ncat 留着不动，连接停在 CLOSE-WAIT，直到你结束它们：被动方就握在你手里。
nc.traditional 和 busybox 立刻关闭，"nc -l" 也是：这时 FIN 和 ACK 合在一个报文段里，四次挥手变成三次。
如果回答允许保持连接，curl 先关闭；"Connection: close" 之后由服务器关闭，有时双方同时关闭。

实验会查明你的机器上是哪个程序，并给出合适的命令；"fourwave lab doctor" 显示查到的结果。
如果这里的表和别处不同，会如实报告，而不算错误。`,
  },
  next: ['open/three-way', 'close/server-first', 'close/half-close'],
  broken: {
    what: 'The FINs of K are lost on the way: Ctrl-D seems to do nothing, whatever the program.',
    act: 'ctrl-d',
    faults: ['drop in where fin'],
  },
});
