/** close/first-fin-lost: who notices, and what FIN-WAIT-1 still does. */

import { lab } from '../../lab.ts';
import { checked, gapsOf, pathOf, segmentsWith, timerEvents } from './scenes.ts';

export default lab({
  id: 'close/first-fin-lost',
  level: 2,
  minutes: 3,
  answers: ['B15', 'B30'],
  rfc: ['RFC 9293 §3.6', 'RFC 6298 §5', 'RFC 8985 §7'],
  code: ['src/tcp/timers/retransmission.ts', 'src/tcp/recovery/tail-loss-probe.ts'],
  title: { en: 'What if the first FIN is lost?', zh: '如果第一个 FIN 丢了会怎样？' },
  question: {
    en: 'The first wave is lost. Who notices, after how long, and what is FIN-WAIT-1 still good for?',
    zh: '第一次挥手丢失。谁会发现？多久以后？FIN-WAIT-1 还在做什么？',
  },
  type: {
    'nc.openbsd': [
      { run: 'nc -N 10.9.0.2 7' },
      { key: 'Ctrl-D' },
      { run: 'ss -tano dst 10.9.0.2', terminal: 2 },
    ],
    ncat: [{ run: 'ncat 10.9.0.2 7' }, { key: 'Ctrl-D' }],
    any: [{ run: 'nc -N 10.9.0.2 7' }, { key: 'Ctrl-D' }],
  },
  predict: {
    ask: {
      en: "K's FIN is lost. In which states are the two sides?",
      zh: 'K 的 FIN 丢失后，双方各在什么状态？',
    },
    choices: [
      { en: 'K FIN-WAIT-1, S ESTABLISHED', zh: 'K FIN-WAIT-1，S ESTABLISHED' },
      { en: 'K FIN-WAIT-1, S CLOSE-WAIT', zh: 'K FIN-WAIT-1，S CLOSE-WAIT' },
      { en: 'both ESTABLISHED: the FIN does not count', zh: '都是 ESTABLISHED：这个 FIN 不算' },
    ],
    right: 0,
    why: {
      en: 'K changed its state when it sent; S can only change it on what arrives.',
      zh: 'K 发送时就改变了状态；S 只能根据收到的东西改变状态。',
    },
  },
  acts: [
    {
      name: 'client',
      title: { en: "K's FIN is lost", zh: 'K 的 FIN 丢失' },
      faults: ['drop in where fin times 1'],
      auto: async (stage) => {
        const nc = await stage.nc(7, { N: true });
        await stage.until('S ESTABLISHED');
        await stage.wait(100);
        await nc.eof();
        await stage.until('K>S FIN,ACK LOST');
        const [socket] = await stage.kernelSockets();
        const [ours] = await stage.connections().then((all) => all.filter(({ id }) => id === 'c1'));
        // On a busy machine the FIN may have come again before anybody could be asked.
        if (segmentsWith(stage.log, 'K', 'FIN').length === 1) {
          stage.keep('K', `${socket?.state ?? 'gone'}${socket?.timer === null ? ', no timer' : ', a timer'}`);
          stage.keep('S', `${ours?.state ?? 'gone'}, ${ours?.timers.length ?? 0} timers`);
        }
        await nc.exited();
      },
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S ACK 1 ack 1              ; S ESTABLISHED
        K>S FIN,ACK 1 ack 1 LOST     ; K FIN-WAIT-1
        strict K>S FIN,ACK 1 ack 1 RETRANS ; S CLOSE-WAIT within 150ms..1500ms
        strict S>K FIN,ACK 1 ack 2   ; K TIME-WAIT
        K>S ACK 2 ack 2              ; S CLOSED
      `,
      check: ({ kept, events }) => [
        checked(
          'K had gone to FIN-WAIT-1, with a timer',
          'K 已进入 FIN-WAIT-1，并有定时器',
          kept['K'] === undefined || kept['K'] === 'FIN-WAIT-1, a timer',
          String(kept['K']),
        ),
        checked(
          'S had noticed nothing, and had no timer',
          'S 毫无察觉，也没有定时器',
          kept['S'] === undefined || kept['S'] === 'ESTABLISHED, 0 timers',
          String(kept['S']),
        ),
        checked(
          'the application was told of the end once',
          '应用程序只得知一次结束',
          pathOf(events) === 'SYN-RECEIVED ESTABLISHED CLOSE-WAIT LAST-ACK CLOSED',
          pathOf(events),
        ),
      ],
    },
    {
      name: 'server',
      title: {
        en: "Mirror: S's FIN is lost three times; the timeout doubles",
        zh: '镜像：S 的 FIN 丢失三次；超时加倍',
      },
      profile: 'strict',
      stack: { msl: '1s' },
      real: { stack: { msl: '500ms', 'rto.min': '400ms' } },
      faults: ['drop out where fin times 3'],
      patience: 4_000,
      auto: async (stage) => {
        const nc = await stage.nc(13);
        await stage.until('S FIN-WAIT-2', { timeout: 20_000 });
        await nc.eof();
        await nc.exited();
        await stage.until('S TIME-WAIT');
      },
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        S>K PSH,ACK 1:n ack 1
        S>K FIN,ACK n ack 1 LOST         ; S FIN-WAIT-1
        K>S ACK 1 ack n                  # the data has come, the FIN has not
        strict S>K FIN,ACK n ack 1 RETRANS LOST trigger rto
        strict S>K FIN,ACK n ack 1 RETRANS LOST trigger rto
        strict S>K FIN,ACK n ack 1 RETRANS trigger rto
        K>S ACK 1 ack n+1                ; S FIN-WAIT-2
        K>S FIN,ACK 1 ack n+1            ; S TIME-WAIT
        S>K ACK n+1 ack 2
        S CLOSED
      `,
      check: ({ events }) => {
        const fins = segmentsWith(events, 'S', 'FIN');
        const gaps = gapsOf(fins);
        const backoffs = timerEvents(events, 'rto')
          .filter(({ ev }) => ev === 'timer:fire')
          .map(({ data }) => Number(data['backoff']));
        return [
          checked(
            'the timer fired three times, each time later',
            '定时器到期三次，一次比一次晚',
            backoffs.join() === '0,1,2',
            `backoff ${backoffs.join(', ')}`,
          ),
          checked(
            'the times between the FINs double',
            'FIN 之间的间隔加倍',
            gaps.length === 3 &&
              gaps.slice(1).every((gap, index) => Math.abs(gap / (gaps[index] as number) - 2) < 0.35),
            `${gaps.join(', ')} ms`,
          ),
        ];
      },
    },
    {
      name: 'data-too',
      title: {
        en: 'The last data is lost with it: FIN-WAIT-1 sends it again',
        zh: '最后的数据也一起丢失：FIN-WAIT-1 负责重发',
      },
      faults: ['drop in where data || fin times 2'],
      auto: async (stage) => {
        const nc = await stage.nc(9, { N: true, input: 'five\n' });
        await nc.exited();
        await stage.until('S CLOSED');
        stage.keep('received', stage.service('discard').received);
      },
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S PSH,ACK 1:6 ack 1 LOST
        K>S FIN,ACK 6 ack 1 LOST         ; K FIN-WAIT-1
        ? K>S FIN,ACK 6 ack 1 RETRANS QUEUED  # a loss probe: what came last goes first
        K>S any 1:6 ack 1 RETRANS        ; S CLOSE-WAIT
        ? K>S FIN,ACK 6 ack 1 RETRANS
        S>K FIN,ACK 1 ack 7              ; K TIME-WAIT
        K>S ACK 7 ack 2                  ; S CLOSED
      `,
      check: ({ kept }) => [
        checked(
          'S got the bytes that K sent again in FIN-WAIT-1',
          'S 收到了 K 在 FIN-WAIT-1 中重发的字节',
          kept['received'] === undefined || kept['received'] === 'five\n',
          JSON.stringify(kept['received']),
        ),
      ],
    },
  ],
  narrate: [
    {
      when: 'K>S FIN,ACK LOST',
      say: {
        en: 'Lost. K is in FIN-WAIT-1 with a timer running; S knows of nothing and is ESTABLISHED.',
        zh: '丢了。K 处于 FIN-WAIT-1，定时器在跑；S 一无所知，仍是 ESTABLISHED。',
      },
    },
    {
      when: 'K>S FIN,ACK RETRANS',
      say: {
        en: "K's timer has found it out: the same FIN again.",
        zh: 'K 的定时器发现了：同一个 FIN 再次发送。',
      },
    },
  ],
  explain: {
    en: `A FIN has a sequence number, so it is sent again as data would be: by the retransmission timer, twice as
long after each try (RFC 6298 §5), or before that by a tail loss probe after two round trips, at least 200 ms on
Linux (RFC 8985 §7). The strict profile knows no probe and no timeout below a second.

FIN-WAIT-1 is therefore a state with work to do. "The sending channel is closed when the ACK of the FIN arrives"
is not how it is: no new data can be queued once close or shutdown was called, but whatever was queued before it,
and the FIN itself, is sent and sent again until it is acknowledged. S cannot be blamed for being
ESTABLISHED all the while: states change on what arrives.`,
    zh: `FIN 有序号，所以像数据一样重发：由重传定时器，每次间隔加倍（RFC 6298 §5）；或者更早，由尾部丢失探测（TLP）在两个往返时间之后、
Linux 上至少 200 毫秒后重发（RFC 8985 §7）。strict 配置没有探测，超时也不低于一秒。

所以 FIN-WAIT-1 是一个有事可做的状态。“FIN 的 ACK 到达时发送通道关闭”的说法并不准确：
一旦调用 close 或 shutdown，就不能再排入新数据；但之前排入的数据以及 FIN 本身，会一直重发到被确认为止。
而 S 一直是 ESTABLISHED 也不奇怪：状态只随收到的东西改变。`,
  },
  next: ['close/second-wave-lost', 'close/third-wave-lost', 'data/rto'],
  broken: {
    what: 'K does not send again what is lost: it gives the connection up.',
    act: 'client',
    simKernel: { 'retries.data': '0', 'retries.orphan': '0', tlp: 'off' },
  },
});
