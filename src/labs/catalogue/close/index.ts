/** The labs about closing, in the learner's order. */

import type { Lab } from '../../lab.ts';
import closeWaitLeak from './close-wait-leak.ts';
import curlRace from './curl-race.ts';
import finConsumesSeq from './fin-consumes-seq.ts';
import finOvertakesData from './fin-overtakes-data.ts';
import finWithData from './fin-with-data.ts';
import firstFinLost from './first-fin-lost.ts';
import fourWaves from './four-waves.ts';
import halfClose from './half-close.ts';
import lastAckLost from './last-ack-lost.ts';
import orphanRetries from './orphan-retries.ts';
import peerVanishes from './peer-vanishes.ts';
import secondWaveLost from './second-wave-lost.ts';
import serverFirst from './server-first.ts';
import simultaneous from './simultaneous.ts';
import thirdWaveLost from './third-wave-lost.ts';
import threeWaves from './three-waves.ts';

export const CLOSE: readonly Lab[] = [
  serverFirst,
  fourWaves,
  threeWaves,
  lastAckLost,
  halfClose,
  finConsumesSeq,
  finWithData,
  firstFinLost,
  secondWaveLost,
  thirdWaveLost,
  closeWaitLeak,
  peerVanishes,
  orphanRetries,
  simultaneous,
  curlRace,
  finOvertakesData,
];
