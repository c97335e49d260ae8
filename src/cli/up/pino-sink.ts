/**
 * The event log as pino's lines on stderr: what is core is `info`, base `debug`, extra `trace`. One
 * child logger for each connection, so that `conn` and `inc` are fields. No event holds payload.
 */

import type { Logger } from 'pino';
import { type LogEvent, levelOf } from '../../trace/log-event.ts';
import { eventSentence } from '../render/event.ts';

const PINO_LEVEL = { core: 'info', base: 'debug', extra: 'trace' } as const;

export function pinoSink(log: Logger): (event: LogEvent) => void {
  const children = new Map<string, Logger>();
  const loggerOf = ({ conn, inc }: LogEvent): Logger => {
    if (conn === undefined) return log;
    let child = children.get(conn);
    if (child === undefined) {
      child = log.child({ conn, inc });
      children.set(conn, child);
    }
    return child;
  };
  return (event) => {
    const { ev, n, t, seg, cause, conn } = event;
    const level = PINO_LEVEL[levelOf(ev)];
    if (log.isLevelEnabled(level)) loggerOf(event)[level]({ ev, n, t, seg, cause }, eventSentence(event));
    if (ev === 'conn:closed' && conn !== undefined) children.delete(conn);
  };
}
