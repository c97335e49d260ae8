/** RFC 9293 §3.10.7.4, third: check security. */

import type { Check } from './verdict.ts';

/**
 * The check compares the IP security compartment with the connection's. The option of RFC 791 that
 * carried it is dead, no host sets it, and IP drops nothing for it: every segment passes.
 */
export function checkSecurity(): Check {
  return 'continue';
}
