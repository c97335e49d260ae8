/**
 * Keyframes: the whole world as lines of the log, every few thousand events. Who wants to know what was
 * so at event 900,000 goes on from the keyframe before it, and reads nothing that came earlier.
 */

import { REASON, REASONS, type ReasonName } from '../../base/reasons.ts';
import type { EventData } from '../data-schemas.ts';
import type { LogEvent } from '../log-event.ts';
import type { EventName } from '../record.ts';
import { WorldBuilder } from './reduce.ts';
import type { ConnectionView, ListenerView, RuleView, Sample, World } from './types.ts';

/** Events between two keyframes, at least. */
const EVERY = 8_192;
/**
 * Characters of events for one of a keyframe, at least: where there are many connections keyframes become
 * rare, and never more than a fifth of the log.
 */
const SHARE = 4;
/** Before the first keyframe. */
const LINE = 1_000;

/** Whether the line tells no event, but what is so after those before it. */
export function isOfKeyframe(ev: string): boolean {
  return ev === 'log:keyframe' || ev === 'log:connection';
}

/** Takes every event of a log, and says when it is time for a keyframe, and what is in it. */
export class Keyframes {
  private readonly builder = new WorldBuilder();
  private readonly every: number;
  private events = 0;
  private length = 0;
  /** Characters of a line, on the average of the last keyframe. */
  private lineLength = LINE;

  constructor(every = EVERY) {
    this.every = every;
  }

  /** `length`: characters of its line. */
  add(event: LogEvent, length: number): void {
    this.builder.add(event);
    this.events++;
    this.length += length;
  }

  get due(): boolean {
    const size = this.lineLength * (this.builder.world.connections.size + 1);
    return this.events >= this.every && this.length >= SHARE * size;
  }

  /**
   * The lines of a keyframe, and how many connections are in it. They may be asked for little by little:
   * what is added meanwhile is not in them.
   */
  take(): { readonly connections: number; readonly lines: Generator<string> } {
    this.events = 0;
    this.length = 0;
    const world = this.builder.snapshot();
    return { connections: world.connections.size, lines: this.measured(world) };
  }

  private *measured(world: World): Generator<string> {
    let [size, count] = [0, 0];
    for (const event of keyframeOf(world)) {
      const line = JSON.stringify(event);
      size += line.length;
      count++;
      yield line;
    }
    this.lineLength = size / count;
  }
}

/** The world as events: the first one says how many connections follow. All bear the number of the last event. */
export function* keyframeOf(world: World): Generator<LogEvent> {
  const { n, t } = world;
  const data: EventData['log:keyframe'] = {
    connections: world.connections.size,
    events: world.events,
    closed: [...world.closed],
    listeners: [...world.listeners.values()],
    rules: [...world.rules.values()],
    reasons: Object.fromEntries(
      [...world.reasons].map(([code, times]) => [REASONS[code]?.name ?? '', times]),
    ),
    counts: Object.fromEntries(world.counts),
  };
  yield { t, n, ev: 'log:keyframe', data };
  for (const { conn, inc, ...view } of world.connections.values()) {
    const { cwnd, ssthresh, rttMs } = view.series;
    const series = { cwnd: cwnd.map(pair), ssthresh: ssthresh.map(pair), rttMs: rttMs.map(pair) };
    yield { t, n, ev: 'log:connection', conn, inc, data: { ...view, series } };
  }
}

/** From the lines of a keyframe to its world. */
export class KeyframeReader {
  private world: World | null = null;
  private missing = 0;

  /** Takes an event of the log; the keyframe's first line begins anew. Whether the world is complete now. */
  take(event: LogEvent): boolean {
    if (event.ev === 'log:keyframe') this.begin(event);
    else if (event.ev === 'log:connection' && this.world !== null && this.missing > 0) {
      const view = viewOf(event);
      this.world.connections.set(view.conn, view);
      this.missing--;
    } else return false;
    return this.missing === 0;
  }

  /** The last complete world. Null: none. */
  get complete(): World | null {
    return this.missing === 0 ? this.world : null;
  }

  private begin({ n, t, data }: LogEvent): void {
    const { connections, events, closed, listeners, rules, reasons, counts } =
      data as EventData['log:keyframe'];
    this.missing = connections;
    this.world = {
      ...{ n, t, events, closed, connections: new Map() },
      listeners: new Map((listeners as ListenerView[]).map((listener) => [listener.id, listener])),
      rules: new Map((rules as RuleView[]).map((rule) => [rule.number, rule])),
      reasons: new Map(Object.entries(reasons).map(([name, times]) => [REASON[name as ReasonName], times])),
      counts: new Map(Object.entries(counts)) as Map<EventName, number>,
    };
  }
}

function viewOf({ conn, inc, data }: LogEvent): ConnectionView {
  const view = data as EventData['log:connection'];
  const { cwnd, ssthresh, rttMs } = view.series;
  const series = { cwnd: cwnd.map(sample), ssthresh: ssthresh.map(sample), rttMs: rttMs.map(sample) };
  return { conn: conn as string, inc: inc ?? 1, ...view, series } as unknown as ConnectionView;
}

function pair({ t, value }: Sample): [number, number] {
  return [t, value];
}

function sample([t, value]: readonly number[]): Sample {
  return { t: t as number, value: value as number };
}
