/** The labs about TIME-WAIT, in the learner's order. */

import type { Lab } from '../../lab.ts';
import addressInUse from './address-in-use.ts';
import assassination from './assassination.ts';
import countdown from './countdown.ts';
import lateData from './late-data.ts';
import none from './none.ts';
import oldData from './old-data.ts';
import oldFin from './old-fin.ts';
import restart from './restart.ts';
import reuse from './reuse.ts';
import tooMany from './too-many.ts';

export const TIME_WAIT: readonly Lab[] = [
  countdown,
  restart,
  none,
  oldFin,
  oldData,
  lateData,
  assassination,
  addressInUse,
  tooMany,
  reuse,
];
