/** close/simultaneous: two FINs cross, and both ends are in TIME-WAIT. */

import { lab } from '../../lab.ts';
import type { Stage } from '../../stage.ts';
import { checked, pathOf, segmentsWith } from './scenes.ts';

export default lab({
  id: 'close/simultaneous',
  level: 3,
  minutes: 3,
  answers: ['B14', 'B33'],
  rfc: ['RFC 9293 §3.6', 'RFC 9293 §3.10.7.4'],
  code: ['src/tcp/input/8-fin.ts', 'src/tcp/input/5-ack.ts', 'src/tcp/lifecycle.ts'],
  title: { en: 'Both close at the same time', zh: '双方同时关闭' },
  question: {
    en: 'Two FINs cross on the way. Which states are passed, and who is left in TIME-WAIT?',
    zh: '两个 FIN 在路上交错。会经过哪些状态？谁留在 TIME-WAIT？',
  },
  type: {
    // The line and S's FIN reach K 1.2 s after nc's start; the FIN of the pipe's end leaves before that.
    'nc.openbsd': [
      { run: 'sleep 0.9 | nc -N 10.9.0.2 13' },
      { run: 'ss -tano dst 10.9.0.2' },
      { run: 'fourwave ss -a' },
    ],
    ncat: [{ run: 'sleep 0.9 | ncat 10.9.0.2 13' }],
    any: [{ run: 'sleep 0.9 | nc -N 10.9.0.2 13' }],
  },
  predict: {
    ask: {
      en: 'Both sides have sent a FIN before they saw the other. Who goes through TIME-WAIT?',
      zh: '双方都在看到对方的 FIN 之前发出了自己的 FIN。谁会经过 TIME-WAIT？',
    },
    choices: [
      { en: 'the one whose FIN was a little earlier', zh: 'FIN 稍早的一方' },
      { en: 'both', zh: '双方' },
      { en: 'neither: there is no passive side', zh: '都不会：没有被动的一方' },
    ],
    right: 1,
    why: {
      en: 'Each has closed before it knew of the other, so each is an active closer and has sent a last ACK.',
      zh: '双方都在不知情时先关闭，所以都是主动关闭方，也都发送了最后的 ACK。',
    },
  },
  acts: [
    {
      name: 'crossing',
      title: { en: 'The FINs cross', zh: 'FIN 交错' },
      stack: { msl: '10s' },
      faults: ['delay both 300ms'],
      auto: async (stage) => {
        await cross(stage);
        await stage.until('S TIME-WAIT');
        await stage.wait(500);
        for (let look = 0; look < 20 && (await stage.kernelSockets())[0]?.state !== 'TIME-WAIT'; look++) {
          await stage.wait(100);
        }
        stage.keep('S', (await stage.connections()).filter(({ state }) => state === 'TIME-WAIT').length);
        stage.keep('K', (await stage.kernelSockets()).map(({ state }) => state).join());
      },
      expect: `
        ...                            # the handshake, slow
        S>K PSH,ACK 1:n ack 1
        S>K FIN,ACK n ack 1            ; S FIN-WAIT-1
        K>S FIN,ACK 1 ack 1            # neither knows of the other
        S CLOSING
        S>K ACK n+1 ack 2
        K>S ACK 2 ack n+1              ; S TIME-WAIT
        never K>S FIN,ACK 1 ack n+1
      `,
      check: ({ events, kept }) => [
        checked(
          'S: FIN-WAIT-1 → CLOSING → TIME-WAIT',
          'S:FIN-WAIT-1 → CLOSING → TIME-WAIT',
          pathOf(events).startsWith('SYN-RECEIVED ESTABLISHED FIN-WAIT-1 CLOSING TIME-WAIT'),
          pathOf(events),
        ),
        checked(
          'both ends have a TIME-WAIT',
          '双方都有 TIME-WAIT',
          kept['S'] === 1 && kept['K'] === 'TIME-WAIT',
          `S ${String(kept['S'])}, K ${String(kept['K'])}`,
        ),
        checked(
          'neither FIN was sent twice',
          '两个 FIN 都只发送一次',
          segmentsWith(events, 'S', 'FIN').length === 1 && segmentsWith(events, 'K', 'FIN').length === 1,
        ),
      ],
    },
    {
      name: 'ack-lost',
      title: { en: "K's ACK is lost: CLOSING has a timer, too", zh: 'K 的 ACK 丢失：CLOSING 也有定时器' },
      stack: { msl: '1s' },
      faults: ['drop in where ack-only && ack==u+1 times 1', 'delay both 200ms'],
      patience: 8_000,
      auto: async (stage) => {
        await cross(stage);
        await stage.until('S CLOSING');
        await stage.until('S TIME-WAIT');
      },
      expect: `
        ...                            # the handshake, slow
        S>K PSH,ACK 1:n ack 1
        S>K FIN,ACK n ack 1            ; S FIN-WAIT-1
        ? K>S ACK 2 ack n+1 LOST       # it is lost where it is sent, the FIN before it still on its way
        K>S FIN,ACK 1 ack 1
        S CLOSING
        S>K ACK n+1 ack 2
        ? K>S FIN,ACK 1 ack 1 RETRANS
        ? K>S ACK 2 ack n+1 LOST
        ? K>S FIN,ACK 1 ack 1 RETRANS
        S>K FIN,ACK n ack 2 RETRANS
        K>S ACK 2 ack n+1              ; S TIME-WAIT
        S CLOSED within 1900ms..2100ms
      `,
    },
  ],
  narrate: [
    {
      when: 'S CLOSING',
      say: {
        en: "K's FIN came, but it does not acknowledge ours: CLOSING. K is in the same state just now.",
        zh: 'K 的 FIN 来了，但没有确认我们的 FIN：进入 CLOSING。K 此刻也处于同样的状态。',
      },
    },
    {
      when: 'S CLOSING\nS TIME-WAIT',
      say: {
        en: 'Now ours is acknowledged as well: TIME-WAIT, here and there.',
        zh: '现在我们的也被确认了：双方都进入 TIME-WAIT。',
      },
    },
  ],
  explain: {
    en: `In FIN-WAIT-1 two things can come. An ACK of our FIN leads to FIN-WAIT-2. A FIN that does not acknowledge
ours means that the peer had closed before it knew of us: the state is CLOSING, in which the peer's FIN is
acknowledged and
ours is not (RFC 9293 §3.6, Figure 13). When that acknowledgement comes, the state is TIME-WAIT. CLOSING has still
its FIN in flight, so it has the retransmission timer: the second act shows it.

There is no passive side here. So "only the side that closes actively goes through TIME-WAIT" is right and
misleading: after a simultaneous close both sides do. It needs no trick to happen, see close/curl-race.`,
    zh: `在 FIN-WAIT-1 可能来两样东西：对我们 FIN 的 ACK，进入 FIN-WAIT-2；或者一个没有确认我们的 FIN，说明对方在知道我们之前就已关闭：
状态变为 CLOSING，即对方的 FIN 已确认，而我们的还没有（RFC 9293 §3.6，图 13）。等到那个确认到来，进入 TIME-WAIT。
CLOSING 的 FIN 仍在路上，所以有重传定时器：见第二幕。

这里没有被动的一方。所以“只有主动关闭方经过 TIME-WAIT”虽然没错，却会误导：同时关闭之后双方都会。
它的发生不需要任何技巧，见 close/curl-race。`,
  },
  next: ['close/curl-race', 'open/simultaneous', 'time-wait/countdown'],
  broken: {
    what: "K's FIN pretends to acknowledge S's, as if they had not crossed: CLOSING is never entered.",
    act: 'crossing',
    faults: ['mutate in where fin set ack=u+1', 'delay both 300ms'],
  },
});

/** S's FIN is on its way; K, which cannot know of it yet, closes too. */
async function cross(stage: Stage): Promise<void> {
  const nc = await stage.nc(13, { N: true });
  await stage.until('S FIN-WAIT-1');
  await nc.eof();
}
