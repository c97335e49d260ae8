/** A worker's part of the event log, with marks that let the parts of several be put in order. */

import { setTimeout as sleep } from 'node:timers/promises';
import { isWanted, type LogEvent } from '../../../trace/log-event.ts';
import type { TraceRecorder } from '../../../trace/recorder.ts';
import type { Handler } from '../../control/server.ts';

const BATCH = 500;
/** How often a follower's recorder is looked at, ms. */
const ROUND = 50;

/** In the stream of events: all that is earlier than `mark`, seconds, has been sent. */
export interface Mark {
  readonly mark: number;
}

/** Answers `log`; `now` tells the log's time in seconds. */
export function markedLog(recorder: TraceRecorder, now: () => number): Handler {
  return async (conversation) => {
    const { arguments: given, signal } = conversation;
    const following = given['follow'] === true;
    const end = following ? Infinity : recorder.last;
    let last = 0;
    while (!following || !signal.aborted) {
      const mark = now();
      const events = recorder.eventsSince(last, BATCH);
      last = events.at(-1)?.n ?? last;
      for (const event of events) {
        if (event.n <= end && isAskedFor(event, given)) await conversation.send({ event });
      }
      if (events.length === BATCH && last < end) continue;
      await conversation.send({ event: { mark } satisfies Mark });
      if (!following) return;
      await sleep(ROUND);
    }
  };
}

function isAskedFor({ ev, conn }: LogEvent, given: Readonly<Record<string, unknown>>): boolean {
  const level = given['level'] === 'core' || given['level'] === 'extra' ? given['level'] : 'base';
  return isWanted(ev, level) && (typeof given['conn'] !== 'string' || conn === given['conn']);
}
