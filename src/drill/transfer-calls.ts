/** read, write and their kin: the bytes of a stream are a pattern, and what comes out of it is checked. */

import { MSG_PEEK, MSG_TRUNC, MSG_WAITALL, POLLERR, SIOCINQ } from '../posix/constants.ts';
import { PosixError } from '../posix/errno.ts';
import { fillPattern, patternDiffers } from './bytes.ts';
import { type CallContext, CallError, fieldOf, integer, textOf } from './call-context.ts';
import type { Flow } from './flow.ts';
import type { Expression, SystemCall } from './script.ts';

/** No script moves more in one call. */
const MOST_BYTES = 64 * 1024 * 1024;

/** Asked again while it throws EAGAIN and `blocks`. */
type Transfer = (blocks: boolean) => number;

/** Bytes that the arguments speak of: a length, or the lengths of an iovec. */
function lengthOf(call: SystemCall): number {
  const [, data, count] = call.arguments;
  const vector = call.name.endsWith('msg') ? messageVector(data) : data;
  const total = vector?.kind === 'array' ? vectorLength(vector.items) : integer(count, 'a length');
  if (total < 0 || total > MOST_BYTES) throw new CallError(`${total} bytes are more than a script can move`);
  return total;
}

function messageVector(message: Expression | undefined): Expression {
  const vector = message?.kind === 'struct' ? fieldOf(message.fields, 'msg_iov') : undefined;
  if (vector?.kind === 'array') return vector;
  throw new CallError(`a message has msg_iov(1)=[{..., 1000}], not ${textOf(message)}`);
}

function vectorLength(items: readonly Expression[]): number {
  return items.reduce((sum, item) => {
    if (item.kind !== 'struct') throw new CallError(`a vector has {..., 1000}, not ${textOf(item)}`);
    return sum + integer(fieldOf(item.fields, 'iov_len') ?? item.fields.at(-1)?.value, 'a length');
  }, 0);
}

export function receiving(
  context: CallContext,
  items: readonly Expression[],
  call: SystemCall,
  flags: number,
): Transfer {
  const fd = context.descriptor(items[0]);
  const wanted = lengthOf(call);
  const waitsForAll = (flags & MSG_WAITALL) !== 0;
  let taken = 0;
  return (blocks) => {
    for (;;) {
      const into = new Uint8Array(wanted - taken);
      const failed = taken > 0 && hasError(context, fd) && context.posix.ioctl(fd, SIOCINQ) === 0;
      const count = failed ? 0 : againAfterSome(taken, () => context.posix.recv(fd, into, flags));
      // Nothing now, but there was something before.
      if (count === null && blocks) throw new PosixError('EAGAIN', call.name);
      if (count === null) return taken;
      noteRead(context, fd, into.subarray(0, count), flags);
      taken += count;
      if (count === 0 || taken === wanted || !waitsForAll) return taken;
    }
  };
}

/** Null: nothing more, but there was something before. */
function againAfterSome(before: number, call: () => number): number | null {
  try {
    return call();
  } catch (error) {
    if (before > 0 && error instanceof PosixError) return null;
    throw error;
  }
}

/** The call that has moved something leaves the error to the next one. */
function hasError(context: CallContext, fd: number): boolean {
  return (context.posix.poll(fd, 0) & POLLERR) !== 0;
}

function noteRead(context: CallContext, fd: number, bytes: Uint8Array, flags: number): void {
  const flow = context.flowOf(fd);
  if (flow === null) return;
  const at = (flags & MSG_TRUNC) === 0 ? patternDiffers(bytes, flow.read) : -1;
  if (at >= 0) throw new CallError(`byte ${at} that was read is not byte ${flow.read + at} of what came in`);
  if ((flags & MSG_PEEK) === 0) flow.read += bytes.length;
}

export function sending(
  context: CallContext,
  items: readonly Expression[],
  call: SystemCall,
  flags: number,
): Transfer {
  const fd = context.descriptor(items[0]);
  const bytes = new Uint8Array(lengthOf(call));
  let flow = context.flowOf(fd);
  const data = items[1];
  if (data?.kind === 'string') {
    for (let at = 0; at < bytes.length; at++) bytes[at] = data.value.charCodeAt(at) || 0;
    if (flow !== null) flow.ownBytes = true;
  } else {
    fillPattern(bytes, flow?.written ?? 0);
  }
  let given = 0;
  return (blocks) => {
    do {
      const failed = given > 0 && hasError(context, fd);
      const count = failed
        ? null
        : againAfterSome(given, () => context.posix.send(fd, bytes.subarray(given), flags));
      if (count === null) break;
      given += count;
      flow ??= openedBy(context, fd);
      if (flow !== null) flow.written += count;
    } while (blocks && given < bytes.length);
    if (blocks && given < bytes.length && writable(context, fd)) throw new PosixError('EAGAIN', call.name);
    return given;
  };
}

/** sendto with MSG_FASTOPEN: a connect whose SYN may take the bytes along; after that a send like any other. */
export function sendingFast(context: CallContext, call: SystemCall, flags: number): Transfer {
  const [target, data, , , address] = call.arguments;
  const fd = context.descriptor(target);
  const { remoteAddress, connectPort } = context.setting;
  const to = context.address(address, { address: remoteAddress, port: connectPort });
  if (to === null) throw new CallError('sendto with MSG_FASTOPEN needs an address of AF_INET');
  if (data?.kind === 'string') throw new CallError('sendto with MSG_FASTOPEN sends the pattern: write ...');
  const bytes = new Uint8Array(lengthOf(call));
  fillPattern(bytes, 0);
  let later: Transfer | null = null;
  return (blocks) => {
    if (later !== null) return later(blocks);
    try {
      return context.posix.sendto(fd, bytes, flags, to);
    } finally {
      const flow = openedBy(context, fd);
      if (flow !== null) flow.written = context.posix.connection(fd)?.sendBuffer.length ?? 0;
      later = sending(context, call.arguments, call, 0);
    }
  };
}

/** The flow of the connection that a send, and not a connect, has opened. */
function openedBy(context: CallContext, fd: number): Flow | null {
  const tcb = context.posix.connection(fd);
  if (tcb === null) return null;
  const flow = context.flows.open(tcb.localPort, tcb.peerPort);
  flow.fd = fd;
  return flow;
}

/** The connection still takes bytes, if not now. */
function writable(context: CallContext, fd: number): boolean {
  const state = context.posix.connection(fd)?.state;
  return state === 'ESTABLISHED' || state === 'CLOSE-WAIT';
}
