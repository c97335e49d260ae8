/** What `net` throws, as a sentence for people with what they can do. */

import { CliError, EXIT_FAILED, missing } from '../errors.ts';

interface NetError {
  readonly code?: string;
  readonly message?: string;
}

const SENTENCES: Readonly<Record<string, (who: string) => string>> = {
  ECONNREFUSED: (who) => `${who} refuses the connection: start a server there, or choose another port`,
  ETIMEDOUT: (who) => `${who} does not answer: see "fourwave ladder" for what was sent`,
  ECONNRESET: (who) => `${who} has reset the connection`,
  EHOSTUNREACH: (who) => `there is no way to ${who}: see "ip route" on the other side of the TUN`,
  ENETUNREACH: (who) => `${who} is no address that the stack sends to: name one of a single host`,
  EADDRINUSE: (who) =>
    `${who} is in use: "fourwave ss -a" shows by whom, "fourwave service stop" stops a service`,
};
/** Something else has to be free or started first. */
const MISSING = new Set(['EADDRINUSE', 'EADDRNOTAVAIL']);

/** `who` is the subject of the sentence: `10.9.0.1:80`, `port 7`, a service. */
export function netFailure(error: unknown, who: string): CliError {
  if (error instanceof CliError) return error;
  const { code = '', message = String(error) } = error as NetError;
  const say = SENTENCES[code];
  const sentence = say === undefined ? message : `${say(who)} (${code})`;
  return MISSING.has(code) ? missing(sentence) : new CliError(EXIT_FAILED, sentence);
}
