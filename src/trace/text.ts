/** One line for people per event. */

import type { LogEvent } from './log-event.ts';
import type { EventName } from './record.ts';

type Data = Readonly<Record<string, unknown>>;

const TIME_WIDTH = 11;
const CONNECTION_WIDTH = 5;

/**
 * `   0.412000 c3    → FIN,ACK 28:29 ack 2 win 64512`. Words only: nothing in it comes from a
 * payload, and it holds no control characters.
 */
export function eventText(event: LogEvent): string {
  const time = event.t.toFixed(6).padStart(TIME_WIDTH);
  const connection = (event.conn ?? '-').padEnd(CONNECTION_WIDTH);
  const describe = TEXTS[event.ev];
  const text = describe === undefined ? fallback(event) : describe(event.data);
  return `${time} ${connection} ${printable(text)}`;
}

const TEXTS: Partial<Record<EventName, (data: Data) => string>> = {
  'listen:opened': (d) =>
    `listening on ${show(d, 'address')}:${show(d, 'port')}, backlog ${show(d, 'backlog')}`,
  'listen:closed': (d) => `no longer listening on ${show(d, 'address')}:${show(d, 'port')}`,
  'listen:queue': (d) =>
    `${show(d, 'address')}:${show(d, 'port')} SYN queue ${show(d, 'synQueue')}, accept queue ${show(d, 'acceptQueue')}`,
  'conn:opened': (d) => `${show(d, 'role')} open ${show(d, 'local')} ↔ ${show(d, 'peer')}`,
  'conn:state': (d) => `${show(d, 'old')} → ${show(d, 'new')} (${show(d, 'trigger')})`,
  'conn:closed': (d) => `over: ${show(d, 'reason')}${d['error'] === null ? '' : ` (${show(d, 'error')})`}`,
  'seg:received': (d) => `← ${segmentText(d)}`,
  'seg:sent': (d) =>
    `→ ${segmentText(d)}${d['retransmission'] === true ? ' again' : ''} (${show(d, 'trigger')})`,
  'seg:judged': (d) => {
    const rfc = d['rfc'] === '' ? '' : `, ${show(d, 'rfc')}`;
    return d['reason'] === 'ACCEPTED' ? '  accepted' : `  ${show(d, 'verdict')}: ${show(d, 'reason')}${rfc}`;
  },
  'seg:run': (d) => {
    const sent = d['sent'] as Data;
    const received = d['received'] as Data;
    return `… ${show(sent, 'segs')} segments sent, ${show(received, 'segs')} received (${show(d, 'events')} events)`;
  },
  'timer:set': (d) =>
    `timer ${show(d, 'timer')} ${d['restart'] === true ? 'moved to' : 'set to'} ${show(d, 'afterMs')} ms`,
  'timer:cancel': (d) => `timer ${show(d, 'timer')} off`,
  'timer:fire': (d) => `timer ${show(d, 'timer')} fires`,
  'cc:metrics': (d) =>
    Object.entries(d)
      .map(([name, value]) => `${name} ${typeof value === 'number' ? value : '–'}`)
      .join(' '),
  'cc:state': (d) => `${show(d, 'old')} → ${show(d, 'new')} (${show(d, 'trigger')})`,
  'rtt:sample': (d) => `round trip ${show(d, 'ms')} ms${d['accepted'] === true ? '' : ', not taken'}`,
  'ip:dropped': (d) => `packet of ${show(d, 'len')} bytes dropped: ${show(d, 'reason')}`,
  'rst:why': (d) => `a reset for ${show(d, 'peer')}: ${show(d, 'reason')}${clause(d)}`,
  'snd:window': (d) =>
    `SND.UNA ${show(d, 'una')} SND.NXT ${show(d, 'nxt')} SND.WND ${show(d, 'wnd')}, MSS ${show(d, 'mss')}`,
  'rcv:window': (d) => `RCV.NXT ${show(d, 'nxt')} RCV.WND ${show(d, 'wnd')}`,
  'buf:snd': (d) =>
    `send buffer ${show(d, 'used')} of ${show(d, 'limit')} bytes, ${show(d, 'unsent')} not sent yet`,
  'buf:rcv': (d) => `receive buffer ${show(d, 'used')} of ${show(d, 'limit')} bytes`,
  'buf:ooo': (d) => `kept beyond a gap: ${rangesText(d, 'ranges')}`,
  'sack:board': (d) => `SACKed ${rangesText(d, 'sacked')}, lost ${rangesText(d, 'lost')}`,
  'peer:state': (d) => `peer in ${show(d, 'state')}, ${show(d, 'source')}`,
  'ip:icmp': (d) => {
    const about = `${show(d, 'local')} ↔ ${show(d, 'peer')}`;
    return `ICMP ${show(d, 'type')}/${show(d, 'code')} about ${about}: ${show(d, 'reason')}${clause(d)}`;
  },
  'app:open': () => 'application opens',
  'app:accept': () => 'application accepts',
  'app:read': (d) => `application reads ${show(d, 'bytes')} bytes`,
  'app:write': (d) => `application writes ${show(d, 'bytes')} bytes`,
  'app:shutdown': () => 'application has no more to send',
  'app:close': () => 'application closes',
  'app:abort': () => 'application aborts',
};

/** A word or a number of `data`; a dash for what is neither. */
function show(data: Data, key: string): string {
  const value = data[key];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '–';
}

function clause(data: Data): string {
  return data['rfc'] === '' ? '' : `, ${show(data, 'rfc')}`;
}

function rangesText(data: Data, key: string): string {
  const ranges = data[key] as readonly (readonly [number, number])[];
  return ranges.length === 0 ? 'nothing' : ranges.map(([from, to]) => `${from}:${to}`).join(' ');
}

function segmentText(data: Data): string {
  const length = data['len'] as number;
  const segments = data['segs'] as number;
  const numbers = length === 0 ? show(data, 'seq') : `${show(data, 'seq')}:${show(data, 'end')}`;
  const ack = data['ack'] === null ? '' : ` ack ${show(data, 'ack')}`;
  const many = segments > 1 ? ` in ${segments} segments` : '';
  return `${data['flags'] === '' ? 'no flags' : show(data, 'flags')} ${numbers}${ack} win ${show(data, 'win')}${many}`;
}

function fallback(event: LogEvent): string {
  return `${event.ev} ${JSON.stringify(event.data)}`;
}

/** Whatever a note carries, a terminal gets no control characters from it. */
function printable(text: string): string {
  let clean = '';
  for (const character of text) {
    const code = character.codePointAt(0) as number;
    clean += code < 0x20 || (code >= 0x7f && code < 0xa0) ? '�' : character;
  }
  return clean;
}
