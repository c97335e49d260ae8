/** A service on the engine's raw interface: no streams, nothing read unless it says so. */

import type {
  NetModule,
  RawConnectionOwner,
  RawListenerOwner,
  RawTcp,
  Service,
  ServiceStack,
} from './service.ts';

/** EVENT_READABLE, EVENT_PEER_CLOSED and EVENT_CLOSED of tcp/events.ts. */
const READABLE = 0x02;
const PEER_CLOSED = 0x04;
const CLOSED = 0x20;

export interface RawServiceOptions {
  readonly name: string;
  readonly port: number;
  readonly text: string;
  readonly backlog: number;
  /** Bytes or the peer's FIN wait. Without this nothing is ever accepted. */
  readonly readable?: (tcp: RawTcp, connection: unknown) => void;
}

export class RawService implements Service, RawListenerOwner, RawConnectionOwner {
  readonly name: string;
  readonly port: number;
  readonly text: string;
  private readonly options: RawServiceOptions;
  private tcp: RawTcp | null = null;
  private listener: unknown = null;
  private readonly connections = new Set<unknown>();

  constructor(options: RawServiceOptions) {
    this.name = options.name;
    this.port = options.port;
    this.text = options.text;
    this.options = options;
  }

  get running(): boolean {
    return this.tcp !== null;
  }

  start(stack: ServiceStack | null, _net: NetModule): Promise<void> {
    // A failing listen is a rejection, as everywhere else.
    return new Promise((resolve) => {
      this.listen(stack);
      resolve();
    });
  }

  stop(): Promise<void> {
    this.unlisten();
    return Promise.resolve();
  }

  private listen(stack: ServiceStack | null): void {
    if (this.tcp !== null) return;
    if (stack?.tcp === undefined) throw new Error(`${this.name} runs on Fourwave's own stack only`);
    const { port, backlog } = this.options;
    this.listener = stack.tcp.listen({ address: 0, port, backlog, reuseAddress: true }, this);
    this.tcp = stack.tcp;
  }

  private unlisten(): void {
    const tcp = this.tcp;
    if (tcp === null) return;
    this.tcp = null;
    tcp.closeListener(this.listener);
    this.listener = null;
    for (const connection of this.connections) tcp.abort(connection);
    this.connections.clear();
  }

  connectionsWaiting(listener: unknown): void {
    const { tcp } = this;
    if (tcp === null || this.options.readable === undefined) return;
    for (
      let connection = tcp.accept(listener, this);
      connection !== null;
      connection = tcp.accept(listener, this)
    ) {
      this.connections.add(connection);
    }
  }

  connectionEvents(connection: unknown, events: number): void {
    if ((events & CLOSED) !== 0) {
      this.connections.delete(connection);
      return;
    }
    if (this.tcp === null || (events & (READABLE | PEER_CLOSED)) === 0) return;
    this.connections.delete(connection);
    this.options.readable?.(this.tcp, connection);
  }
}
