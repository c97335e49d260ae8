/** The implementation that the configuration names. */

import type { Clock } from '../../base/clock.ts';
import type { TcpConfig } from '../tcp-config.ts';
import type { CongestionControl } from './congestion-control.ts';
import { Cubic } from './cubic.ts';
import { HyStart } from './hystart.ts';
import { Reno } from './reno.ts';

export function createCongestionControl(config: TcpConfig, clock: Clock): CongestionControl {
  const hystart = new HyStart(config.hystart);
  return config.congestion === 'reno' ? new Reno(hystart) : new Cubic(clock, hystart);
}
