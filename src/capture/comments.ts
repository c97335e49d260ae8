/** What an event of the log says in a packet's comments. */

import type { LogEvent } from '../trace/log-event.ts';

type Data = Readonly<Record<string, unknown>>;

/** Data are numbers and words. */
const word = (value: unknown): string => `${value as string | number}`;

/** The comments of one packet, in the order in which they are written. */
export class Remarks {
  private readonly states: string[];
  private readonly timers: string[];
  private readonly verdicts: string[];
  private readonly rules: string[] = [];

  constructor(shared?: Remarks) {
    this.states = shared?.states ?? [];
    this.timers = shared?.timers ?? [];
    this.verdicts = shared?.verdicts ?? [];
  }

  add(event: LogEvent): void {
    const { ev, data } = event;
    if (ev === 'conn:state') this.states.push(stateText(event));
    else if (ev === 'conn:closed') this.states.push(`${name(event)} closed: ${word(data['reason'])}`);
    else if (ev === 'timer:set' || ev === 'timer:cancel' || ev === 'timer:fire')
      this.timers.push(timerText(ev, data));
    else if (ev === 'seg:judged') this.verdicts.push(judgedText(event));
    else if (ev === 'seg:sent') this.verdicts.push(sentText(event));
    else if (ev === 'seg:received') this.verdicts.push(`${name(event)} ${headerText(event, 'received')}`);
    else if (ev === 'ip:dropped') this.verdicts.push(judgedText(event));
    else if (ev === 'wire:fate') this.rules.push(fateText(data));
  }

  /** The same for another packet, whose rules are its own. */
  twin(): Remarks {
    return new Remarks(this);
  }

  /** Something that is no event. */
  note(text: string): void {
    this.verdicts.push(text);
  }

  get list(): string[] {
    return [
      this.states.join('; '),
      this.timers.length === 0 ? '' : `timers: ${this.timers.join(', ')}`,
      this.verdicts.join('; '),
      this.rules.join('; '),
    ].filter((text) => text !== '');
  }
}

function name({ conn, inc }: LogEvent): string {
  return conn === undefined ? 'no connection' : inc === undefined || inc <= 1 ? conn : `${conn}.${inc}`;
}

function stateText(event: LogEvent): string {
  const { old, new: next, trigger } = event.data;
  return `${name(event)} ${word(old)}→${word(next)} (${word(trigger)})`;
}

function timerText(ev: string, data: Data): string {
  const timer = word(data['timer']);
  if (ev === 'timer:cancel') return `${timer} cancelled`;
  const backoff = Number(data['backoff']) > 0 ? `, backoff ${word(data['backoff'])}` : '';
  if (ev === 'timer:fire') return `${timer} fired${backoff}`;
  return `${timer} ${data['restart'] === true ? 'restarted' : 'set'}: ${String(data['afterMs'])} ms${backoff}`;
}

function judgedText({ data }: LogEvent): string {
  const verdict = word(data['verdict'] ?? 'dropped');
  const reason = data['reason'] === 'ACCEPTED' ? '' : ` ${word(data['reason'])}`;
  const clause = data['rfc'] === '' ? '' : ` (${word(data['rfc'])})`;
  return `${verdict}${reason}${clause}`;
}

/** `event 21: seq 28 ack 2`: numbers from the initial sequence numbers, and what `why` takes. */
function headerText({ n, data }: LogEvent, what: string): string {
  const ack = data['ack'] === null ? '' : ` ack ${word(data['ack'])}`;
  const segs = Number(data['segs']) > 1 ? ` standing for ${word(data['segs'])} segments` : '';
  return `event ${n} ${what}: seq ${word(data['seq'])}${ack}${segs}`;
}

function sentText(event: LogEvent): string {
  const { data, cause } = event;
  const why = cause === undefined ? '' : `, caused by event ${cause}`;
  const again = data['retransmission'] === true ? 'retransmitted' : 'sent';
  return `${name(event)} ${headerText(event, again)}, because of ${word(data['trigger'])}${why}`;
}

function fateText(data: Data): string {
  const until = data['until'] === undefined ? '' : ` until ${word(data['until'])} s`;
  return `${word(data['fate'])}${until} by ${word(data['by'])}: ${word(data['rule'])}`;
}
