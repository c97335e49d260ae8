/** time-wait/address-in-use: a server starts again while its last connection is in TIME-WAIT. */

import { type Act, lab } from '../../lab.ts';
import { type Stage, StageError } from '../../stage.ts';
import { check, timeWaits } from '../toolkit.ts';

const PORT = 40_000;

/** A connection that S closes first. */
async function closedByS(stage: Stage): Promise<void> {
  const nc = await stage.nc(13);
  await stage.until('S FIN-WAIT-2');
  await nc.eof();
  await nc.exited();
  await stage.until('S TIME-WAIT');
  await stage.wait(20);
}

/** '' or why the service could not be started. */
async function outcome(starting: Promise<void>): Promise<string> {
  try {
    await starting;
    return '';
  } catch (error) {
    if (error instanceof StageError) return error.code;
    throw error;
  }
}

const word = (flag: boolean): string => (flag ? 'with' : 'without');
const wordZh = (flag: boolean): string => (flag ? '设置' : '不设置');

/** One cell of the matrix: SO_REUSEADDR of the old listener and of the new one. */
function cell(old: boolean, again: boolean): Act {
  const works = old && again;
  return {
    name: `old-${word(old)}-new-${word(again)}`,
    title: {
      en: `Old listener ${word(old)} SO_REUSEADDR, new one ${word(again)}: ${works ? 'works' : 'EADDRINUSE'}`,
      zh: `旧监听${wordZh(old)} SO_REUSEADDR，新监听${wordZh(again)}:${works ? '成功' : 'EADDRINUSE'}`,
    },
    stack: { msl: '30s' },
    services: { daytime: { reuseAddr: old } },
    auto: async (stage) => {
      await closedByS(stage);
      await stage.service('daytime').stop();
      stage.keep('waiting', await timeWaits(stage));
      stage.keep('start', await outcome(stage.service('daytime').start({ reuseAddr: again })));
      const since = stage.mark();
      const nc = await stage.nc(13, { N: true });
      if (works) await nc.saw('\n');
      else await stage.until('S>K RST,ACK', { since });
      stage.keep('printed', nc.printed.length > 0);
    },
    expect: `
    ...
    K>S FIN,ACK                ; S TIME-WAIT
    S>K ACK
    K>S SYN 0
    ${works ? 'S>K SYN,ACK 0 ack 1' : 'S>K RST,ACK'}
    ...`,
    check: ({ kept }) => [
      check(
        ['a connection is in TIME-WAIT on port 13', '13 端口有一个连接处于 TIME-WAIT'],
        kept['waiting'] === 1,
      ),
      check(
        works
          ? ['the server starts again', '服务器可以重新启动']
          : ['"Address already in use"', '"Address already in use"'],
        kept['start'] === (works ? '' : 'EADDRINUSE'),
        kept['start'] === '' ? 'started' : String(kept['start']),
      ),
      check(
        works ? ['and serves', '并且能够服务'] : ['so nobody serves the port', '因此没有人服务这个端口'],
        kept['printed'] === works,
      ),
    ],
  };
}

