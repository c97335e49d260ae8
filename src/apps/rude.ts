/** rude, port 2003: closes without reading what has arrived, which turns the FIN into a reset (RFC 9293 §3.6.1). */

import { NetService } from './net-service.ts';
import { RawService } from './raw-service.ts';
import type { NetModule, Service, ServiceSocket, ServiceStack } from './service.ts';

const NAME = 'rude';
const TEXT = 'closes as soon as you have written something, without reading it: a reset';
/** Over Node's net nobody tells that unread bytes wait: so long is waited for them, ms. */
const BLIND_WAIT = 500;

/**
 * On our own stack it closes when bytes are readable, by the raw interface, since a stream would
 * have read them.
 */
export function rude(port = 2003): Service {
  return new Rude(port);
}

class Rude implements Service {
  readonly name = NAME;
  readonly text = TEXT;
  readonly port: number;
  private service: Service | null = null;

  constructor(port: number) {
    this.port = port;
  }

  get running(): boolean {
    return this.service !== null;
  }

  async start(stack: ServiceStack | null, net: NetModule): Promise<void> {
    if (this.service !== null) return;
    const service = stack?.tcp === undefined ? this.blind() : this.raw();
    await service.start(stack, net);
    this.service = service;
  }

  async stop(): Promise<void> {
    const service = this.service;
    this.service = null;
    await service?.stop();
  }

  private raw(): Service {
    return new RawService({
      name: NAME,
      port: this.port,
      text: TEXT,
      backlog: 128,
      readable: (tcp, connection) => tcp.close(connection),
    });
  }

  private blind(): Service {
    return new NetService({
      name: NAME,
      port: this.port,
      text: TEXT,
      pauseOnConnect: true,
      connection(socket: ServiceSocket) {
        const timer = setTimeout(() => socket.destroy(), BLIND_WAIT);
        socket.on('close', () => clearTimeout(timer));
      },
    });
  }
}
