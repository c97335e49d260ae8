/** The sentences of the narrator, in both languages. */

import type { LogEvent } from '../../trace/log-event.ts';
import type { Text } from '../lab.ts';
import { type Role, type Segment, wordOf } from './connection-story.ts';

export interface Scene {
  readonly segment: Segment;
  readonly role: Role;
  /** Its sender has said all that before. */
  readonly repeats: boolean;
  /** What S made of it: `accepted`, `duplicate`, `dropped`, … */
  readonly verdict: string;
}

const t = (en: string, zh: string): Text => ({ en, zh });

/** What a segment says. */
export function segmentSentence(scene: Scene): Text {
  const { segment, role, verdict } = scene;
  const said =
    resetSentence(segment) ??
    synSentence(scene) ??
    finSentence(scene) ??
    dataSentence(scene) ??
    ackSentence(scene);
  if (segment.from === 'K' && verdict === 'dropped' && !segment.flags.has('RST')) {
    return t(`${said.en} S does not accept it.`, `${said.zh}S 不接受它。`);
  }
  return role.third && segment.len === 0 ? thirdSentence(segment) : said;
}

function resetSentence({ from, flags, trigger }: Segment): Text | null {
  if (!flags.has('RST')) return null;
  if (trigger === 'challenge-ack') return null;
  return t(
    `${from} resets: RST. Whatever was under way is thrown away.`,
    `${from} 复位连接（RST），还没送到的都不要了。`,
  );
}

function synSentence({ segment: { from, first }, role: { syn } }: Scene): Text | null {
  switch (syn) {
    case 'first':
      return t(
        `${from} wants a connection: SYN, its first number is ${first} (relative).`,
        `${from} 请求建立连接：SYN，序号从 ${first}（相对值）开始。`,
      );
    case 'again':
      return t(`${from} asks again: nobody has answered its SYN.`, `${from} 没有等到回答，再发一次 SYN。`);
    case 'answer':
      return t(
        `${from} agrees and names its own first number: SYN,ACK.`,
        `${from} 同意，并给出自己的初始序号：SYN,ACK。`,
      );
    case 'answer again':
      return t(`${from} repeats its SYN,ACK.`, `${from} 重发 SYN,ACK。`);
    default:
      return null;
  }
}

function thirdSentence({ from }: Segment): Text {
  return t(
    `${from} acknowledges the other's number: the third segment, only an ACK.`,
    `${from} 确认对方的序号：第三个报文段，只有 ACK。`,
  );
}

function finSentence({ segment: { from, len }, role: { fin } }: Scene): Text | null {
  const data = len > 0;
  switch (fin) {
    case 'first':
      return data
        ? t(
            `${from} sends its last ${len} bytes and finishes: wave 1.`,
            `${from} 发完最后 ${len} 字节并结束：第一次挥手。`,
          )
        : t(`${from} has finished sending: FIN, wave 1.`, `${from} 不再发送数据：FIN，第一次挥手。`);
    case 'second':
      return t(`${from} has finished too: FIN, wave 3.`, `${from} 也不再发送：FIN，第三次挥手。`);
    case 'merged':
      return t(
        `${from} acknowledges and finishes in one segment: waves 2 and 3 together.`,
        `${from} 用一个报文段既确认又结束：第二、三次挥手合在一起。`,
      );
    case 'crossing':
      return t(
        `${from} finishes before it has seen the other's FIN: both close at the same time.`,
        `${from} 还没看到对方的 FIN 就发出自己的 FIN：同时关闭。`,
      );
    case 'again':
      return t(
        `${from} sends its FIN again: it was not acknowledged.`,
        `${from} 的 FIN 没有得到确认，重发。`,
      );
    default:
      return null;
  }
}

function dataSentence({ segment: { from, len, first, trigger }, repeats }: Scene): Text | null {
  if (len === 0) return null;
  const bytes = len === 1 ? '1 byte' : `${len} bytes`;
  if (trigger === 'persist')
    return t(`${from} tries one byte into the closed window.`, `${from} 用 1 字节试探关闭的窗口。`);
  if (repeats)
    return t(`${from} sends ${bytes} again, from ${first}.`, `${from} 重发从 ${first} 起的 ${len} 字节。`);
  return t(`${from} sends ${bytes}.`, `${from} 发送 ${len} 字节。`);
}

const BY_TRIGGER: Readonly<Record<string, (from: string) => Text>> = {
  'challenge-ack': (from) =>
    t(`${from} doubts and asks back: a challenge ACK.`, `${from} 有疑问，用 challenge ACK 反问。`),
  keepalive: (from) => t(`${from} asks whether the other is still there.`, `${from} 探测对方是否还在。`),
  'window-update': (from) => t(`${from} has room again: a window update.`, `${from} 又有空间了：窗口更新。`),
  persist: (from) => t(`${from} asks whether the window has opened.`, `${from} 询问窗口是否已打开。`),
};