/** The client's side of the same error: a fixed port. */
const client: Act = {
  name: 'client',
  title: { en: 'nc -p 40000 twice: the client meets it too', zh: '两次 nc -p 40000：客户端也会遇到' },
  auto: async (stage) => {
    const first = await stage.nc(7, { N: true, localPort: PORT });
    await stage.until('S ESTABLISHED');
    await first.eof();
    await first.exited();
    await stage.until('S CLOSED');
    await stage.wait(20);
    const second = await stage.nc(7, { N: true, localPort: PORT });
    stage.keep('exit', (await second.exited()).code);
    stage.keep('says', second.errors);
  },
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    K>S FIN,ACK 1 ack 1
    S>K FIN,ACK 1 ack 2        ; K TIME-WAIT
    K>S ACK 2 ack 2            ; S CLOSED`,
  check: ({ kept, sockets }) => [
    check(
      ['K is in TIME-WAIT', 'K 处于 TIME-WAIT'],
      sockets.some(({ state }) => state === 'TIME-WAIT'),
    ),
    check(
      ['the second nc could not even bind', '第二个 nc 连 bind 都失败'],
      kept['exit'] === 1 && /address already in use/i.test(String(kept['says'])),
      String(kept['says']),
    ),
  ],
};

/** A server of the kernel's: nc -l always sets the option, and so is never refused. */
const kernelServer: Act = {
  name: 'kernel-server',
  title: {
    en: "The kernel's twin: nc -l starts again without complaint",
    zh: '内核一侧：nc -l 可以立即重新启动',
  },
  auto: async (stage) => {
    const first = await stage.nc(9001, { listen: true, N: true });
    const from = await stage.connect(9001);
    await stage.until('S ESTABLISHED');
    await first.eof();
    await stage.until('S CLOSE-WAIT');
    await from.eof();
    await first.exited();
    await stage.until('S CLOSED');
    await stage.wait(20);
    stage.keep('waiting', (await stage.kernelSockets()).filter(({ state }) => state === 'TIME-WAIT').length);
    const again = await stage.nc(9001, { listen: true, N: true });
    const since = stage.mark();
    const second = await stage.connect(9001);
    await stage.until('S ESTABLISHED', { since });
    stage.keep('runs', again.exit === null);
    await second.eof();
    await again.exited();
  },
  expect: `
    c1 S>K SYN 0
    c1 K>S SYN,ACK 0 ack 1
    c1 K>S FIN,ACK 1 ack 1
    c1 S>K FIN,ACK 1 ack 2
    c1 K>S ACK 2 ack 2         ; S CLOSED
    c2 S>K SYN 0
    c2 K>S SYN,ACK 0 ack 1     ; S ESTABLISHED
    ...`,
  check: ({ kept }) => [
    check(['K is in TIME-WAIT on port 9001', 'K 在 9001 端口处于 TIME-WAIT'], kept['waiting'] === 1),
    check(['nc -l listens again', 'nc -l 再次监听'], kept['runs'] === true),
  ],
};

/** Killing the process is the one "cure" that always works, and the worst. */
const quietTime: Act = {
  name: 'quiet-time',
  title: {
    en: 'Our process is killed: every TIME-WAIT is forgotten (RFC 9293 §3.4.3)',
    zh: '我们的进程被杀死：所有 TIME-WAIT 都被遗忘（RFC 9293 §3.4.3）',
  },
  services: { daytime: { reuseAddr: false } },
  only: {
    stage: 'sim',
    why: {
      en: "the interface is gone while a real stack restarts, and with it sometimes the kernel's repeated FIN",
      zh: '真实的协议栈重启时接口会消失，内核重发的 FIN 有时也随之丢失',
    },
  },
  faults: ['drop out where ack-only && ack==w+1 times 1'],
  auto: async (stage) => {
    const nc = await stage.nc(13);
    await stage.until('S FIN-WAIT-2');
    await nc.eof();
    await nc.exited();
    await stage.until('S TIME-WAIT');
    stage.keep('before', await timeWaits(stage));
    await stage.restartStack();
    stage.keep('after', await timeWaits(stage));
    await stage.until('S>K RST');
    const since = stage.mark();
    const again = await stage.nc(13, { N: true });
    await again.saw('\n');
    await stage.until('S>K SYN,ACK', { since });
  },
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    S>K PSH,ACK
    S>K FIN,ACK
    K>S FIN,ACK                ; S TIME-WAIT
    S>K ACK LOST
    K>S FIN,ACK
    ...
    S>K RST
    ...
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    ...`,
  check: ({ kept }) => [
    check(
      ['TIME-WAIT was there, and nobody remembers it', 'TIME-WAIT 本来存在，如今无人记得'],
      kept['before'] === 1 && kept['after'] === 0,
      `${String(kept['before'])}, then ${String(kept['after'])}`,
    ),
  ],
  // A process that begins anew begins with the names and states of its connections, too.
  waive: ['timers', 'states'],
};

