/** What is so in every lab, whatever it is about. */

import type { LogEvent } from '../trace/log-event.ts';
import type { Act, Text } from './lab.ts';
import type { ActReport, CheckLine } from './result.ts';

interface Invariant {
  /** For `waive`. */
  readonly name: string;
  readonly text: Text;
  /** What breaks it; '' when nothing does. */
  readonly broken: (report: ActReport) => string;
}

/** RFC 9293 Figure 5 with its notes, the RST and timeout arrows that it leaves out, and our LISTEN of a SYN. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  CLOSED: ['LISTEN', 'SYN-SENT', 'SYN-RECEIVED'],
  LISTEN: ['SYN-RECEIVED', 'SYN-SENT', 'CLOSED', 'ESTABLISHED'],
  'SYN-SENT': ['SYN-RECEIVED', 'ESTABLISHED', 'CLOSED'],
  'SYN-RECEIVED': ['ESTABLISHED', 'FIN-WAIT-1', 'CLOSE-WAIT', 'LISTEN', 'CLOSED'],
  ESTABLISHED: ['FIN-WAIT-1', 'CLOSE-WAIT', 'CLOSED'],
  'FIN-WAIT-1': ['FIN-WAIT-2', 'CLOSING', 'TIME-WAIT', 'CLOSED'],
  'FIN-WAIT-2': ['TIME-WAIT', 'CLOSED'],
  'CLOSE-WAIT': ['LAST-ACK', 'CLOSED'],
  CLOSING: ['TIME-WAIT', 'CLOSED'],
  'LAST-ACK': ['CLOSED'],
  'TIME-WAIT': ['CLOSED'],
};

const ALL: readonly Invariant[] = [
  {
    name: 'trouble',
    text: { en: 'Nothing went wrong inside a stack', zh: '协议栈内部没有出错' },
    broken: ({ trouble }) => trouble.join('\n'),
  },
  {
    name: 'states',
    text: { en: 'Every change of state is an arrow of Figure 5', zh: '每次状态变化都是图 5 中的一条箭头' },
    broken: ({ events }) => brokenState(events),
  },
  {
    name: 'acks',
    text: { en: 'S acknowledged nothing that it had not received', zh: 'S 没有确认过未收到的数据' },
    broken: ({ events }) => brokenAck(events),
  },
  {
    name: 'una',
    text: { en: 'SND.UNA never passed SND.NXT', zh: 'SND.UNA 从未超过 SND.NXT' },
    broken: ({ events }) =>
      events
        .filter(
          ({ ev, data }) => ev === 'snd:window' && Number(data['una']) > Number(data['max'] ?? data['nxt']),
        )
        .map(({ n }) => `event ${n}`)
        .join(', '),
  },
  {
    name: 'timers',
    text: { en: 'No timer outlived its connection', zh: '没有定时器在连接结束后仍然存在' },
    broken: ({ events }) => brokenTimer(events),
  },
  {
    name: 'printed',
    text: { en: 'What nc printed is what the application wrote', zh: 'nc 打印的就是应用程序写入的' },
    broken: lostBytes,
  },
];

/** All that the act does not waive. */
export function invariants(report: ActReport, act: Act): CheckLine[] {
  return ALL.filter(({ name }) => !(act.waive ?? []).includes(name)).map(({ text, broken }) => {
    const detail = broken(report);
    return { text, ok: detail === '', ...(detail === '' ? {} : { detail }) };
  });
}

/** Names for `waive`. */
export const INVARIANT_NAMES: readonly string[] = ALL.map(({ name }) => name);

const nameOf = ({ conn, inc }: LogEvent): string => `${conn} ${inc}`;

function brokenState(events: readonly LogEvent[]): string {
  const states = new Map<string, string>();
  for (const event of events) {
    if (event.ev !== 'conn:state') continue;
    const [from, to] = [String(event.data['old']), String(event.data['new'])];
    const before = states.get(nameOf(event)) ?? from;
    if (before !== from) return `event ${event.n}: from ${from}, but it was in ${before}`;
    if (!(ARROWS[from] ?? []).includes(to)) return `event ${event.n}: ${from} → ${to}`;
    states.set(nameOf(event), to);
  }
  return '';
}

function brokenAck(events: readonly LogEvent[]): string {
  const received = new Map<string, number>();
  for (const event of events) {
    if (event.conn === undefined) continue;
    const key = nameOf(event);
    if (event.ev === 'seg:received') {
      received.set(key, Math.max(received.get(key) ?? 0, Number(event.data['end'])));
    } else if (event.ev === 'seg:sent' && typeof event.data['ack'] === 'number') {
      const most = received.get(key);
      if (most !== undefined && event.data['ack'] > most) {
        return `event ${event.n}: ack ${event.data['ack']}, received up to ${most}`;
      }
    }
  }
  return '';
}

function brokenTimer(events: readonly LogEvent[]): string {
  const closed = new Set<string>();
  for (const event of events) {
    if (event.ev === 'conn:closed') closed.add(nameOf(event));
    else if ((event.ev === 'timer:fire' || event.ev === 'timer:set') && closed.has(nameOf(event))) {
      return `event ${event.n}: ${event.ev} ${String(event.data['timer'])} of ${event.conn ?? '?'}`;
    }
  }
  return '';
}

/** Where one nc talked over one connection, both to the orderly end. */
function lostBytes({ events, programs }: ActReport): string {
  const [program, ...others] = programs;
  const closed = events.filter(({ ev }) => ev === 'conn:closed');
  const opened = events.filter(({ ev }) => ev === 'conn:opened');
  const orderly = closed.every(({ data }) => ORDERLY.includes(String(data['reason'])));
  const alone = others.length === 0 && opened.length === 1 && closed.length === 1;
  if (program?.exit?.code !== 0 || !/^(busybox )?nc/.test(program.command) || !alone || !orderly) return '';
  const written = events.reduce(
    (sum, { ev, data }) => sum + (ev === 'app:write' ? Number(data['bytes']) : 0),
    0,
  );
  return written === program.bytes ? '' : `${written} bytes written, ${program.bytes} printed`;
}

const ORDERLY = ['normal', 'timewait-done'];
