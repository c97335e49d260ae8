/** The fields of TCP_INFO by name. */

import { PosixSocket } from '../posix/socket.ts';
import { tcpInfo } from '../posix/tcp-info.ts';

const FIELDS: ReadonlySet<string> = new Set(Object.keys(tcpInfo(new PosixSocket())));

export function isInfoField(name: string): boolean {
  return FIELDS.has(name);
}
