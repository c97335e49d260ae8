/** The implementation that the configuration names. */

import type { Clock } from '../../base/clock.ts';
import type { TcpConfig } from '../tcp-config.ts';
import type { CongestionControl } from './congestion-control.ts';
import { Cubic } from './cubic.ts';
import { Reno } from './reno.ts';

export function createCongestionControl(config: TcpConfig, clock: Clock): CongestionControl {
  return config.congestion === 'reno' ? new Reno() : new Cubic(clock);
}
