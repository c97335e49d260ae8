/** `fourwave/posix`: non-blocking BSD sockets over a stack. */

export type { AcceptedSocket, SocketAddress } from './address.ts';
export * from './constants.ts';
export { ERRNO, type ErrnoName, PosixError } from './errno.ts';
export type { OptionValue } from './option-table.ts';
export type { Linger } from './options.ts';
export { createPosix, Posix } from './posix.ts';
export type { PosixStack, ReadinessCallback } from './socket.ts';
export type { TcpInfo } from './tcp-info.ts';
