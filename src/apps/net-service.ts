/** A service over a `net`-shaped module: one listener, its connections, their errors. */

import type {
  NetModule,
  Service,
  ServiceServer,
  ServiceServerOptions,
  ServiceSocket,
  ServiceStack,
} from './service.ts';

export interface NetServiceOptions extends ServiceServerOptions {
  readonly name: string;
  readonly port: number;
  readonly text: string;
  /** Address to listen on; without it any. */
  readonly host?: string;
  readonly backlog?: number;
  /** Called for each connection. Errors of the socket are already taken care of. */
  connection(socket: ServiceSocket, stack: ServiceStack | null): void;
}

/** How long `stop` waits for connections to end by themselves, ms. */
const CLOSE_PATIENCE = 200;

export class NetService implements Service {
  readonly name: string;
  readonly port: number;
  readonly text: string;
  private readonly options: NetServiceOptions;
  private server: ServiceServer | null = null;
  private readonly sockets = new Set<ServiceSocket>();

  constructor(options: NetServiceOptions) {
    this.name = options.name;
    this.port = options.port;
    this.text = options.text;
    this.options = options;
  }

  get running(): boolean {
    return this.server !== null;
  }

  /** What the server listens on, as its `address()` says. */
  address(): unknown {
    return this.server?.address() ?? null;
  }

  async start(stack: ServiceStack | null, net: NetModule): Promise<void> {
    if (this.server !== null) return;
    const { allowHalfOpen = false, pauseOnConnect = false, backlog, host } = this.options;
    const server = net.createServer({ allowHalfOpen, pauseOnConnect }, (socket) =>
      this.accepted(socket, stack),
    );
    this.server = server;
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.once('listening', () => {
          server.removeListener('error', reject);
          resolve();
        });
        server.listen({
          port: this.port,
          ...(backlog === undefined ? {} : { backlog }),
          ...(host === undefined ? {} : { host }),
        });
      });
    } catch (error) {
      this.server = null;
      throw error;
    }
    // A listener that fails later (the stack went away) has nobody else to tell.
    server.on('error', () => {});
  }

  async stop(): Promise<void> {
    const server = this.server;
    if (server === null) return;
    this.server = null;
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    for (const socket of this.sockets) socket.destroy();
    this.sockets.clear();
    await Promise.race([closed, patience()]);
  }

  private accepted(socket: ServiceSocket, stack: ServiceStack | null): void {
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    // Resets and timeouts are everyday life for these services; the event log tells about them.
    socket.on('error', () => {});
    this.options.connection(socket, stack);
  }
}

function patience(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, CLOSE_PATIENCE).unref();
  });
}
