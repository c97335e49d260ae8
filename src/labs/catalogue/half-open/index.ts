/** The labs about half-open connections, in the learner's order. */

import type { Lab } from '../../lab.ts';
import cableCut from './cable-cut.ts';
import heartbeat from './heartbeat.ts';
import keepalive from './keepalive.ts';
import leak from './leak.ts';
import reconnect from './reconnect.ts';
import sendDiscovers from './send-discovers.ts';

export const HALF_OPEN: readonly Lab[] = [cableCut, sendDiscovers, keepalive, heartbeat, reconnect, leak];