export default lab({
  id: 'time-wait/address-in-use',
  level: 2,
  minutes: 5,
  answers: ['B46'],
  rfc: ['RFC 9293 §3.6.1', 'RFC 9293 §3.4.3'],
  code: ['src/tcp/listeners.ts', 'src/tcp/compact/time-wait-table.ts'],
  title: { en: 'Address already in use', zh: 'Address already in use（地址已被占用）' },
  question: {
    en: 'A server closes first, stops, and cannot start again: "Address already in use". When, and when not?',
    zh: '服务器先关闭，停止，然后无法重启："Address already in use"。什么时候会，什么时候不会？',
  },
  type: {
    any: [{ run: 'nc -N -p 40000 10.9.0.2 7' }, { key: 'Ctrl-D' }, { run: 'nc -N -p 40000 10.9.0.2 7' }],
  },
  predict: {
    ask: {
      en: 'The old server ran without SO_REUSEADDR. You set it in the new one. Does it start?',
      zh: '旧服务器没有设置 SO_REUSEADDR。你在新服务器里设置了它。能启动吗？',
    },
    choices: [
      { en: 'yes: that is what the option is for', zh: '能：这个选项就是干这个的' },
      { en: 'no: both must have set it', zh: '不能：两者都必须设置' },
    ],
    right: 1,
    why: {
      en: 'TIME-WAIT inherits the flag of its listener. One that did not allow it blocks the port to its end.',
      zh: 'TIME-WAIT 继承其监听套接字的标志。没有允许的，就一直占住端口直到结束。',
    },
  },
  acts: [
    client,
    cell(false, false),
    cell(false, true),
    cell(true, false),
    cell(true, true),
    kernelServer,
    quietTime,
  ],
  explain: {
    en: `The four cells: only where the old listener AND the new one have set SO_REUSEADDR does bind succeed. A
TIME-WAIT inherits the flag from the listener that it came from; setting the option only now is too late. It is not
dangerous: a listener is no connection, and whether a SYN may take the place of a TIME-WAIT is another question
(time-wait/reuse).

nc -l always sets the option, so with nc one never sees the error as a server; as a client with a fixed port one does,
for connecting programs do not set it. "socat TCP-LISTEN:1234 -" shows it as a server: add ",reuseaddr" to both runs.

The last act is the "cure" that always works: the process is killed, and our stack, which lives in that process, forgets
every TIME-WAIT. Then K's repeated FIN finds nobody, and nothing keeps old segments out. RFC 9293 §3.4.3 asks a
host that has lost its memory to keep quiet for an MSL before it opens anything: after a crash wait that long before
"fourwave up".`,
    zh: `四个格子：只有旧监听和新监听都设置了 SO_REUSEADDR,bind 才会成功。TIME-WAIT 从产生它的监听套接字继承这个标志；
现在才设置已经太晚。这并不危险：监听不是连接，一个 SYN 能否取代 TIME-WAIT 是另一个问题（time-wait/reuse）。

nc -l 总是设置这个选项，所以用 nc 作服务器看不到这个错误；作客户端并固定端口时却会看到，因为主动连接的程序不设置它。
"socat TCP-LISTEN:1234 -" 作服务器时会出现：两次都要加上 ",reuseaddr"。

最后一幕是总能奏效的"办法"：杀死进程，而我们的协议栈就在这个进程里，于是所有 TIME-WAIT 都被遗忘。此后 K 重发的 FIN
找不到任何人，也没有什么能挡住旧报文段。RFC 9293 §3.4.3 要求失去记忆的主机在打开任何连接之前安静一个 MSL:
崩溃之后，请等这么久再执行 "fourwave up"。`,
  },
  next: ['time-wait/reuse', 'time-wait/too-many'],
  broken: {
    what: 'No TIME-WAIT is kept, so nothing is in the way of the new listener.',
    act: 'old-without-new-without',
    stack: { timeWait: 'off' },
  },
});
