/** The words that the log uses. */

export const STATE_NAMES: readonly string[] = [
  'CLOSED',
  'LISTEN',
  'SYN-SENT',
  'SYN-RECEIVED',
  'ESTABLISHED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'CLOSE-WAIT',
  'CLOSING',
  'LAST-ACK',
  'TIME-WAIT',
];

export const TIMERS: readonly string[] = [
  'rto',
  'tlp',
  'rack',
  'persist',
  'delayed-ack',
  'keepalive',
  'fin-wait-2',
  'time-wait',
  'user',
  'syn-ack',
  'pacing',
];

export const TIMER_WORDS: readonly string[] = ['armed', 'restarted', 'cancelled', 'fired'];
export const CALLS: readonly string[] = ['open', 'accept', 'read', 'write', 'shutdown', 'close', 'abort'];
