/** Connections in the columns and words of iproute2's `ss`. */

import { nearest } from '../../stack/config-values.ts';
import type { ConnectionRecord, TimerRecord } from '../../stack/connection-record.ts';
import { usage } from '../errors.ts';
import { word } from '../printable.ts';
import { columns } from '../terminal.ts';
import { entry } from './table.ts';

export interface SsFilter {
  /** Listeners too (`-a`), or nothing else (`-l`). */
  readonly listeners: 'no' | 'too' | 'only';
  /** RFC names; null: any. */
  readonly states: ReadonlySet<string> | null;
  readonly port: number | null;
}

/** RFC 9293's names → those of `ss`, where they differ. */
const SS_STATES: Readonly<Record<string, string>> = {
  ESTABLISHED: 'ESTAB',
  'SYN-RECEIVED': 'SYN-RECV',
  CLOSED: 'UNCONN',
};
const STATES = [
  'CLOSED',
  'LISTEN',
  'SYN-SENT',
  'SYN-RECEIVED',
  'ESTABLISHED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'CLOSE-WAIT',
  'CLOSING',
  'LAST-ACK',
  'TIME-WAIT',
] as const;
const BUCKETS = ['SYN-RECEIVED', 'TIME-WAIT'];
const except = (...names: string[]): string[] => STATES.filter((state) => !names.includes(state));

/** What `state …` takes: ss's words, and the RFC's. */
const STATE_WORDS: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  ...STATES.map((state): [string, readonly string[]] => [state.toLowerCase(), [state]]),
  ['syn-recv', ['SYN-RECEIVED']],
  ['listening', ['LISTEN']],
  ['closed', ['CLOSED']],
  ['estab', ['ESTABLISHED']],
  ['unconn', ['CLOSED']],
  ['all', STATES],
  ['connected', except('CLOSED', 'LISTEN')],
  ['synchronized', except('CLOSED', 'LISTEN', 'SYN-SENT')],
  ['bucket', BUCKETS],
  ['big', except('CLOSED', 'LISTEN', ...BUCKETS)],
]);

/** The states that a word stands for. @throws CliError */
export function statesOf(text: string): readonly string[] {
  const states = STATE_WORDS.get(text.toLowerCase());
  if (states !== undefined) return states;
  const guess = nearest(text, [...STATE_WORDS.keys()]);
  throw usage(`there is no state ${JSON.stringify(text)}${guess === null ? '' : `: did you mean ${guess}?`}`);
}

export function selected(records: readonly ConnectionRecord[], filter: SsFilter): ConnectionRecord[] {
  return records.filter((record) => {
    const listens = record.state === 'LISTEN';
    if (filter.states !== null) {
      if (!filter.states.has(record.state)) return false;
    } else if (listens ? filter.listeners === 'no' : filter.listeners === 'only') return false;
    return (
      filter.port === null || portOf(record.local) === filter.port || portOf(record.peer) === filter.port
    );
  });
}

function portOf(endpoint: string | null): number | null {
  return endpoint === null ? null : Number(endpoint.slice(endpoint.lastIndexOf(':') + 1));
}

const HEADINGS = ['State', 'Recv-Q', 'Send-Q', 'Local Address:Port', 'Peer Address:Port', ''];

/** The table; `details` adds ss's second line (`-i`). */
export function ssTable(records: readonly ConnectionRecord[], details: boolean): string {
  const rows = records.map((record) => [
    stateWord(record.state),
    String(record.recvQ),
    String(record.sendQ),
    word(record.local),
    word(record.peer ?? '0.0.0.0:*'),
    [...record.timers.map(timerText), word(record.id)].join(' '),
  ]);
  const lines = columns([HEADINGS, ...rows])
    .split('\n')
    .map((line) => line.trimEnd());
  if (!details) return lines.join('\n');
  return [
    lines[0] as string,
    ...records.flatMap((record, index) => [lines[index + 1] as string, detailLine(record)]),
  ].join('\n');
}

/** The kernel's words; a timer that it has none for keeps ours. */
const TIMER_WORDS: Readonly<Record<string, string>> = {
  rto: 'on',
  tlp: 'on',
  rack: 'on',
  'syn-ack': 'on',
  persist: 'persist',
  keepalive: 'keepalive',
  'time-wait': 'timewait',
  'fin-wait-2': 'timewait',
};

