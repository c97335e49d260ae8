/** half-open/leak: many clients vanish; who still has a table entry for them, and for how long. */

import { type Act, lab, type Setting } from '../../lab.ts';
import type { ActReport, CheckLine } from '../../result.ts';
import type { Stage } from '../../stage.ts';
import { happened, point } from '../open/points.ts';

const MINUTE = 60_000;
/** When the table is counted: up to two hours and a quarter; with the real kernel, seconds. */
const MOMENTS = [0, 0.1, 0.25, 1, 30, 60, 120, 135].map((minutes) => minutes * MINUTE);
const REAL_MOMENTS = [0, 2000, 4000, 7000];

const many = (stage: Pick<Stage, 'mode'>): number => (stage.mode === 'sim' ? 30 : 10);

async function sizeOf(stage: Stage): Promise<number> {
  return (await stage.connections()).filter(({ state }) => state === 'ESTABLISHED').length;
}

/** They connect, the cable goes, and the table is looked at now and then. */
async function leak(stage: Stage, port: number): Promise<void> {
  for (let client = 0; client < many(stage); client++) {
    await stage.socket({ connect: port });
  }
  await stage.until(`c${many(stage)} S ESTABLISHED`);
  await stage.wait(200);
  await stage.cutCable();
  const chart: [number, number][] = [];
  let before = 0;
  for (const moment of stage.mode === 'sim' ? MOMENTS : REAL_MOMENTS) {
    await stage.wait(moment - before);
    before = moment;
    chart.push([moment, await sizeOf(stage)]);
  }
  stage.keep('chart', chart);
}

const chartOf = ({ kept }: ActReport): readonly (readonly [number, number])[] =>
  kept['chart'] as [number, number][];

/** `0 s: 30 ██████ · 60 s: 0`. */
const drawn = (report: ActReport): string =>
  chartOf(report)
    .map(([ms, size]) => `${ms < MINUTE ? `${ms / 1000} s` : `${ms / MINUTE} min`}: ${size}`)
    .join(', ');

const all = (report: ActReport): boolean => chartOf(report)[0]?.[1] === many(report);

const EXPECT = `
    K>S SYN 0
    ...
    never K>S RST
`;

const forever: Act = {
  name: 'nothing',
  title: { en: 'Neither keep-alive nor heartbeat', zh: '既没有 keepalive 也没有心跳' },
  auto: (stage) => leak(stage, 7),
  expect: EXPECT,
  check: (report): CheckLine[] => [
    point(
      'They are all there at the end, and would be for ever',
      '最后一个都没少，而且会永远留着',
      all(report) && chartOf(report).every(([, size]) => size === many(report)),
      drawn(report),
    ),
    point(
      'No timer has fired for any of them',
      '没有一个定时器为它们响过',
      happened(report.events, 'timer:fire').length === 0,
    ),
  ],
};

const gone = (at: number, report: ActReport): boolean =>
  all(report) && chartOf(report).every(([ms, size]) => ms < at || size === 0);

const keepAlive: Act = {
  name: 'keep-alive',
  title: { en: 'Keep-alive: 2 s, 1 s, 3', zh: 'keepalive:2 秒、1 秒、3 次' },
  services: { ka: { keepAlive: { idle: 2000, interval: 1000, count: 3 } } },
  auto: (stage) => leak(stage, 2005),
  expect: EXPECT,
  check: (report): CheckLine[] => [
    point('All gone within five seconds', '五秒内全部清除', gone(6000, report), drawn(report)),
    point(
      'Each was closed because of keep-alive',
      '每个都因 keepalive 而关闭',
      happened(report.events, 'conn:closed', { reason: 'keepalive' }).length === many(report),
    ),
  ],
};

const heartbeat: Act = {
  name: 'heartbeat',
  title: { en: 'A heartbeat every second', zh: '每秒一次心跳' },
  services: { heartbeat: { interval: 1000, keepAlive: { idle: 3_600_000, interval: 1000, count: 3 } } },
  stack: { 'retries.orphan': 2, 'retries.data': 3 },
  auto: (stage) => leak(stage, 2007),
  expect: EXPECT,
  check: (report): CheckLine[] => [
    point(
      'None is ESTABLISHED after seven seconds',
      '七秒之后没有一个 ESTABLISHED',
      gone(7000, report),
      drawn(report),
    ),
  ],
};

