/** time-wait/reuse: when a new SYN may take the place of a TIME-WAIT (RFC 9293 MAY-2, RFC 6191). */

import type { LogEvent } from '../../../trace/log-event.ts';
import { type Act, lab, type Setting } from '../../lab.ts';
import type { ActReport, CheckLine } from '../../result.ts';
import type { Stage } from '../../stage.ts';
import { check } from '../toolkit.ts';

const PORT = 40_000;

/** nc -p 40000 10.9.0.2 13, Ctrl-D: S closes first. */
async function once(stage: Stage): Promise<void> {
  const nc = await stage.nc(13, { localPort: PORT });
  await stage.until('S FIN-WAIT-2');
  await nc.eof();
  await nc.exited();
  await stage.until('S TIME-WAIT\nS>K ACK');
  await stage.wait(50);
}

/** And again at once. */
async function twice(stage: Stage): Promise<void> {
  await once(stage);
  stage.step({ en: 'Again, from the same port', zh: '再来一次，用同一个端口' });
  const again = await stage.nc(13, { localPort: PORT });
  await again.saw('\n', 9000);
  await again.eof();
}

const FIRST = `
    c1 K>S SYN 0
    c1 S>K SYN,ACK 0 ack 1
    c1 S>K ACK 1:n ack 1
    c1 S>K FIN,ACK n ack 1
    c1 K>S FIN,ACK 1 ack n+1       ; S TIME-WAIT
    c1 S>K ACK n+1 ack 2`;

const OPENED = `
    c2 K>S SYN 0
    strict c2 S>K SYN,ACK 0 ack 1
    c2 K>S ACK 1 ack 1             ; S ESTABLISHED
    ...`;

/** Raw first numbers of the SYN,ACKs of S. */
const isns = (events: readonly LogEvent[]): readonly number[] =>
  events.flatMap(({ ev, data }) => {
    const raw = data['raw'] as { readonly seq: number } | undefined;
    return ev === 'seg:sent' && data['flags'] === 'SYN,ACK' && raw !== undefined ? [raw.seq] : [];
  });

/** S's new ISS must lie above everything that it has sent before. */
function numbersAbove({ events, bound }: ActReport): CheckLine {
  const [first = 0, second = 0] = isns(events);
  const beyond = (second - (first + (bound['n'] ?? 0) + 1)) | 0;
  return check(
    ["S's new ISS lies above its old SND.NXT", 'S 的新 ISS 高于旧的 SND.NXT'],
    isns(events).length >= 2 && beyond > 0,
    `by ${beyond}`,
  );
}

const reasons = (events: readonly LogEvent[], reason: string): number =>
  events.filter(({ ev, data }) => ev === 'seg:judged' && data['reason'] === reason).length;

type Policy = 'off' | 'isn' | 'timestamps' | 'both';

const setting = (reuse: Policy, timestamps: boolean, msl = '30s'): Setting => ({
  stack: { msl, 'timeWait.reuse': reuse },
  kernel: { tcp_timestamps: timestamps ? 1 : 0 },
});

/** The policy lets it in. */
function opens(reuse: Policy, timestamps: boolean): Act {
  const way = timestamps ? 'with timestamps' : 'without timestamps';
  const wayZh = timestamps ? '有时间戳' : '无时间戳';
  return {
    name: `${reuse}-${timestamps ? 'ts' : 'no-ts'}`,
    title: {
      en: `timeWait.reuse=${reuse}, ${way}: opens at once`,
      zh: `timeWait.reuse=${reuse},${wayZh}：立即建立`,
    },
    ...setting(reuse, timestamps),
    auto: twice,
    expect: `${FIRST}${OPENED}`,
    check: (report) => [
      numbersAbove(report),
      check(
        ['the new SYN took the place of TIME-WAIT', '新的 SYN 取代了 TIME-WAIT'],
        reasons(report.events, 'TIMEWAIT_SYN') === 0,
      ),
    ],
  };
}

