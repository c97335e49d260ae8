/** `fourwave why N`: one decision, told for people. */

import { REASONS } from '../../base/reasons.ts';
import type { JudgedCheck } from '../../trace/judged.ts';
import type { Why } from '../../trace/why.ts';
import { word } from '../printable.ts';
import { columns, type Paint } from '../terminal.ts';
import { type EventLine, eventText } from './event.ts';

/** The whole answer. It comes from a socket or a file: nothing in it is trusted. */
export function whyText(why: Why, paint: Paint): string {
  const { event, decision } = why;
  const parts = [
    [paint('bold', eventText(event))],
    decision === null ? [] : verdict(decision, decision.seg !== event.seg, paint),
    rules(why, paint),
    section('the same segment', why.segment.filter(isNoVerdict), paint),
    section('sent first as', why.original, paint),
    section('because', why.because, paint),
    ledTo(why, paint),
  ];
  if (why.because.length === 0) parts.push([firstCause(event)]);
  return parts
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}

function isNoVerdict({ ev }: EventLine): boolean {
  return ev !== 'seg:judged';
}

/** What stands at the beginning of every chain. */
function firstCause({ ev }: EventLine): string {
  const kind = ev.split(':')[0];
  if (ev === 'seg:received') return 'nothing before it: a segment came from the peer';
  if (kind === 'app' || ev === 'conn:opened') return 'nothing before it: the application called';
  if (kind === 'fault' || kind === 'wire') return 'nothing before it: a rule, or a command';
  return 'nothing before it';
}

function verdict({ n, data }: EventLine, ofAnother: boolean, paint: Paint): string[] {
  const { verdict: result, reason, rfc, state } = data;
  const text = REASONS.find(({ name }) => name === reason)?.text;
  const where = state === undefined ? '' : `, in ${word(state)}`;
  const which = ofAnother ? 'verdict on the segment that came before' : 'verdict';
  const lines = [
    paint('bold', `${which}: ${word(result)}, ${word(reason)}, ${word(rfc)}${where} (event ${word(n)})`),
  ];
  if (text !== undefined) lines.push(`  ${text}`);
  const checks = (Array.isArray(data['checks']) ? data['checks'] : []) as JudgedCheck[];
  const rows = checks.map(({ rule, ok, why }) => [`  ${ok ? 'ok' : 'NO'}`, word(rule), word(why)]);
  if (rows.length > 0) {
    const painted = columns(rows).split('\n');
    lines.push(...painted.map((line, index) => (checks[index]?.ok ? line : paint('red', line)).trimEnd()));
  }
  const acts = Array.isArray(data['acts']) ? data['acts'].map(word) : [];
  if (acts.length > 0) lines.push(`  so: ${acts.join(', ')}`);
  return lines;
}

/** Each rule by its name, and which segment it is that it touched. */
function rules({ event, original, faults }: Why, paint: Paint): string[] {
  if (faults.length === 0) return [];
  const lines = faults.map(({ n, seg, data }) => {
    const whose =
      seg === event.seg
        ? 'it'
        : original.some((one) => one.seg === seg)
          ? 'what was sent first'
          : `the answer ACK ${word(data['ack'])} to what came again`;
    const rule = `${word(data['by'])}  ${word(data['rule'])}`;
    return `  ${paint('yellow', rule)}: ${word(data['fate'])} ${whose} (segment ${word(seg ?? '?')}, event ${word(n)})`;
  });
  return [paint('bold', 'rules'), ...lines];
}

function section(title: string, events: readonly EventLine[], paint: Paint): string[] {
  return events.length === 0 ? [] : [paint('bold', title), ...events.map((event) => `  ${eventText(event)}`)];
}

function ledTo({ ledTo: list }: Why, paint: Paint): string[] {
  if (list.length === 0) return [];
  return [
    paint('bold', 'led to'),
    ...list.map(({ event, depth }) => `${'  '.repeat(Math.min(8, depth))}${eventText(event)}`),
  ];
}
