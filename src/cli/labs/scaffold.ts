/** `fourwave lab new`: a lab's module, written from a connection that has just been. */

import type { LogEvent } from '../../trace/log-event.ts';

interface Scaffold {
  text: string;
  readonly seg: number | undefined;
  readonly states: string[];
}

/** The connection's segments and states in the language of `expect`, one line a segment. */
export function expectationOf(events: readonly LogEvent[], conn: string): string[] {
  const own = events.filter((event) => event.conn === conn || opens(event, events, conn));
  const lines: Scaffold[] = [];
  for (const event of own) {
    const { ev, data, seg } = event;
    if (ev === 'seg:received' || ev === 'seg:sent') lines.push({ text: arrowText(event), seg, states: [] });
    else if (ev === 'wire:fate' && data['fate'] === 'dropped') lost(lines, event);
    else if (ev === 'conn:state') lines.at(-1)?.states.push(`S ${String(data['new'])}`);
  }
  return lines.map(({ text, states }) => (states.length === 0 ? text : `${text} ; ${states.join(' ')}`));
}

/** The SYN has no connection yet. */
function opens({ n, ev, conn }: LogEvent, events: readonly LogEvent[], wanted: string): boolean {
  if (conn !== undefined || ev !== 'seg:received') return false;
  return events.some((other) => other.ev === 'conn:opened' && other.conn === wanted && other.cause === n);
}

function lost(lines: Scaffold[], event: LogEvent): void {
  const sent = lines.find(({ seg }) => seg !== undefined && seg === event.seg);
  if (sent !== undefined) sent.text += ' LOST';
  else if (event.data['flags'] !== undefined)
    lines.push({ text: `${arrowText(event)} LOST`, seg: undefined, states: [] });
}

function arrowText({ ev, data }: LogEvent): string {
  const out = ev === 'seg:sent' || data['dir'] === 'out';
  const [seq, length] = [Number(data['seq']), Number(data['len'] ?? 0)];
  const range = length > 0 ? `${seq}:${seq + length}` : `${seq}`;
  const ack = typeof data['ack'] === 'number' ? ` ack ${data['ack']}` : '';
  const again = data['retransmission'] === true ? ' RETRANS' : '';
  return `${out ? 'S>K' : 'K>S'} ${String(data['flags'])} ${range}${ack}${again}`;
}

/** Port of S, of the connection with this name; null when the log does not know it. */
export function portOf(events: readonly LogEvent[], conn: string): number | null {
  const opened = events.find((event) => event.ev === 'conn:opened' && event.conn === conn);
  return opened === undefined ? null : Number(String(opened.data['local']).split(':')[1]);
}

/** The newest connection of the log; null when there is none. */
export function newestConnection(events: readonly LogEvent[]): string | null {
  return events.findLast(({ ev }) => ev === 'conn:opened')?.conn ?? null;
}

/** A whole module, for `src/labs/catalogue/<group>/<name>.ts`. */
export function moduleText(id: string, port: number, lines: readonly string[]): string {
  const indented = lines.map((line) => `    ${line}`).join('\n');
  return `/** ${id}: say here in one line what it shows. */

import { lab } from '../../lab.ts';

export default lab({
  id: '${id}',
  level: 2,
  minutes: 3,
  answers: [],
  rfc: ['RFC 9293 §3.6'],
  code: [],
  title: { en: 'A title', zh: '标题' },
  question: { en: 'What is asked?', zh: '问题是什么?' },
  type: {
    any: [{ run: 'nc 10.9.0.2 ${port}' }, { key: 'Ctrl-D' }],
  },
  auto: async (stage) => {
    const nc = await stage.nc(${port}, { N: true });
    await stage.until('S ESTABLISHED');
    await nc.eof();
  },
  predict: {
    ask: { en: 'What will happen?', zh: '会发生什么?' },
    choices: [
      { en: 'this', zh: '这个' },
      { en: 'that', zh: '那个' },
    ],
    right: 0,
    why: { en: 'Because.', zh: '因为。' },
  },
  // As it was when this file was made. Numbers that differ from run to run become variables: n, n+1.
  expect: \`
${indented}
  \`,
  explain: { en: 'What it shows, and why.', zh: '它说明了什么,为什么。' },
  broken: {
    what: 'Say what is broken, and break it: under this the lab must fail.',
    stack: { 'lab.handshake': 'two-way' },
  },
});
`;
}