/** `timer:(timewait,37sec,0)`. */
export function timerText(timer: TimerRecord): string {
  return `timer:(${timerWord(timer.name)},${timerTime(timer.remainingMs)},${timer.count})`;
}

export function timerWord(name: string): string {
  return entry(TIMER_WORDS, name) ?? word(name);
}

/** `ESTAB`. */
export function stateWord(state: string): string {
  return entry(SS_STATES, state) ?? word(state);
}

/** As ss: minutes and seconds, tenths below ten seconds, milliseconds below one. */
export function timerTime(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`;
  if (ms < 10_000) return `${Number((Math.floor(ms / 100) / 10).toFixed(1))}sec`;
  const seconds = Math.floor(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes === 0) return `${seconds}sec`;
  const rest = minutes > 9 ? 0 : seconds % 60;
  return `${minutes}min${rest === 0 ? '' : `${rest}sec`}`;
}

const SHORT_STATES: Readonly<Record<string, string>> = {
  LISTEN: 'LIS',
  'SYN-SENT': 'SS',
  'SYN-RECEIVED': 'SR',
  ESTABLISHED: 'EST',
  'FIN-WAIT-1': 'FW1',
  'FIN-WAIT-2': 'FW2',
  'CLOSE-WAIT': 'CW',
  CLOSING: 'CLG',
  'LAST-ACK': 'LA',
  'TIME-WAIT': 'TW',
  CLOSED: 'CLS',
};

function detailLine(record: ConnectionRecord): string {
  return `\t ${detailText(record)}`;
}

/** The words of ss's second line. */
export function detailText(record: ConnectionRecord): string {
  if (record.state === 'LISTEN') {
    return `synqueue:${record.synQueue ?? 0} acceptqueue:${record.acceptQueue ?? 0}/${record.backlog ?? 0}`;
  }
  const parts = [...optionWords(record.options), ...timeWords(record.rtt), ...windowWords(record)];
  const path = record.path?.map((state) => entry(SHORT_STATES, state) ?? word(state)).join('>');
  if (path !== undefined) parts.push(`path:${path}`);
  return parts.join(' ');
}

/** `name:value` for what is known; a compact record does not keep everything. */
function known(pairs: readonly (readonly [string, string | number | null | undefined])[]): string[] {
  return pairs.flatMap(([name, value]) =>
    value === null || value === undefined ? [] : [`${name}:${value}`],
  );
}

function optionWords(options: ConnectionRecord['options']): string[] {
  if (options === null) return [];
  const agreed = [options.timestamps ? 'ts' : '', options.sack ? 'sack' : '', options.ecn ? 'ecn' : ''];
  const numbers = known([
    ['wscale', options.wscale?.join(',')],
    ['mss', options.mss],
  ]);
  return [...agreed.filter((name) => name !== ''), ...numbers];
}

/** `ss` counts windows of congestion control in segments. */
function inSegments(bytes: number | null | undefined, record: ConnectionRecord): number | null {
  const mss = record.options?.mss ?? null;
  if (bytes === null || bytes === undefined || mss === null) return null;
  return Math.round(bytes / (mss - (record.options?.timestamps === true ? 12 : 0)));
}

function timeWords(rtt: ConnectionRecord['rtt']): string[] {
  if (rtt === null) return [];
  const smoothed = rtt.srttMs === null ? null : `${rtt.srttMs}/${rtt.rttvarMs ?? 0}`;
  return known([
    ['rto', rtt.rtoMs],
    ['rtt', smoothed],
  ]);
}

function windowWords(record: ConnectionRecord): string[] {
  const { snd, rcv } = record;
  const sending = known([
    ['cwnd', inSegments(snd?.cwnd, record)],
    ['ssthresh', inSegments(snd?.ssthresh, record) ?? '–'],
    ['unacked', snd?.inFlight],
    ['notsent', snd?.unsent],
    ['retrans', snd?.retransmits],
    ['snd_wnd', snd?.wnd],
  ]);
  const receiving = known([
    ['rcv_wnd', rcv?.wnd],
    ['ooo', rcv?.outOfOrder.length],
  ]);
  return [...sending, ...receiving];
}
