/** The curve of a connection's congestion window, read from the event log. */

import type { LogEvent } from '../../../trace/log-event.ts';

/** Values after an event; what an event does not tell is as before. */
export interface Point {
  readonly n: number;
  readonly t: number;
  readonly cwnd: number;
  /** Infinity: none yet. */
  readonly ssthresh: number;
  readonly flight: number;
  readonly srttMs: number;
}

/** One loss, as it was noticed. */
export interface Loss {
  /** `recovery` or `loss` (a timeout). */
  readonly kind: string;
  readonly before: Point;
  readonly after: Point;
}

const START: Point = { n: 0, t: 0, cwnd: 0, ssthresh: Number.POSITIVE_INFINITY, flight: 0, srttMs: 0 };

function next(before: Point, { n, t, data }: LogEvent): Point {
  const value = (key: string, old: number): number => (typeof data[key] === 'number' ? data[key] : old);
  return {
    n,
    t,
    cwnd: value('cwnd', before.cwnd),
    ssthresh: data['ssthresh'] === null ? Number.POSITIVE_INFINITY : value('ssthresh', before.ssthresh),
    flight: value('flight', before.flight),
    srttMs: value('srttMs', before.srttMs),
  };
}

export function curveOf(events: readonly LogEvent[]): readonly Point[] {
  const points: Point[] = [];
  for (const event of events) {
    if (event.ev === 'cc:metrics') points.push(next(points.at(-1) ?? START, event));
  }
  return points;
}

/** Each time that something was taken for lost. */
export function lossesOf(events: readonly LogEvent[]): readonly Loss[] {
  const points = curveOf(events);
  return events.flatMap((event) => {
    const kind = String(event.data['new']);
    if (event.ev !== 'cc:state' || (kind !== 'recovery' && kind !== 'loss')) return [];
    const after = points.find(({ n }) => n > event.n);
    const before = points.findLast(({ n }) => n < event.n);
    return before === undefined || after === undefined ? [] : [{ kind, before, after }];
  });
}

/** The largest segment that S has sent: its SMSS, once there was enough to fill one. */
export function segmentSize(events: readonly LogEvent[]): number {
  return Math.max(0, ...events.flatMap(({ ev, data }) => (ev === 'seg:sent' ? [Number(data['len'])] : [])));
}

const BARS = '▁▂▃▄▅▆▇█';
const WIDTH = 60;

/** A value of the curve over time, as a line of little bars, and its largest value. */
export function plot(events: readonly LogEvent[], what: 'cwnd' | 'flight' | 'srttMs' = 'cwnd'): string {
  const points = curveOf(events);
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined) return '';
  const most = Math.max(...points.map((point) => point[what]), 1);
  const bars = Array.from({ length: WIDTH }, (_, i) => {
    const t = first.t + ((last.t - first.t) * i) / (WIDTH - 1);
    const point = points.findLast((one) => one.t <= t) ?? first;
    return BARS[Math.min(BARS.length - 1, Math.floor((point[what] / most) * BARS.length))];
  });
  const unit =
    what === 'srttMs'
      ? `${most.toFixed(0)} ms`
      : `${(most / (segmentSize(events) || 1)).toFixed(0)} segments`;
  return `${bars.join('')} up to ${unit}`;
}
