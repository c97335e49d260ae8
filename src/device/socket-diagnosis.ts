/**
 * The kernel's TCP sockets as it knows them itself: sock_diag(7) over a netlink socket that was opened
 * in the namespace in question. One dump a call, narrowed down to one remote address by the kernel.
 */

import { readSync, writeSync } from 'node:fs';
import { endianness } from 'node:os';

/** One socket. Addresses are int32; `local` is the kernel's end. */
export interface KernelSocket {
  /** RFC 9293's word. */
  readonly state: string;
  readonly localAddress: number;
  readonly localPort: number;
  readonly peerAddress: number;
  readonly peerPort: number;
  readonly recvQ: number;
  readonly sendQ: number;
  /** ss's word for the timer that runs; empty when none does. When it is due, ms, and the retries so far. */
  readonly timer: string;
  readonly expiresMs: number;
  readonly retries: number;
}

const LITTLE = endianness() === 'LE';

const MESSAGE_HEADER = 16;
const SOCK_DIAG_BY_FAMILY = 20;
const REQUEST_DUMP = 0x301;
const MESSAGE_DONE = 3;
const MESSAGE_ERROR = 2;
const AF_INET = 2;
const IPPROTO_TCP = 6;
/** Every state but LISTEN and CLOSE. */
const STATES_WANTED = 0xffff & ~((1 << 10) | (1 << 7));

// struct inet_diag_req_v2, and the one attribute behind it: a filter program of one step.
const REQUEST_LENGTH = 56;
const FILTER_ATTRIBUTE = 1;
const FILTER_REMOTE_HOST = 8;
const FILTER_LENGTH = 16;
const ANY_PORT = -1;

// struct inet_diag_msg.
const AT_STATE = 1;
const AT_TIMER = 2;
const AT_RETRIES = 3;
const AT_LOCAL_PORT = 4;
const AT_PEER_PORT = 6;
const AT_LOCAL_ADDRESS = 8;
const AT_PEER_ADDRESS = 24;
const AT_EXPIRES = 52;
const AT_RECV_QUEUE = 56;
const AT_SEND_QUEUE = 60;
const SOCKET_LENGTH = 72;

/** The kernel's numbers of the states, include/net/tcp_states.h. */
const STATE_OF: { readonly [state: number]: string } = {
  1: 'ESTABLISHED',
  2: 'SYN-SENT',
  3: 'SYN-RECEIVED',
  4: 'FIN-WAIT-1',
  5: 'FIN-WAIT-2',
  6: 'TIME-WAIT',
  7: 'CLOSED',
  8: 'CLOSE-WAIT',
  9: 'LAST-ACK',
  10: 'LISTEN',
  11: 'CLOSING',
  12: 'SYN-RECEIVED',
};
const TIMERS = ['', 'on', 'keepalive', 'timewait', 'persist'];

/** Of a flood of sockets no more is looked at. */
const MOST_READS = 16;
const BUFFER = new Uint8Array(32 * 1024);

/** The request for all sockets whose remote address is `remote`, an int32. */
export function diagnosisRequest(remote: number): Uint8Array {
  const bytes = new Uint8Array(MESSAGE_HEADER + REQUEST_LENGTH + 4 + FILTER_LENGTH);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, LITTLE);
  view.setUint16(4, SOCK_DIAG_BY_FAMILY, LITTLE);
  view.setUint16(6, REQUEST_DUMP, LITTLE);
  view.setUint8(MESSAGE_HEADER, AF_INET);
  view.setUint8(MESSAGE_HEADER + 1, IPPROTO_TCP);
  view.setUint32(MESSAGE_HEADER + 4, STATES_WANTED, LITTLE);
  const attribute = MESSAGE_HEADER + REQUEST_LENGTH;
  view.setUint16(attribute, 4 + FILTER_LENGTH, LITTLE);
  view.setUint16(attribute + 2, FILTER_ATTRIBUTE, LITTLE);
  // Past the end of the program is "no".
  view.setUint8(attribute + 4, FILTER_REMOTE_HOST);
  view.setUint8(attribute + 5, FILTER_LENGTH);
  view.setUint16(attribute + 6, FILTER_LENGTH + 4, LITTLE);
  view.setUint8(attribute + 8, AF_INET);
  view.setUint8(attribute + 9, 32);
  view.setInt32(attribute + 12, ANY_PORT, LITTLE);
  view.setInt32(attribute + 16, remote);
  return bytes;
}

/** Adds the sockets in one batch of answers; true when it was the last. */
export function readDiagnosis(bytes: Uint8Array, into: KernelSocket[]): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (at + MESSAGE_HEADER <= bytes.length) {
    const length = view.getUint32(at, LITTLE);
    const type = view.getUint16(at + 4, LITTLE);
    if (type === MESSAGE_DONE || type === MESSAGE_ERROR) return true;
    // No kernel says so: the rest cannot be read.
    if (length < MESSAGE_HEADER || length > bytes.length - at) return true;
    const body = at + MESSAGE_HEADER;
    if (type === SOCK_DIAG_BY_FAMILY && body + SOCKET_LENGTH <= bytes.length) into.push(socketAt(view, body));
    at += (length + 3) & ~3;
  }
  return false;
}

function socketAt(view: DataView, at: number): KernelSocket {
  return {
    state: STATE_OF[view.getUint8(at + AT_STATE)] ?? 'CLOSED',
    localAddress: view.getInt32(at + AT_LOCAL_ADDRESS),
    localPort: view.getUint16(at + AT_LOCAL_PORT),
    peerAddress: view.getInt32(at + AT_PEER_ADDRESS),
    peerPort: view.getUint16(at + AT_PEER_PORT),
    recvQ: view.getUint32(at + AT_RECV_QUEUE, LITTLE),
    sendQ: view.getUint32(at + AT_SEND_QUEUE, LITTLE),
    timer: TIMERS[view.getUint8(at + AT_TIMER)] ?? '',
    expiresMs: view.getUint32(at + AT_EXPIRES, LITTLE),
    retries: view.getUint8(at + AT_RETRIES),
  };
}

/**
 * The sockets of the namespace of `fd`, a NETLINK_SOCK_DIAG socket, that talk to `remote`. The kernel
 * answers at once: nothing here waits.
 *
 * @throws the system's error
 */
export function socketsTalkingTo(fd: number, remote: number): KernelSocket[] {
  const sockets: KernelSocket[] = [];
  writeSync(fd, diagnosisRequest(remote));
  for (let reads = 0; reads < MOST_READS; reads++) {
    const length = readSync(fd, BUFFER);
    if (readDiagnosis(BUFFER.subarray(0, length), sockets)) break;
  }
  return sockets;
}