/** The policy refuses it: an ACK of the old numbers, K's RST, K's SYN again, until 2 MSL are over. */
function refuses(reuse: Policy, timestamps: boolean): Act {
  const way = timestamps ? 'with timestamps' : 'without timestamps';
  const wayZh = timestamps ? '有时间戳' : '无时间戳';
  return {
    name: `${reuse}-${timestamps ? 'ts' : 'no-ts'}-waits`,
    title: {
      en: `timeWait.reuse=${reuse}, ${way}: it has to wait for the end of 2 MSL`,
      zh: `timeWait.reuse=${reuse},${wayZh}：必须等到 2MSL 结束`,
    },
    ...setting(reuse, timestamps, '1s'),
    auto: twice,
    expect: `${FIRST}
    K>S SYN DROPPED reason TIMEWAIT_SYN
    strict S>K ACK n+1 ack 2
    strict K>S RST 2 DROPPED reason TCP_RST_TIMEWAIT
    ...
    c1 S CLOSED
    K>S SYN
    S>K SYN,ACK
    ...`,
    check: (report) => {
      const refused = reasons(report.events, 'TIMEWAIT_SYN');
      return [
        numbersAbove(report),
        check(['SYNs were refused until then', '在那之前 SYN 被拒绝'], refused >= 1, `${refused} times`),
      ];
    },
  };
}

/** With the RST obeyed, the refused client shoots its own way free. */
const shotFree: Act = {
  name: 'off-rfc1337-off',
  title: {
    en: "timeWait.reuse=off and RSTs obeyed: the client's RST ends TIME-WAIT, its next SYN opens",
    zh: 'timeWait.reuse=off 且服从 RST：客户端的 RST 结束了 TIME-WAIT，它的下一个 SYN 成功',
  },
  stack: { msl: '30s', 'timeWait.reuse': 'off', 'timeWait.rfc1337': 'off' },
  kernel: { tcp_timestamps: 0 },
  auto: twice,
  expect: `${FIRST}
    K>S SYN DROPPED reason TIMEWAIT_SYN
    strict S>K ACK n+1 ack 2
    strict K>S RST 2               ; S CLOSED
    K>S SYN                        within 5ms..1100ms
    S>K SYN,ACK 0 ack 1
    ...`,
  check: (report) => [numbersAbove(report)],
};

/** An old SYN: its number is not above the last one. Forged, for a real K would not send one. */
const lower: Act = {
  name: 'lower-isn',
  title: { en: 'A SYN with a lower number: an old one, refused', zh: '序号更低的 SYN：旧的，被拒绝' },
  ...setting('both', false, '1s'),
  auto: async (stage) => {
    await once(stage);
    stage.step({ en: 'A SYN from long ago', zh: '很久以前的 SYN' });
    await stage.forge('syn seq-=5000 on c1');
    await stage.wait(200);
  },
  expect: `${FIRST}
    K>S SYN DROPPED reason TIMEWAIT_SYN
    strict S>K ACK n+1 ack 2
    K>S RST 2
    S CLOSED`,
  check: ({ events }) => [
    check(['S has sent no second SYN,ACK', 'S 没有发送第二个 SYN,ACK'], isns(events).length === 1),
  ],
};

/** The kernel's own rule, seen from the other side: K in TIME-WAIT, S comes back from the same port. */
const kernel: Act = {
  name: 'kernel',
  title: {
    en: "The kernel's own TIME-WAIT lets a newer SYN in, too",
    zh: '内核的 TIME-WAIT 同样放行更新的 SYN',
  },
  kernel: { tcp_timestamps: 0 },
  auto: async (stage) => {
    const first = await stage.nc(9001, { listen: true, N: true });
    const from = await stage.connect(9001, { localPort: PORT });
    await stage.until('S ESTABLISHED');
    await first.eof();
    await stage.until('S CLOSE-WAIT');
    await from.eof();
    await first.exited();
    await stage.until('S CLOSED');
    await stage.wait(100);
    stage.keep('waiting', (await stage.kernelSockets()).filter(({ state }) => state === 'TIME-WAIT').length);
    await stage.nc(9001, { listen: true, N: true });
    const since = stage.mark();
    const again = await stage.connect(9001, { localPort: PORT });
    await stage.until('S ESTABLISHED', { since });
    await again.eof();
  },
  expect: `
    S>K SYN 0
    K>S SYN,ACK 0 ack 1
    K>S FIN,ACK 1 ack 1
    S>K FIN,ACK 1 ack 2
    K>S ACK 2 ack 2                ; S CLOSED
    S>K SYN 0
    strict K>S SYN,ACK 0 ack 1     ; S ESTABLISHED
    ...`,
  check: ({ kept }) => [
    check(
      ['K was in TIME-WAIT for exactly these ports', 'K 对这对端口处于 TIME-WAIT'],
      kept['waiting'] === 1,
    ),
  ],
};

