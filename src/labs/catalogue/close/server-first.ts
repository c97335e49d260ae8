/** close/server-first: who closes first is left in TIME-WAIT, and it need not be the client. */

import { lab } from '../../lab.ts';
import { checked, pathOf } from './scenes.ts';

export default lab({
  id: 'close/server-first',
  level: 1,
  minutes: 2,
  answers: ['B13', 'B33', 'B56', 'B57'],
  rfc: ['RFC 9293 §3.6', 'RFC 9293 §3.10.4'],
  code: ['src/tcp/input/8-fin.ts', 'src/apps/daytime.ts'],
  title: { en: 'The server closes first', zh: '服务器先关闭' },
  question: {
    en:
      'The server has said everything and closes. Which states do the two sides wait in, and who ends ' +
      'up in TIME-WAIT?',
    zh: '服务器说完就关闭。双方各在什么状态等待？最后谁进入 TIME-WAIT？',
  },
  stack: { msl: '2s' },
  type: {
    'nc.openbsd': [
      { run: 'nc 10.9.0.2 13' },
      { wait: { en: 'the line with the time is there', zh: '看到时间那一行' }, until: 'S FIN-WAIT-2' },
      { run: 'ss -tano dst 10.9.0.2', terminal: 2 },
      { run: 'fourwave ss -a', terminal: 2 },
      { key: 'Ctrl-D' },
      { run: 'fourwave ss -a', terminal: 2 },
    ],
    ncat: [
      { run: 'ncat 10.9.0.2 13' },
      { wait: { en: 'the line with the time is there', zh: '看到时间那一行' }, until: 'S FIN-WAIT-2' },
      { key: 'Ctrl-D' },
    ],
    // These two end by themselves when the server has finished.
    'nc.traditional': [{ run: 'nc.traditional 10.9.0.2 13' }],
    busybox: [{ run: 'busybox nc 10.9.0.2 13' }],
    any: [{ run: 'nc 10.9.0.2 13' }, { key: 'Ctrl-D' }],
  },
  auto: async (stage) => {
    const nc = await stage.nc(13);
    await nc.saw('\n');
    await stage.until('S FIN-WAIT-2');
    await stage.wait(500);
    const [ours] = await stage.connections().then((all) => all.filter(({ id }) => id === 'c1'));
    const kernels = await stage.kernelSockets();
    stage.keep('waiting', `S ${ours?.state ?? 'none'}, K ${kernels.map(({ state }) => state).join()}`);
    stage.keep('nc was still there', nc.exit === null);
    await nc.eof();
    await nc.exited();
    await stage.until('S TIME-WAIT');
    await stage.wait(100);
    stage.keep('after', (await stage.kernelSockets()).length);
  },
  predict: {
    ask: {
      en: 'The server has closed and nc is still there. In which states do they wait?',
      zh: '服务器已关闭，nc 还在。双方在什么状态等待？',
    },
    choices: [
      { en: 'server TIME-WAIT, client CLOSED', zh: '服务器 TIME-WAIT，客户端 CLOSED' },
      { en: 'server FIN-WAIT-2, client CLOSE-WAIT', zh: '服务器 FIN-WAIT-2，客户端 CLOSE-WAIT' },
      { en: 'both ESTABLISHED', zh: '双方都是 ESTABLISHED' },
      { en: 'server CLOSE-WAIT, client FIN-WAIT-2', zh: '服务器 CLOSE-WAIT，客户端 FIN-WAIT-2' },
    ],
    right: 1,
    why: {
      en:
        "The server's FIN was acknowledged by the kernel. The client's own FIN comes when its program " +
        'closes: when you press Ctrl-D.',
      zh: '服务器的 FIN 已由对方内核确认。客户端自己的 FIN 要等程序关闭时才发送：也就是你按下 Ctrl-D 的时候。',
    },
  },
  narrate: [
    {
      when: 'S>K FIN,ACK',
      say: {
        en: 'The server has written its line and closes: it is the active closer, although it is the server.',
        zh: '服务器写完那一行就关闭：它虽然是服务器，却是主动关闭的一方。',
      },
    },
    {
      when: 'S FIN-WAIT-2',
      say: {
        en:
          "K's kernel has acknowledged the FIN without asking nc. Now everything waits for nc: K in " +
          'CLOSE-WAIT, S in FIN-WAIT-2.',
        zh: 'K 的内核没有询问 nc 就确认了 FIN。现在一切都在等 nc：K 处于 CLOSE-WAIT，S 处于 FIN-WAIT-2。',
      },
    },
    {
      when: 'S TIME-WAIT',
      say: {
        en: 'nc has closed. S answers the second FIN and stays in TIME-WAIT; K is gone at once.',
        zh: 'nc 关闭了。S 回答第二个 FIN，并停留在 TIME-WAIT；K 立即结束。',
      },
    },
  ],
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    K>S ACK 1 ack 1
    S>K PSH,ACK 1:n ack 1
    S>K FIN,ACK n ack 1          ; S FIN-WAIT-1
    K>S ACK 1 ack n+1            ; S FIN-WAIT-2  K CLOSE-WAIT
    K>S FIN,ACK 1 ack n+1        ; S TIME-WAIT   K LAST-ACK
    strict S>K ACK n+1 ack 2     ; K CLOSED      timer S.time-wait armed 4s
    S CLOSED within 3900ms..4100ms
    never K>S RST
  `,
  patience: 8_000,
  check: ({ events, kept, programs }) => [
    checked(
      'while nc stayed, S was in FIN-WAIT-2 and K in CLOSE-WAIT',
      'nc 未退出期间，S 处于 FIN-WAIT-2，K 处于 CLOSE-WAIT',
      kept['waiting'] === 'S FIN-WAIT-2, K CLOSE-WAIT',
      String(kept['waiting']),
    ),
    checked(
      "nc did not end of itself: the server's end is not the end of its input",
      'nc 没有自行退出：服务器结束并不等于它的输入结束',
      kept['nc was still there'] === true,
    ),
    checked(
      'S, the server, went through TIME-WAIT',
      '作为服务器的 S 经过了 TIME-WAIT',
      endsSo(events),
      pathOf(events),
    ),
    checked(
      'K had nothing left after its FIN was acknowledged',
      'K 的 FIN 被确认后没有残留',
      kept['after'] === 0,
    ),
    checked('nc ended with code 0', 'nc 以 0 退出', programs[0]?.exit?.code === 0),
  ],
  explain: {
    en: `Either side may close first; the RFC calls it the active closer, and only its states have "WAIT" with a
number in them. Here it is the server. Its FIN says "I shall send no more"; the kernel of the other side
acknowledges it by itself and tells nc that the stream has ended. What nc does about it is nc's affair:
OpenBSD's nc and ncat stay until their own input ends, so K is in CLOSE-WAIT and S in FIN-WAIT-2 for as long as
you like; nc.traditional and busybox end at once, and curl often closes before the server does.

After the second FIN it is S that has sent the last ACK, so it is S that must stay in TIME-WAIT (RFC 9293 §3.6):
it follows who closes first, not who is called client. A server that closes first collects TIME-WAITs.`,
    zh: `任何一方都可以先关闭，先关闭者称为主动关闭方，这里是服务器。它的 FIN 表示“我不再发送”；对方内核自行确认，
并告诉 nc 数据流已结束。之后怎么做是 nc 自己的事：OpenBSD 的 nc 和 ncat 会一直等到自己的输入结束，
所以 K 停在 CLOSE-WAIT、S 停在 FIN-WAIT-2，想多久就多久；nc.traditional 和 busybox 会立即退出，curl 则常常先于服务器关闭。

第二个 FIN 之后，发送最后一个 ACK 的是 S，所以留在 TIME-WAIT 的是 S（RFC 9293 §3.6）：
这取决于谁先关闭，而不取决于谁叫“客户端”。总是先关闭的服务器会积累许多 TIME-WAIT。`,
  },
  next: ['close/four-waves', 'close/last-ack-lost', 'time-wait/countdown'],
  broken: {
    what: 'S, which closed first, keeps no TIME-WAIT.',
    stack: { timeWait: 'off' },
  },
});

const endsSo = (events: Parameters<typeof pathOf>[0]): boolean =>
  pathOf(events) === 'SYN-RECEIVED ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT CLOSED';
