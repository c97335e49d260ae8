/** Bulk transfers through one bottleneck, in virtual time. */

import { OFFLOADS } from '../../../src/device/memory-link.ts';
import { Host } from '../../../src/sim/host.ts';
import type { Aim, Impairments } from '../../../src/sim/impairments.ts';
import { Link, type LinkOptions } from '../../../src/sim/link.ts';
import { read16 } from '../../../src/sim/packet-reader.ts';
import { World } from '../../../src/sim/world.ts';
import type { ConfigValue } from '../../../src/stack/config.ts';
import { EVENT_OPENED, EVENT_WRITABLE } from '../../../src/tcp/events.ts';
import type { Tcb } from '../../../src/tcp/tcb.ts';
import { parseAddress } from '../../../src/wire/address.ts';

type Config = Readonly<Record<string, ConfigValue>>;

export interface FlowPlan {
  /** Of the sender. */
  readonly config?: Config;
  /** When it opens, µs. */
  readonly startAt?: number;
  /** More delay than the others have, there and back together, µs. */
  readonly extraRtt?: number;
}

export interface BulkPlan {
  readonly seed: number;
  /** Of the path, without any queue, µs. */
  readonly rtt: number;
  /** Bit/s. */
  readonly rate: number;
  readonly queueBytes: number;
  /** Of the direction that carries the data, beside rate, queue and delay. */
  readonly impairments?: Impairments;
  readonly link?: Omit<LinkOptions, 'impairments'>;
  readonly flows?: readonly FlowPlan[];
  /** Of both ends. */
  readonly config?: Config;
}

/** What is the wire's: IP, TCP with timestamps. */
export const HEADER_BYTES = 52;
const PORT = 7000;
const FIRST_CLIENT_PORT = 20_000;
const CHUNK = new Uint8Array(64 * 1024);

/** One connection whose sender always has more to send, and whose receiver always reads. */
export class BulkFlow {
  readonly plan: FlowPlan;
  /** The sender's block, once it has opened. */
  sender: Tcb | null = null;
  /** Bytes that the receiver has read. */
  received = 0;

  constructor(plan: FlowPlan) {
    this.plan = plan;
  }
}

export class Bulk {
  readonly world: World;
  readonly link: Link;
  readonly client: Host;
  readonly server: Host;
  readonly flows: readonly BulkFlow[];

  constructor(plan: BulkPlan) {
    this.world = new World({ seed: plan.seed });
    this.flows = (plan.flows ?? [{}]).map((flow) => new BulkFlow(flow));
    this.link = new Link(this.world, {
      offload: OFFLOADS.find((offload) => offload === process.env['FOURWAVE_OFFLOAD']) ?? 'off',
      ...plan.link,
      impairmentsAtoB: {
        delay: plan.rtt / 2,
        rate: plan.rate,
        queueBytes: plan.queueBytes,
        ...this.farther(20),
        ...plan.impairments,
      },
      impairmentsBtoA: { delay: plan.rtt / 2, ...this.farther(22) },
    });
    const config = plan.config ?? {};
    this.client = new Host(this.world, this.link.a, { name: 'client', address: '10.9.0.1/24', config });
    this.server = new Host(this.world, this.link.b, { name: 'server', address: '10.9.0.2/24', config });
    this.listen();
    this.flows.forEach((flow, index) => {
      this.world.at(flow.plan.startAt ?? 0, () => this.open(flow, index));
    });
  }

  /** Half of a flow's own RTT for each of its packets; `portAt` is where the client's port stands. */
  private farther(portAt: number): Impairments {
    if (this.flows.every(({ plan }) => plan.extraRtt === undefined)) return {};
    const aims = this.flows.map(({ plan }): Aim => ({ delay: (plan.extraRtt ?? 0) / 2 }));
    return { aim: (packet) => aims[read16(packet, portAt) - FIRST_CLIENT_PORT] };
  }

  private listen(): void {
    const { tcp } = this.server.stack;
    tcp.listen(
      { address: 0, port: PORT, backlog: 64 },
      {
        connectionsWaiting: (listener) => {
          const read = (tcb: Tcb): void => {
            const flow = this.flows[tcb.peerPort - FIRST_CLIENT_PORT] as BulkFlow;
            const count = tcb.readable;
            if (count === 0) return;
            tcp.discard(tcb, count);
            flow.received += count;
          };
          tcp.accept(listener, { connectionEvents: read });
        },
      },
    );
  }

  private open(flow: BulkFlow, index: number): void {
    const { stack } = this.client;
    stack.refreshClock();
    if (flow.plan.config !== undefined) stack.configure(flow.plan.config);
    const write = (tcb: Tcb, events: number): void => {
      if ((events & (EVENT_OPENED | EVENT_WRITABLE)) === 0) return;
      while (stack.tcp.send(tcb, CHUNK, 0, CHUNK.length) > 0);
    };
    const peerAddress = parseAddress('10.9.0.2') as number;
    flow.sender = stack.tcp.connect(
      { localAddress: 0, localPort: FIRST_CLIENT_PORT + index, peerAddress, peerPort: PORT },
      { connectionEvents: write },
    );
  }

  /** Bytes that all receivers have read. */
  get received(): number {
    return this.flows.reduce((sum, flow) => sum + flow.received, 0);
  }
}