function ackSentence({ segment, role }: Scene): Text {
  const { from, has, win, trigger } = segment;
  const special = BY_TRIGGER[trigger];
  if (special !== undefined) return special(from);
  if (role.ackOfFin === 'first')
    return t(`${from} acknowledges the FIN: ACK ${has}.`, `${from} 确认对方的 FIN：ACK ${has}。`);
  if (role.ackOfFin === 'again')
    return t(`${from} acknowledges the FIN once more.`, `${from} 再次确认对方的 FIN。`);
  if (win === 0) return t(`${from} has no room left: window 0.`, `${from} 没有空间了：窗口为 0。`);
  if (role.news) return t(`${from} has everything up to ${has}.`, `${from} 已收到 ${has} 之前的全部数据。`);
  return t(`${from} repeats what it has: ACK ${has}.`, `${from} 重复确认：ACK ${has}。`);
}

const STATES: Readonly<Record<string, Text>> = {
  'LISTEN SYN-RECEIVED': t('S: half a connection, in the SYN queue.', 'S：半个连接，放在 SYN 队列里。'),
  'SYN-SENT SYN-RECEIVED': t('S: both have asked at the same time.', 'S：双方同时请求连接。'),
  ESTABLISHED: t('S: ESTABLISHED.', 'S：ESTABLISHED，连接建立。'),
  'FIN-WAIT-1': t('S waits for the ACK of its FIN.', 'S 等待对自己 FIN 的确认。'),
  'FIN-WAIT-2': t('S: FIN-WAIT-2, half closed: it only receives.', 'S：FIN-WAIT-2，半关闭，只收不发。'),
  'CLOSE-WAIT': t('S: CLOSE-WAIT, until its application closes.', 'S：CLOSE-WAIT，等应用程序关闭。'),
  CLOSING: t(
    'S: CLOSING, the FINs have crossed; it waits for the ACK of its own.',
    'S：CLOSING，两个 FIN 交叉，等待对自己 FIN 的确认。',
  ),
  'LAST-ACK': t('S: LAST-ACK, it waits for the last ACK.', 'S：LAST-ACK，等待最后的 ACK。'),
  'TIME-WAIT': t('S: TIME-WAIT.', 'S：TIME-WAIT。'),
  CLOSED: t('S: CLOSED, nothing is left of it.', 'S：CLOSED，连接不再存在。'),
};

/** A change of S's state. */
export function stateSentence({ ev, data }: LogEvent): Text | null {
  if (ev !== 'conn:state') return null;
  return STATES[`${String(data['old'])} ${String(data['new'])}`] ?? STATES[String(data['new'])] ?? null;
}

const FIRED: Readonly<Record<string, Text>> = {
  rto: t(
    'No ACK came in time: S sends again and doubles its patience.',
    '超时没有收到 ACK：S 重发，并把超时时间加倍。',
  ),
  tlp: t(
    'Silence: S sends its last segment once more, as a probe.',
    '没有动静：S 重发最后一个报文段作为探测。',
  ),
  'syn-ack': t('No third segment came: S repeats its SYN,ACK.', '没有等到第三个报文段：S 重发 SYN,ACK。'),
  persist: t('The window is still closed: S probes it.', '窗口仍然关闭：S 发出探测。'),
  keepalive: t('Long silence: S asks whether K is still there.', '长时间没有动静：S 询问 K 是否还在。'),
  'fin-wait-2': t('K never finished: S gives up waiting.', 'K 一直没有结束：S 不再等待。'),
  'time-wait': t('2 MSL are over.', '2MSL 到时。'),
};

/** A timer that has gone off, or that matters enough to be told of when it starts. */
export function timerSentence({ ev, data }: LogEvent): Text | null {
  const name = String(data['timer']);
  if (ev === 'timer:fire') return FIRED[name] ?? null;
  if (name !== 'time-wait' || ev !== 'timer:set') return null;
  const seconds = `${Math.round(Number(data['afterMs']) / 100) / 10} s`;
  return data['restart'] === true
    ? t(`2 MSL begin anew: ${seconds}.`, `2MSL 重新计时：${seconds}。`)
    : t(`2 MSL begin: ${seconds}.`, `2MSL 开始：${seconds}。`);
}

const FATES: Readonly<Record<string, Text>> = {
  dropped: t('The rule has eaten it: it never arrives.', '被规则丢弃：永远不会到达。'),
  held: t('The rule keeps it back.', '被规则扣住。'),
  delivered: t('It goes on now.', '现在继续前行。'),
  reordered: t('The rule lets others overtake it.', '规则让别的报文段先走。'),
  delayed: t('It travels slowly: the rule delays it.', '被规则延迟。'),
  corrupted: t('A bit of it was flipped on the way.', '途中有一位被改变。'),
};

/** What the fault layer did to a segment. */
export function fateSentence({ data }: LogEvent): Text {
  const fate = FATES[String(data['fate'])] ?? t('', '');
  if (data['dir'] === 'out' || data['flags'] === undefined) return fate;
  const flags = wordOf(data['flags']);
  return t(`K sends ${flags}. ${fate.en}`, `K 发送 ${flags}。${fate.zh}`);
}
