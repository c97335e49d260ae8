/** The built-in services, by name. */

import { abort } from './abort.ts';
import { daytime } from './daytime.ts';
import { discard, sink } from './discard.ts';
import { echo } from './echo.ts';
import { chargen, source } from './flood.ts';
import { heartbeat } from './heartbeat.ts';
import { http } from './http/http.ts';
import { ka } from './ka.ts';
import { late } from './late.ts';
import { leaky } from './leaky.ts';
import { rude } from './rude.ts';
import type { Service } from './service.ts';
import { slow } from './slow.ts';
import { stuck } from './stuck.ts';

export const SERVICE_NAMES = [
  'echo',
  'discard',
  'daytime',
  'chargen',
  'http',
  'late',
  'leaky',
  'rude',
  'slow',
  'ka',
  'abort',
  'heartbeat',
  'stuck',
  'sink',
  'source',
] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

export interface ServicesOptions {
  /** Directory of files that http serves; null: none. */
  readonly www: string | null;
}

/** Fresh services, none started. */
export function createServices(options: ServicesOptions): ReadonlyMap<ServiceName, Service> {
  const all: [ServiceName, Service][] = [
    ['echo', echo()],
    ['discard', discard()],
    ['daytime', daytime()],
    ['chargen', chargen()],
    ['http', http({ www: options.www })],
    ['late', late()],
    ['leaky', leaky()],
    ['rude', rude()],
    ['slow', slow()],
    ['ka', ka()],
    ['abort', abort()],
    ['heartbeat', heartbeat()],
    ['stuck', stuck()],
    ['sink', sink()],
    ['source', source()],
  ];
  return new Map(all);
}
