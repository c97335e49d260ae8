/** What became of what a person did: which lab's picture the connections have drawn instead. */

import type { Text } from '../../labs/lab.ts';
import { ConnectionStory, type Role, type Segment, segmentOf } from '../../labs/narrate/connection-story.ts';
import type { LogEvent } from '../../trace/log-event.ts';

/** How a connection went. */
export interface Outcome {
  readonly conn: string;
  /** Port of S. */
  readonly port: number;
  /** The lab that is about such an end; null: none. */
  readonly lab: string | null;
  readonly text: Text;
}

const t = (en: string, zh: string): Text => ({ en, zh });

interface Facts {
  port: number;
  readonly story: ConnectionStory;
  /** The first FIN was the peer's, ours, or they crossed. */
  merged: boolean;
  crossed: boolean;
  reset: 'K' | 'S' | null;
  /** K reset after it had closed: nobody was there any more. */
  resetAfterFin: boolean;
  fins: number;
  over: boolean;
  state: string;
}

/** One for each connection of the log, in the order of their beginning. */
export function outcomesOf(events: readonly LogEvent[]): Outcome[] {
  const all = new Map<string, Facts>();
  for (const event of events) {
    if (event.conn === undefined) continue;
    const facts = all.get(event.conn) ?? fresh();
    all.set(event.conn, facts);
    take(facts, event);
  }
  return [...all].map(([conn, facts]) => ({ conn, port: facts.port, ...judge(facts) }));
}

function fresh(): Facts {
  return {
    port: 0,
    story: new ConnectionStory(),
    merged: false,
    crossed: false,
    reset: null,
    resetAfterFin: false,
    fins: 0,
    over: false,
    state: '',
  };
}

function take(facts: Facts, event: LogEvent): void {
  const { ev, data } = event;
  if (ev === 'conn:opened') facts.port = Number(String(data['local']).split(':')[1]);
  if (ev === 'conn:state') facts.state = String(data['new']);
  if (ev === 'conn:closed') facts.over = true;
  if (ev !== 'seg:received' && ev !== 'seg:sent') return;
  const segment = segmentOf(event);
  const role = facts.story.take(segment);
  noteFin(facts, role);
  noteReset(facts, segment);
}

function noteFin(facts: Facts, { fin }: Role): void {
  if (fin === null || fin === 'again') return;
  facts.fins++;
  if (fin === 'merged') facts.merged = true;
  if (fin === 'crossing') facts.crossed = true;
}

function noteReset(facts: Facts, { flags, from }: Segment): void {
  if (!flags.has('RST')) return;
  facts.reset ??= from;
  if (from === 'K' && facts.story.firstFin === 'K') facts.resetAfterFin = true;
}

function judge({
  reset,
  resetAfterFin,
  fins,
  crossed,
  merged,
  story,
  state,
}: Facts): Pick<Outcome, 'lab' | 'text'> {
  if (resetAfterFin)
    return {
      lab: 'reset/after-close',
      text: t(
        'K had closed for good before S was ready: what S still sent met nobody and was answered with RST.',
        'K 在 S 发完之前就完全关闭了：S 后来发送的数据没有人接收，被 RST 回答。',
      ),
    };
  if (reset !== null)
    return {
      lab: null,
      text: t(`${reset} has reset the connection.`, `${reset} 复位了连接。`),
    };
  if (fins < 2) return { lab: null, text: unfinished(fins, story.firstFin, state) };
  if (crossed)
    return { lab: 'close/simultaneous', text: t('Both have closed at the same time.', '双方同时关闭。') };
  return whoWasFirst(story.firstFin, merged);
}

function whoWasFirst(first: 'K' | 'S' | null, merged: boolean): Pick<Outcome, 'lab' | 'text'> {
  if (first === 'S')
    return {
      lab: 'close/server-first',
      text: t(
        'S, the server, has closed first: TIME-WAIT is with S.',
        '服务器 S 先关闭：TIME-WAIT 在 S 一边。',
      ),
    };
  if (merged)
    return {
      lab: 'close/three-waves',
      text: t(
        'K has closed first, and S has acknowledged and closed in one segment: three waves.',
        'K 先关闭，S 在一个报文段里既确认又关闭：三次挥手。',
      ),
    };
  return {
    lab: 'close/four-waves',
    text: t('K has closed first, S later: four waves.', 'K 先关闭，S 后关闭：四次挥手。'),
  };
}

function unfinished(fins: number, first: 'K' | 'S' | null, state: string): Text {
  if (fins === 0)
    return t(
      `Nobody has closed: the connection is in ${state || 'no state'}.`,
      `没有人关闭：连接处于 ${state || '无'} 状态。`,
    );
  const who = first ?? 'K';
  return t(`Only ${who} has closed: S is in ${state}.`, `只有 ${who} 关闭了：S 处于 ${state}。`);
}
