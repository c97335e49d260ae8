/** The labs about half-open connections, in the learner's order. */

import type { Lab } from '../../lab.ts';
import heartbeat from './heartbeat.ts';
import reconnect from './reconnect.ts';
import sendDiscovers from './send-discovers.ts';

export const HALF_OPEN: readonly Lab[] = [sendDiscovers, heartbeat, reconnect];