/** What one gets who only switches it on: only virtual time has so much of it. */
const twoHours: Setting = { stack: { keepalive: 'on' } };
const defaults: Act = {
  name: 'keep-alive-defaults',
  title: { en: 'Keep-alive as it comes: two hours, 75 s, 9', zh: 'keepalive 的默认值：两小时、75 秒、9 次' },
  ...twoHours,
  only: {
    stage: 'sim',
    why: { en: 'It takes two hours and eleven minutes.', zh: '需要两小时十一分钟。' },
  },
  auto: (stage) => leak(stage, 7),
  expect: EXPECT,
  check: (report): CheckLine[] => [
    point(
      'For two hours it changes nothing; eleven minutes later all are gone',
      '两小时内毫无变化，再过十一分钟全部清除',
      all(report) && chartOf(report).every(([ms, size]) => size === (ms > 131 * MINUTE ? 0 : many(report))),
      drawn(report),
    ),
  ],
};

export default lab({
  id: 'half-open/leak',
  level: 2,
  minutes: 3,
  answers: ['B52', 'B54', 'B55'],
  rfc: ['RFC 9293 §3.5.1', 'RFC 9293 §3.8.4'],
  code: ['src/tcp/timers/keep-alive.ts', 'src/apps/heartbeat.ts'],
  title: { en: 'Connections that pile up', zh: '堆积起来的半打开连接' },
  question: {
    en:
      'Thirty clients vanish without a word. How many connections does the server have a minute ' +
      'later? And two hours?',
    zh: '三十个客户端不辞而别。一分钟后服务器还有多少连接？两小时后呢？',
  },
  type: {
    any: [
      { run: 'for i in $(seq 30); do (sleep 9999 | nc 10.9.0.2 7 &) ; done' },
      { wait: { en: 'all thirty are there', zh: '三十个连接都在' }, until: 'c30 S ESTABLISHED' },
      { run: 'fourwave fault add cut both', terminal: 2 },
      { run: 'fourwave ss | wc -l', terminal: 2 },
    ],
  },
  acts: [forever, keepAlive, heartbeat, defaults],
  predict: {
    ask: {
      en: 'Keep-alive is switched on, with its default times. How many are left after an hour?',
      zh: '打开了 keepalive，用默认时间。一小时后还剩多少？',
    },
    choices: [
      { en: 'none', zh: '零个' },
      { en: 'all of them', zh: '全部' },
      { en: 'about half', zh: '大约一半' },
    ],
    right: 1,
    why: {
      en: 'The first probe goes out after two hours. The default is far too long for this.',
      zh: '第一次探测要等两小时。默认值对此来说太长了。',
    },
  },
  explain: {
    en: `Every client that loses its cable, its battery or its NAT entry leaves an ESTABLISHED connection at the
server. Without keep-alive and without a heartbeat nothing ever removes it: the table only grows, and what runs out
first are the program's file descriptors. (Do not mix this up with masses of CLOSE-WAIT: there the peer has said
good-bye and the program has not listened.)

Keep-alive with times that suit the service (seconds or minutes, TCP_KEEPIDLE and so on) cleans up; with its default
times it does so after two hours and eleven minutes. A heartbeat of the application does it as fast as its protocol
wants, and finds programs that hang as well.`,
    zh: `每个断网、没电或 NAT 表项过期的客户端，都会在服务器上留下一个 ESTABLISHED 连接。既没有 keepalive 又没有心跳，
就没有什么会清除它：表只增不减，最先耗尽的是程序的文件描述符。(不要和大量 CLOSE-WAIT 混淆：那是对方说了再见，
而程序没有听。)

keepalive 的时间设得合适（几秒或几分钟，TCP_KEEPIDLE 等），就能清理；用默认时间，则要两小时十一分钟之后。
应用层心跳想多快就多快，还能发现卡住的程序。`,
  },
  next: ['half-open/heartbeat', 'close/close-wait-leak'],
  broken: {
    what: 'Nobody probes: keep-alive waits an hour.',
    act: 'keep-alive',
    services: { ka: { keepAlive: { idle: 30_000_000, interval: 1000, count: 3 } } },
  },
});
