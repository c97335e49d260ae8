/** The sequence diagram: segments as arrows, our states and timers in the margin. */

import { word } from '../printable.ts';
import { type EventLine, segmentText, timeText } from './event.ts';

export interface LadderOptions {
  readonly ascii: boolean;
  readonly raw: boolean;
}

interface Marks {
  readonly left: string;
  readonly right: string;
  readonly line: string;
  readonly lost: string;
  readonly again: string;
  readonly becomes: string;
  readonly timer: string;
  readonly bar: string;
}
const UNICODE: Marks = {
  left: '◀',
  right: '▶',
  line: '─',
  lost: '✗',
  again: '↻',
  becomes: '→',
  timer: '⧗',
  bar: '│',
};
const ASCII: Marks = {
  left: '<',
  right: '>',
  line: '-',
  lost: 'X',
  again: '@',
  becomes: '->',
  timer: 'timer',
  bar: '|',
};

const ARROW = 52;
const MARGIN_EVENTS = new Set(['conn:state', 'timer:set', 'timer:fire', 'timer:cancel', 'conn:closed']);
const MAX_CONNECTIONS = 4096;

/** Consumes events in order; each gives no line, or one. The peer is on the left, we are on the right. */
export class Ladder {
  private readonly options: LadderOptions;
  private readonly marks: Marks;
  private readonly peers = new Map<string, string>();

  constructor(options: LadderOptions) {
    this.options = options;
    this.marks = options.ascii ? ASCII : UNICODE;
  }

  heading(): string {
    return `${' '.repeat(18)}${'peer'.padEnd(ARROW)}stack`;
  }

  /** The event's line, or null when the diagram does not show it. */
  line(event: EventLine): string | null {
    if (event.ev === 'conn:opened') return this.opened(event);
    if (event.ev === 'seg:received') return this.prefix(event) + this.arrow(event, true);
    if (event.ev === 'seg:sent') return this.prefix(event) + this.arrow(event, false);
    if (event.ev === 'seg:judged') return this.judged(event);
    if (event.ev === 'seg:run') return this.margin(event, `${word(event.data['events'])} more events`);
    return MARGIN_EVENTS.has(event.ev) ? this.inMargin(event) : null;
  }

  private prefix(event: EventLine): string {
    return `${timeText(event.t)} ${word(event.conn ?? '–').padEnd(5)} `;
  }

  private opened(event: EventLine): string {
    const peer = word(event.data['peer'] ?? '?');
    if (this.peers.size < MAX_CONNECTIONS) this.peers.set(event.conn ?? '', peer);
    return this.margin(event, `${word(event.data['role'] ?? '')} ${word(event.data['local'] ?? '')}`, peer);
  }

  private arrow(event: EventLine, received: boolean): string {
    const { left, right, line, again } = this.marks;
    const repeated = event.data['retransmission'] === true ? `${again} ` : '';
    const text = ` ${repeated}${segmentText(event.data, this.options.raw)} `;
    const room = Math.max(2, ARROW - 2 - text.length);
    const before = line.repeat(Math.floor(room / 2));
    const after = line.repeat(Math.ceil(room / 2));
    return received ? `${before}${text}${after}${right}` : `${left}${before}${text}${after}`;
  }

  private judged(event: EventLine): string | null {
    const verdict = event.data['verdict'];
    if (verdict === 'accepted') return null;
    const reason = `${word(event.data['reason'] ?? '')} ${word(event.data['rfc'] ?? '')}`;
    return this.margin(
      event,
      `${verdict === 'dropped' ? this.marks.lost : ''} ${word(verdict ?? '')}: ${reason}`.trim(),
    );
  }

  private inMargin(event: EventLine): string | null {
    const { data } = event;
    const { becomes, timer } = this.marks;
    switch (event.ev) {
      case 'conn:state':
        return this.margin(event, `${word(data['old'] ?? '?')} ${becomes} ${word(data['new'] ?? '?')}`);
      case 'timer:set':
        return this.margin(event, this.timerSet(data));
      case 'timer:fire':
        return this.margin(event, `${timer} ${word(data['timer'] ?? '')} expired`);
      case 'timer:cancel':
        return this.margin(event, `${timer} ${word(data['timer'] ?? '')} off`);
      default:
        return this.margin(event, `closed: ${word(data['reason'] ?? '')}`);
    }
  }

  private timerSet(data: EventLine['data']): string {
    const again = data['restart'] === true ? ' again' : '';
    return `${this.marks.timer} ${word(data['timer'] ?? '')} ${seconds(data['afterMs'])}${again}`;
  }

  private margin(event: EventLine, text: string, left = ''): string {
    const { bar } = this.marks;
    const shown = this.options.ascii ? text.replaceAll('→', '->').replaceAll('§', 'section ') : text;
    const begin = left === '' ? bar : left;
    return `${this.prefix(event)}${begin.padEnd(ARROW - 1)}${begin.length < ARROW - 1 ? '' : ' '}${bar} ${shown}`;
  }
}

function seconds(ms: unknown): string {
  const value = Number(ms);
  return value >= 1000 ? `${Math.round(value / 100) / 10}s` : `${Math.round(value)}ms`;
}
