/** `fourwave/net`: the module `node:net`, over a stack. */

import { BlockList, isIP, isIPv4, isIPv6, SocketAddress } from 'node:net';
import { normalizeArguments } from './arguments.ts';
import { NetContext, type NetStack } from './context.ts';
import { type ConnectionListener, Server, type ServerOptions } from './server.ts';
import { Socket, type SocketOptions } from './socket.ts';

export type { NetStack } from './context.ts';
export type { SystemError } from './errors.ts';
export type { ConnectionListener, Server, ServerOptions } from './server.ts';
export type { OnReadOptions, Socket, SocketOptions } from './socket.ts';
export type { AddressInfo } from './socket-base.ts';

/** The shape of `node:net`. */
export interface Net {
  readonly BlockList: typeof BlockList;
  readonly SocketAddress: typeof SocketAddress;
  readonly Server: new (
    options?: ServerOptions | ConnectionListener | null,
    listener?: ConnectionListener,
  ) => Server;
  readonly Socket: new (options?: SocketOptions) => Socket;
  readonly Stream: new (options?: SocketOptions) => Socket;
  createServer(options?: ServerOptions | ConnectionListener | null, listener?: ConnectionListener): Server;
  /** `(options[, listener])`, `(port[, host][, listener])`. */
  connect(...args: unknown[]): Socket;
  createConnection(...args: unknown[]): Socket;
  isIP(text: string): number;
  isIPv4(text: string): boolean;
  isIPv6(text: string): boolean;
  /** Not of node:net: ends all sockets and servers, for their stack is closed. */
  stackClosed(): void;
}

/** `stack.net`: what `import net from 'node:net'` gives, bound to `stack`. */
export function createNet(stack: NetStack): Net {
  const context = new NetContext(stack);

  class StackSocket extends Socket {
    static override readonly name = 'Socket';

    constructor(options?: SocketOptions) {
      super(context, options);
    }
  }

  class StackServer extends Server {
    static override readonly name = 'Server';

    constructor(options?: ServerOptions | ConnectionListener | null, listener?: ConnectionListener) {
      super(context, (socketOptions) => new StackSocket(socketOptions), options, listener);
    }
  }

  function connect(...args: unknown[]): Socket {
    const normalized = normalizeArguments(args);
    const options = normalized[0];
    const socket = new StackSocket(options as SocketOptions);
    if (typeof options['timeout'] === 'number' && options['timeout'] > 0)
      socket.setTimeout(options['timeout']);
    return socket.connect(normalized);
  }

  function createServer(
    options?: ServerOptions | ConnectionListener | null,
    listener?: ConnectionListener,
  ): Server {
    return new StackServer(options, listener);
  }

  return {
    BlockList,
    SocketAddress,
    connect,
    createConnection: connect,
    createServer,
    isIP,
    isIPv4,
    isIPv6,
    Server: StackServer,
    Socket: StackSocket,
    Stream: StackSocket,
    stackClosed: () => context.stackClosed(),
  };
}
