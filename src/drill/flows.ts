/** The connections of a script, and which of them a line without ports means. */

import { Flow } from './flow.ts';
import type { Direction, Ports } from './script.ts';

/** Remote ports of connections that come in. */
const FIRST_REMOTE_PORT = 53_000;

export class Flows {
  /** The connection that the script is at. */
  current: Flow | null = null;
  private readonly all: Flow[] = [];
  private readonly cookies = new Map<string, string>();
  private nextPort = FIRST_REMOTE_PORT;
  /** `listen` was the last call that chose: the next packet that comes in opens a connection. */
  private listeningPort: number | null = null;

  private readonly bindPort: number;

  /** @param bindPort - where packets go when nobody has called listen. */
  constructor(bindPort: number) {
    this.bindPort = bindPort;
  }

  listening(port: number): void {
    this.listeningPort = port;
  }

  /** A connection that the stack opens. */
  open(localPort: number, remotePort: number): Flow {
    this.listeningPort = null;
    const before = this.all.findIndex(
      (flow) => flow.localPort === localPort && flow.remotePort === remotePort,
    );
    if (before >= 0) this.all.splice(before, 1);
    return this.add(new Flow(localPort, remotePort, this.cookies));
  }

  /** The connection of a packet that comes in; a new one when there is none. */
  inbound(ports: Ports | null): Flow {
    if (ports !== null) {
      this.listeningPort = null;
      const known = this.between(ports.destination, ports.source);
      if (known !== null) this.current = known;
      return known ?? this.add(new Flow(ports.destination, ports.source, this.cookies));
    }
    const port = this.listeningPort;
    this.listeningPort = null;
    if (port === null && this.current !== null) return this.current;
    return this.add(new Flow(port ?? this.bindPort, this.nextPort++, this.cookies));
  }

  /** The connection of a line whose ports are named as they are in a packet of that direction. */
  named(ports: Ports | null, direction: Direction): Flow | null {
    if (ports === null) return this.current;
    const [local, remote] =
      direction === 'in' ? [ports.destination, ports.source] : [ports.source, ports.destination];
    return this.between(local, remote);
  }

  between(localPort: number, remotePort: number): Flow | null {
    return this.all.find((flow) => flow.localPort === localPort && flow.remotePort === remotePort) ?? null;
  }

  ofDescriptor(fd: number): Flow | null {
    return this.all.find((flow) => flow.fd === fd) ?? null;
  }

  /** The descriptor is gone, its number will be another's. */
  closed(fd: number): void {
    const flow = this.ofDescriptor(fd);
    if (flow !== null) flow.fd = -1;
  }

  private add(flow: Flow): Flow {
    this.all.push(flow);
    this.current = flow;
    return flow;
  }
}
