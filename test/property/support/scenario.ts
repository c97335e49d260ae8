/** What one seed means: everything that a run of two stacks depends on, drawn once. */

import { SeededRandom } from '../../../src/base/random.ts';
import type { Offload } from '../../../src/device/memory-link.ts';
import type { Impairments } from '../../../src/sim/impairments.ts';

/** How an application ends its side. */
export type Ending =
  /** Writes everything, half-closes, reads to the end, closes. */
  | 'finish'
  /** The same, but half-closes only after the peer has. */
  | 'follow'
  /** Closes as soon as everything is written, whatever is unread or still comes. */
  | 'close-early'
  /** Stops reading, lets bytes gather, closes. */
  | 'close-unread'
  /** Resets at some moment. */
  | 'abort';

export interface SidePlan {
  /** Bytes to write. */
  readonly length: number;
  readonly writeChunk: number;
  readonly readChunk: number;
  /** Chance of a pause before each read and each write, and its greatest length, µs. */
  readonly readPause: number;
  readonly writePause: number;
  readonly pauseTime: number;
  readonly ending: Ending;
  /** From "all written" (for `abort`: from the start) to the ending, µs. */
  readonly endDelay: number;
  readonly noDelay: boolean;
  readonly urgent: boolean;
  /** Writes before the connection is open. */
  readonly eager: boolean;
  /** After this long it gives up, whatever is missing, µs. */
  readonly patience?: number;
}

export interface ConnectionPlan {
  readonly open: 'client-server' | 'simultaneous';
  /** What becomes of the listener, client-server only. */
  readonly listener: 'stays' | 'closed-after-accept' | 'closed-before-accept';
  readonly startAt: number;
  readonly client: SidePlan;
  readonly server: SidePlan;
}

export interface Scenario {
  readonly seed: number;
  readonly mtu: number;
  readonly offload: Offload;
  readonly superPackets: 'whole' | 'split';
  readonly batch: boolean;
  readonly aToB: Impairments;
  readonly bToA: Impairments;
  readonly configA: Record<string, string | number | boolean>;
  readonly configB: Record<string, string | number | boolean>;
  /** Which ISN is moved next to a wrap, and the wrap: 2^31 or 2^32. `none` leaves it to chance. */
  readonly wrap: { readonly side: 'client' | 'server' | 'none'; readonly at: number };
  readonly connections: readonly ConnectionPlan[];
}

export class Draw {
  readonly random: SeededRandom;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  chance(probability: number): boolean {
    return this.random.nextFloat() < probability;
  }

  pick<T>(...values: readonly T[]): T {
    return values[this.random.nextInt(values.length)] as T;
  }

  between(low: number, high: number): number {
    return low + this.random.nextInt(high - low + 1);
  }

  /** Small numbers as likely as large ones. */
  magnitude(low: number, high: number): number {
    return Math.round(low * (high / low) ** this.random.nextFloat());
  }
}

export function drawImpairments(draw: Draw): Impairments {
  const delay = draw.pick(0, 50, 1_000, 20_000, 150_000);
  if (draw.chance(0.25)) return { delay };
  const rate = draw.chance(0.3) ? draw.magnitude(100_000, 1_000_000_000) : 0;
  return {
    delay,
    jitter: draw.chance(0.3) ? draw.magnitude(10, 30_000) : 0,
    rate,
    queueBytes: rate > 0 && draw.chance(0.5) ? draw.magnitude(3_000, 200_000) : 0,
    loss: draw.chance(0.6) ? draw.pick(0.005, 0.02, 0.05, 0.15) : 0,
    duplication: draw.chance(0.4) ? draw.pick(0.01, 0.1, 0.3) : 0,
    reordering: draw.chance(0.4) ? draw.pick(0.02, 0.2) : 0,
    reorderDelay: draw.magnitude(10, 100_000),
    corruption: draw.chance(0.3) ? draw.pick(0.01, 0.05) : 0,
    stall: draw.chance(0.2) ? draw.pick(0.05, 0.5) : 0,
    stallTime: draw.magnitude(1, 20_000),
  };
}