export default lab({
  id: 'time-wait/reuse',
  level: 3,
  minutes: 5,
  answers: ['B45', 'B48'],
  rfc: ['RFC 9293 §3.6.1', 'RFC 9293 §3.10.7.4', 'RFC 6191 §2'],
  code: ['src/tcp/input/4-syn.ts', 'src/tcp/compact/time-wait-table.ts'],
  title: { en: 'May a new connection take the place of a TIME-WAIT?', zh: '新连接可以取代 TIME-WAIT 吗？' },
  question: {
    en: 'Some texts: "a port in TIME-WAIT allows no new connection". The client comes back at once. What happens?',
    zh: '有的教材说"处于 TIME-WAIT 的端口不允许新连接"。客户端立即回来。会发生什么？',
  },
  type: {
    any: [
      { run: 'nc -p 40000 10.9.0.2 13' },
      { key: 'Ctrl-D' },
      { run: 'nc -p 40000 10.9.0.2 13' },
      { key: 'Ctrl-D' },
    ],
  },
  predict: {
    ask: {
      en: 'S is in TIME-WAIT for 10.9.0.1:40000. A new SYN comes from exactly there. By default?',
      zh: 'S 对 10.9.0.1:40000 处于 TIME-WAIT。恰好从那里来了一个新的 SYN。默认会怎样？',
    },
    choices: [
      { en: 'a RST: the port is taken', zh: 'RST：端口被占用' },
      { en: 'silence until 2 MSL are over', zh: '沉默，直到 2MSL 结束' },
      { en: 'SYN,ACK: it opens at once', zh: 'SYN,ACK：立即建立' },
    ],
    right: 2,
    why: {
      en: 'Its number is higher (or its timestamp newer) than all of the old connection: no old segment can fit.',
      zh: '它的序号更高（或时间戳更新）：旧连接的任何报文段都不可能吻合。',
    },
  },
  narrate: [
    {
      when: 'K>S RST DROPPED reason TCP_RST_TIMEWAIT',
      say: {
        en: 'The ACK is about numbers that K, in SYN-SENT, has never heard of: it answers with a RST. S ignores it.',
        zh: '这个 ACK 的序号是处在 SYN-SENT 的 K 从未听说过的：它回答 RST。S 忽略它。',
      },
    },
  ],
  acts: [
    opens('both', true),
    opens('both', false),
    opens('isn', false),
    opens('timestamps', true),
    refuses('timestamps', false),
    refuses('off', true),
    shotFree,
    lower,
    kernel,
  ],
  explain: {
    en: `It is the four-tuple that is taken, not the port: another client port, or client, connects as if nothing
were there. And even for the same four-tuple RFC 9293 (MAY-2) and RFC 6191 allow a new SYN at once, if it cannot be
mixed up with the old connection: its initial number lies above the last one received, or its timestamp is newer. S
then chooses an ISS above everything that it has sent before, so that the other direction is safe as well.

The matrix: "isn" looks at numbers, "timestamps" at timestamps, "both" at what is there; "off" never. A refused SYN
gets the last ACK of the old connection once more. K, in SYN-SENT, has never sent what that acknowledges and answers
with a RST; by RFC 1337 S ignores that, so K's SYN comes again after a second, and again, until 2 MSL are over. Where
S obeys RSTs, the client shoots itself free. A SYN with a lower number is an old one, and is refused under every
policy. Linux behaves like "both" (last act, the other way round).`,
    zh: `被占用的是四元组，不是端口：换一个客户端端口或换一个客户端，连接照常建立。即使是同一个四元组，RFC 9293(MAY-2)和
RFC 6191 也允许新的 SYN 立即成功，只要它不会与旧连接混淆：它的初始序号高于最后收到的序号，或者时间戳更新。S 随后选择一个
高于自己以往所有序号的 ISS，这样另一个方向也是安全的。

策略矩阵："isn" 看序号，"timestamps" 看时间戳，"both" 有什么看什么，"off" 从不放行。被拒绝的 SYN 得到旧连接的最后一个 ACK。
处在 SYN-SENT 的 K 从未发送过它所确认的东西，于是回答 RST；按 RFC 1337,S 忽略它，所以 K 的 SYN 一秒后再来，再来，直到 2MSL
结束。若 S 服从 RST，客户端就为自己"打通"了路。序号更低的 SYN 是旧的，任何策略都会拒绝。Linux 的行为相当于 "both"
（最后一幕，方向相反）。`,
  },
  next: ['time-wait/too-many', 'time-wait/old-data'],
  broken: {
    what: 'The policy that lets a newer SYN in is switched off.',
    act: 'both-no-ts',
    stack: { 'timeWait.reuse': 'off' },
  },
});
