/** close/curl-race: who closes first when nobody says so; a simultaneous close that happens by itself. */

import type { LogEvent } from '../../../trace/log-event.ts';
import { lab } from '../../lab.ts';
import type { ActReport, CheckLine } from '../../result.ts';
import type { Stage } from '../../stage.ts';
import { checked, pathOf } from './scenes.ts';

const ROUNDS = 20;
const ROUNDS_KEPT_ALIVE = 5;

export default lab({
  id: 'close/curl-race',
  level: 3,
  minutes: 3,
  answers: ['B14', 'B33'],
  rfc: ['RFC 9293 §3.6', 'RFC 9112 §9.6'],
  code: ['src/tcp/input/8-fin.ts', 'src/apps/http/http.ts'],
  title: { en: 'A race to the close', zh: '抢先关闭' },
  question: {
    en: 'curl fetches a page with "Connection: close". Who closes first?',
    zh: 'curl 取一个带 "Connection: close" 的网页。谁先关闭？',
  },
  type: {
    any: [
      { run: 'for i in $(seq 20); do curl -s http://10.9.0.2/close >/dev/null; done' },
      { run: 'ss -tan state time-wait dst 10.9.0.2 | wc -l' },
      { run: 'fourwave ss -a' },
    ],
  },
  predict: {
    ask: { en: 'Who closes first, in twenty tries?', zh: '二十次里，谁先关闭？' },
    choices: [
      { en: 'always the server', zh: '总是服务器' },
      { en: 'always curl', zh: '总是 curl' },
      { en: 'it varies, and sometimes both at once', zh: '不一定，有时双方同时' },
    ],
    right: 2,
    why: {
      en:
        'curl has read the length of the page and closes when it has all of it; the server closes when ' +
        'it has written it. Microseconds decide.',
      zh: 'curl 知道网页的长度，读够就关闭；服务器写完就关闭。几微秒决定先后。',
    },
  },
  acts: [
    {
      name: 'close',
      title: { en: 'Twenty pages with Connection: close', zh: '二十个带 Connection: close 的网页' },
      // What a scheduler does to two programs, for the simulator, where every microsecond is the same.
      faults: ['delay out where fin 0us jitter 200us seed 4'],
      real: { faults: [] },
      auto: (stage) => fetch(stage, '/close', ROUNDS),
      check: (report) => {
        const kinds = classify(report.events);
        return [
          ...checksOf(report, ROUNDS),
          checked(
            'crossings happen by themselves (seen in the simulator always)',
            '交错会自己发生（在模拟器中总能看到）',
            report.mode === 'real' || (kinds.both > 0 && kinds.S > 0),
            `${kinds.both} of ${ROUNDS}`,
          ),
        ];
      },
    },
    {
      name: 'keep-alive',
      title: { en: 'Kept alive: curl closes', zh: '保持连接：由 curl 关闭' },
      auto: (stage) => fetch(stage, '/', ROUNDS_KEPT_ALIVE),
      check: (report) => [
        ...checksOf(report, ROUNDS_KEPT_ALIVE),
        checked(
          'curl closed first every time',
          '每次都是 curl 先关闭',
          classify(report.events).K === ROUNDS_KEPT_ALIVE,
        ),
      ],
    },
  ],
  explain: {
    en: `HTTP/1.1 ends a message by its length, so both ends know when it is over, and either may close. With
"Connection: close" the server should close first (RFC 9112 §9.6), but curl has what it wants with the last byte
of the
page, and does not wait. When curl's FIN and the server's cross, both go through CLOSING and both are left in
TIME-WAIT; when the server's FIN arrives in time, only the server is. With a connection that is kept alive the
server has
no reason to close, so it is curl, and TIME-WAIT is on the client's side.

So where TIME-WAITs pile up is decided by details of two programs, and can change from one run to the next.`,
    zh: `HTTP/1.1 用长度标明消息的结束，双方都知道何时结束，任何一方都可以关闭。带 "Connection: close" 时本应由服务器先关闭
（RFC 9112 §9.6），但 curl 读到网页最后一个字节就心满意足，不再等待。curl 的 FIN 与服务器的 FIN 交错时，双方都经过 CLOSING，
都留下 TIME-WAIT；服务器的 FIN 及时到达时，只有服务器留下。若连接保持不断，服务器没有理由关闭，
于是由 curl 关闭，TIME-WAIT 在客户端。

所以 TIME-WAIT 堆积在哪一边，取决于两个程序的细节，而且每次运行都可能不同。`,
  },
  next: ['close/simultaneous', 'time-wait/too-many', 'close/fin-with-data'],
  broken: {
    what: "S's FIN rides on the last data: there is no moment left in which curl could be faster.",
    act: 'close',
    stack: { 'lab.finWithData': 'on' },
  },
});

async function fetch(stage: Stage, path: string, rounds: number): Promise<void> {
  for (let round = 1; round <= rounds; round++) {
    const curl = await stage.curl('-o', '/dev/null', `http://10.9.0.2${path}`);
    await curl.exited();
  }
  await stage.wait(300);
}

interface Kinds {
  readonly K: number;
  readonly S: number;
  readonly both: number;
  readonly other: number;
}

/** By the states that S went through. */
function classify(events: readonly LogEvent[]): Kinds {
  const conns = new Set(
    events.flatMap(({ ev, conn }) => (ev === 'conn:opened' && conn !== undefined ? [conn] : [])),
  );
  const kinds = { K: 0, S: 0, both: 0, other: 0 };
  for (const conn of conns) {
    const path = pathOf(events, conn);
    if (path.includes('CLOSING')) kinds.both++;
    else if (path.includes('FIN-WAIT-2')) kinds.S++;
    else if (path.includes('CLOSE-WAIT')) kinds.K++;
    else kinds.other++;
  }
  return kinds;
}

function checksOf({ events, programs, connections, sockets }: ActReport, rounds: number): CheckLine[] {
  const { K, S, both, other } = classify(events);
  const ours = connections.filter(({ state }) => state === 'TIME-WAIT').length;
  const theirs = sockets.filter(({ state }) => state === 'TIME-WAIT').length;
  return [
    checked(
      `every one of ${rounds} closes is one of three kinds`,
      `${rounds} 次关闭，每次都属于三种之一`,
      K + S + both === rounds && other === 0,
      `K first ${K}, S first ${S}, both at once ${both}`,
    ),
    checked(
      'S has a TIME-WAIT for each that it began',
      'S 每主动关闭一次就有一个 TIME-WAIT',
      ours === S + both,
      `${ours}`,
    ),
    checked('K has one for each that it began', 'K 每主动关闭一次也有一个', theirs === K + both, `${theirs}`),
    checked(
      'every page came whole',
      '每个网页都完整到达',
      programs.every(({ exit }) => exit?.code === 0),
    ),
  ];
}