export function drawConfig(draw: Draw): Record<string, string | number | boolean> {
  const config: Record<string, string | number | boolean> = {
    timestamps: draw.chance(0.7),
    wscale: draw.chance(0.7),
    sack: draw.chance(0.7),
    'ack.policy': draw.pick('quick-start', 'delay'),
    'ack.stretch': draw.pick('turn', '2', '1'),
    msl: draw.pick('1s', '30s'),
    ecn: draw.pick('off', 'server', 'on'),
  };
  if (draw.chance(0.6)) config['buffer.receive'] = draw.pick('4K', '4K/8K/32K', '16K', '64K', '4K/64K/1M');
  if (draw.chance(0.6)) config['buffer.send'] = draw.pick('4K', '4K/8K/64K', '16K', '4K/64K/1M');
  if (draw.chance(0.2)) config['timeWait.reuse'] = draw.pick('off', 'isn', 'timestamps');
  if (draw.chance(0.15)) config['rfc5961'] = false;
  if (draw.chance(0.1)) config['synCookies'] = 'always';
  if (draw.chance(0.2)) config['mss'] = draw.pick(536, 1000);
  if (draw.chance(0.15)) {
    config['keepalive'] = true;
    config['keepalive.idle'] = draw.pick('1s', '20s');
    config['keepalive.interval'] = '5s';
    // Long enough for the losses of these links.
    config['keepalive.count'] = 100;
  }
  return config;
}

export function drawSide(draw: Draw, endings: readonly Ending[]): SidePlan {
  const length = draw.chance(0.15) ? 0 : draw.magnitude(1, draw.chance(0.1) ? 300_000 : 20_000);
  return {
    length,
    writeChunk: draw.magnitude(Math.max(1, Math.floor(length / 200)), 70_000),
    readChunk: draw.magnitude(Math.max(1, Math.floor(length / 200)), 70_000),
    readPause: draw.chance(0.3) ? draw.pick(0.05, 0.5) : 0,
    writePause: draw.chance(0.3) ? draw.pick(0.05, 0.5) : 0,
    pauseTime: draw.magnitude(100, draw.chance(0.1) ? 90_000_000 : 2_000_000),
    ending: draw.pick(...endings),
    endDelay: draw.chance(0.5) ? 0 : draw.magnitude(1, 5_000_000),
    noDelay: draw.chance(0.3),
    urgent: draw.chance(0.1),
    eager: draw.chance(0.3),
  };
}

export function drawConnection(draw: Draw): ConnectionPlan {
  const rough = draw.chance(0.35);
  const first: Ending[] = rough ? ['finish', 'close-early', 'close-unread', 'abort'] : ['finish'];
  const second: Ending[] = [...first, 'follow', 'follow'];
  const clientLeads = draw.chance(0.5);
  const open = draw.chance(0.12) ? 'simultaneous' : 'client-server';
  return {
    open,
    listener:
      open === 'simultaneous' || !draw.chance(0.15)
        ? 'stays'
        : draw.pick('closed-after-accept', 'closed-before-accept'),
    startAt: draw.chance(0.5) ? 0 : draw.magnitude(1, 3_000_000),
    client: drawSide(draw, clientLeads ? first : second),
    server: drawSide(draw, clientLeads ? second : first),
  };
}

export function drawScenario(seed: number): Scenario {
  const draw = new Draw(seed);
  const connections = draw.chance(0.75) ? 1 : draw.between(2, 4);
  const aToB = drawImpairments(draw);
  return {
    seed,
    mtu: draw.pick(576, 1280, 1500, 1500, 9000),
    offload: draw.pick('off', 'off', 'csum', 'tso4'),
    superPackets: draw.pick('whole', 'split'),
    batch: draw.chance(0.7),
    aToB,
    bToA: draw.chance(0.5) ? aToB : drawImpairments(draw),
    configA: drawConfig(draw),
    configB: drawConfig(draw),
    wrap: {
      side: draw.pick('client', 'server', 'client', 'server', 'none'),
      at: draw.pick(2 ** 31, 2 ** 32) - draw.between(1, 2_000),
    },
    connections: Array.from({ length: connections }, () => drawConnection(draw)),
  };
}

/** Both sides end in such a way that every byte must arrive. */
export function isOrderly(scenario: Pick<Scenario, 'aToB' | 'configB'>, plan: ConnectionPlan): boolean {
  // A cookie is known again only by the segment that follows the SYN directly: when a later one
  // comes first, it earns a reset (RFC 4987 §3.6).
  const { loss, reordering, corruption, queueBytes } = scenario.aToB;
  const mayOvertake = (loss ?? 0) + (reordering ?? 0) + (corruption ?? 0) + (queueBytes ?? 0) > 0;
  if (mayOvertake && scenario.configB['synCookies'] === 'always') return false;
  const orderly = (side: SidePlan): boolean => side.ending === 'finish' || side.ending === 'follow';
  return orderly(plan.client) && orderly(plan.server) && plan.listener !== 'closed-before-accept';
}
