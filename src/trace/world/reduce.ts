/**
 * `world = f(events)`: the one reducer behind the terminal, labs, replay and the page. It knows
 * nothing but the events; whoever wants to know what was so at event 18 feeds it the first 18.
 */

import { REASON } from '../../base/reasons.ts';
import type { EventData } from '../data-schemas.ts';
import type { LogEvent } from '../log-event.ts';
import type { EventName } from '../record.ts';
import { CONNECTION_STEPS } from './connection-steps.ts';
import { Draft, writable } from './draft.ts';
import { SEGMENT_STEPS } from './segment-steps.ts';
import type { ConnectionStep } from './step.ts';
import type { World } from './types.ts';

/** Makes a world, one event after the other. */
export class WorldBuilder {
  private draft: Draft;

  /** From the beginning, or from a {@link WorldBuilder.snapshot}, which stays as it is. */
  constructor(from?: World) {
    this.draft = new Draft(from);
  }

  /** The world now. It changes with the next event: for one that stays see {@link snapshot}. */
  get world(): World {
    return this.draft.world;
  }

  /** What a keyframe says is known already. */
  add(event: LogEvent): void {
    if (event.ev === 'log:keyframe' || event.ev === 'log:connection') return;
    const { draft } = this;
    const { world } = draft;
    world.n = Math.max(world.n, event.n);
    world.t = event.t;
    world.events++;
    world.counts.set(event.ev, (world.counts.get(event.ev) ?? 0) + 1);
    const connection = writable(draft, event);
    if (connection !== null) {
      connection.n = event.n;
      STEPS[event.ev]?.(connection, event, event.data, draft);
    }
    WORLD_STEPS[event.ev]?.(world, event.data);
  }

  /** The world as it is now, for good. Connections are shared until they change. */
  snapshot(): World {
    const kept = this.world;
    this.draft = new Draft(kept);
    return kept;
  }
}

/** The world after `events`, those after number `until` left out. */
export function worldOf(events: Iterable<LogEvent>, until = Number.POSITIVE_INFINITY): World {
  const builder = new WorldBuilder();
  for (const event of events) {
    if (event.n > until) break;
    builder.add(event);
  }
  return builder.world;
}

const STEPS = { ...CONNECTION_STEPS, ...SEGMENT_STEPS } as Partial<Record<EventName, ConnectionStep>>;

type WorldStep<Name extends EventName> = (world: World, data: EventData[Name]) => void;

const listens: WorldStep<'listen:opened' | 'listen:queue'> = (world, data) => {
  const { listener, ...rest } = data;
  world.listeners.set(listener, { id: listener, ...rest });
};

const ruleSteps: WorldStep<'fault:rule' | 'fault:hit'> = (world, { number, rule, hits, left }) => {
  const expired = world.rules.get(number)?.expired ?? null;
  world.rules.set(number, { number, rule, hits, left, expired });
};

const given: WorldStep<'ip:dropped' | 'seg:judged'> = (world, data) => {
  const reason = REASON[data.reason];
  world.reasons.set(reason, (world.reasons.get(reason) ?? 0) + 1);
};

const TYPED: { [Name in EventName]?: WorldStep<Name> } = {
  'listen:opened': listens,
  'listen:queue': listens,
  'listen:closed': (world, { listener }) => {
    world.listeners.delete(listener);
  },
  'fault:rule': ruleSteps,
  'fault:hit': ruleSteps,
  'fault:expired': (world, { number, rule, hits, left, what }) => {
    world.rules.set(number, { number, rule, hits, left, expired: what });
  },
  'seg:judged': given,
  'ip:dropped': given,
};
const WORLD_STEPS = TYPED as Partial<Record<EventName, (world: World, data: unknown) => void>>;
