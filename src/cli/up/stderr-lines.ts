/** Lines for stderr that never hold up the stack: neither Ctrl-S in the terminal nor a pipe that nobody reads. */

import { constants, fstatSync, openSync, writeSync } from 'node:fs';

const STDERR = 2;
const FLAGS = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY | constants.O_APPEND;
/** Characters that may wait where only a stream can be had. */
const MOST_WAITING = 64 * 1024;

export interface LineSink {
  write(line: string): void;
}

/** Lines that cannot be written are left out, and counted in the next one that can. */
export function stderrLines(): LineSink {
  const fd = ownDescriptor();
  const attempt = fd === null ? tryStream : (text: string): boolean => tryDescriptor(fd, text);
  let lost = 0;
  return {
    write(line) {
      const note = lost === 0 ? '' : `fourwave: ${lost} lines are missing here, nobody took them\n`;
      if (attempt(note + line)) lost = 0;
      else lost++;
    },
  };
}

/**
 * The terminal or pipe behind stderr, opened anew: whether a description blocks is shared with
 * everybody who has it, the shell for one. Null for all other kinds, and for another user's.
 */
function ownDescriptor(): number | null {
  try {
    const kind = fstatSync(STDERR);
    if (!kind.isFIFO() && !kind.isCharacterDevice()) return null;
    return openSync(`/proc/self/fd/${STDERR}`, FLAGS);
  } catch {
    return null;
  }
}

function tryDescriptor(fd: number, text: string): boolean {
  try {
    return writeSync(fd, text) > 0;
  } catch {
    return false;
  }
}

/** Node's stream blocks for files and waits for pipes and sockets. */
function tryStream(text: string): boolean {
  if (process.stderr.writableLength > MOST_WAITING) return false;
  process.stderr.write(text);
  return true;
}
