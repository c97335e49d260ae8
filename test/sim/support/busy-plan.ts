/** What one seed of the long runs means: a world full of connections, drawn once. */

import type { Impairments } from '../../../src/sim/impairments.ts';
import type { ConfigValue, Profile } from '../../../src/stack/config.ts';
import {
  type ConnectionPlan,
  Draw,
  drawConfig,
  drawConnection,
  drawImpairments,
  type SidePlan,
} from '../../property/support/scenario.ts';

/** What a device takes off the stack: each seed runs with all three. */
export const MODES = ['plain', 'csum', 'super-packets'] as const;
export type Mode = (typeof MODES)[number];

export interface BusyPlan {
  readonly seed: number;
  /** Through a link with mishaps, or through `memoryLink` with its queues alone. */
  readonly medium: 'link' | 'memory';
  readonly mtu: number;
  readonly superPackets: 'whole' | 'split';
  readonly batch: boolean;
  /** Packets that `memoryLink` holds in each direction. */
  readonly queueLength: number;
  readonly aToB: Impairments;
  readonly bToA: Impairments;
  readonly profiles: readonly [Profile, Profile];
  readonly configs: readonly [Record<string, ConfigValue>, Record<string, ConfigValue>];
  /** Connections at a time. */
  readonly slots: number;
  /** New connections are opened until so many segments were sent, or so much time has passed, µs. */
  readonly segments: number;
  readonly time: number;
  /** Longest pause between a connection and the next, µs. */
  readonly gap: number;
}

const SECOND = 1_000_000;
/** One connection gives up after this, µs. */
const PATIENCE = 30 * SECOND;

/** Everything that may be switched and still lets streams arrive whole. */
function drawSwitches(draw: Draw): Record<string, ConfigValue> {
  const config: Record<string, ConfigValue> = drawConfig(draw);
  config['msl'] = draw.pick('100ms', '1s');
  // The strict profile waits there for ever, and a reset may be lost.
  config['finWait2'] = draw.pick('2s', '10s');
  config['congestion'] = draw.pick('cubic', 'reno');
  config['hystart'] = draw.pick('off', 'classic', '++');
  config['iw'] = draw.pick('10', '10', '1', 'rfc5681', '40');
  config['pmtud'] = draw.pick('probing', 'rfc1191', 'off');
  config['reordering'] = draw.pick(3, 3, 1, 10);
  config['ack.delay'] = draw.pick('40ms', '200ms', '1ms');
  for (const key of [
    'rack',
    'tlp',
    'prr',
    'frto',
    'dsack',
    'nagle',
    'slowStartAfterIdle',
    'buffer.autoTuning',
  ]) {
    if (draw.chance(0.25)) config[key] = draw.chance(0.5);
  }
  if (draw.chance(0.3)) config['pacing'] = true;
  if (draw.chance(0.3)) config['rto.min'] = draw.pick('20ms', '1s');
  if (draw.chance(0.2)) config['rto.floor'] = 'whole';
  if (draw.chance(0.1)) config['lab.finWithData'] = true;
  return config;
}

export function drawBusyPlan(seed: number): BusyPlan {
  const draw = new Draw(Math.imul(seed, 0x85ebca6b) ^ 0x5eed);
  const aToB = drawImpairments(draw);
  const profile = (): Profile => draw.pick('default', 'default', 'strict', 'linux');
  return {
    seed,
    medium: seed % 8 === 0 ? 'memory' : 'link',
    mtu: draw.pick(576, 1280, 1500, 1500, 9000),
    superPackets: draw.pick('whole', 'split'),
    batch: draw.chance(0.7),
    queueLength: draw.pick(1, 2, 16, 256),
    aToB,
    bToA: draw.chance(0.5) ? aToB : drawImpairments(draw),
    profiles: [profile(), profile()],
    configs: [drawSwitches(draw), drawSwitches(draw)],
    slots: draw.between(2, 16),
    segments: draw.magnitude(20_000, 60_000),
    time: 40 * SECOND,
    gap: draw.magnitude(1, 200_000),
  };
}

/** The next connection of a world. */
export function drawBusyConnection(draw: Draw): ConnectionPlan {
  const plan = drawConnection(draw);
  const busy = (side: SidePlan): SidePlan => ({
    ...side,
    length: draw.chance(0.5) ? side.length : draw.magnitude(1, 3_000_000),
    writeChunk: draw.magnitude(100, 70_000),
    readChunk: draw.magnitude(100, 70_000),
    pauseTime: Math.min(side.pauseTime, 100_000),
    endDelay: Math.min(side.endDelay, SECOND),
    patience: PATIENCE,
  });
  return { ...plan, client: busy(plan.client), server: busy(plan.server) };
}
