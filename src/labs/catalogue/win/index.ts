/** The labs about windows, in the learner's order. */

import type { Lab } from '../../lab.ts';
import silly from './silly.ts';
import zeroWindow from './zero-window.ts';

export const WIN: readonly Lab[] = [zeroWindow, silly];
