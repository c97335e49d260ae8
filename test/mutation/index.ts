/** All faults that `npm run mutation` puts into the code. */

import { CONGESTION } from './congestion.ts';
import { GVISOR } from './gvisor.ts';
import { HARDENING } from './hardening.ts';
import { INPUT } from './input.ts';
import { LWIP } from './lwip.ts';
import type { Mutant } from './mutant.ts';
import { OPENING } from './opening.ts';
import { RECOVERY } from './recovery.ts';
import { SEGMENTS } from './segments.ts';
import { SENDING } from './sending.ts';
import { SMOLTCP } from './smoltcp.ts';
import { TIMERS } from './timers.ts';

export const MUTANTS: readonly Mutant[] = [
  ...SMOLTCP,
  ...GVISOR,
  ...LWIP,
  ...SEGMENTS,
  ...INPUT,
  ...TIMERS,
  ...SENDING,
  ...RECOVERY,
  ...CONGESTION,
  ...OPENING,
  ...HARDENING,
];
