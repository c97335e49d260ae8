/** The labs about resets and attacks, in the learner's order. */

import type { Lab } from '../../lab.ts';
import afterClose from './after-close.ts';
import blind from './blind.ts';
import linger0 from './linger0.ts';
import unreadData from './unread-data.ts';

export const RESET: readonly Lab[] = [unreadData, linger0, afterClose, blind];
