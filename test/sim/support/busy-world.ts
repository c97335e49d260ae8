/**
 * A world in which connections come and go until enough has been sent; then it is left to end, and
 * everything that must be true of any run is checked.
 */

import assert from 'node:assert/strict';
import { memoryLink, type Offload } from '../../../src/device/memory-link.ts';
import { Host } from '../../../src/sim/host.ts';
import { checkInvariants } from '../../../src/sim/invariants.ts';
import { Link, type WatchedDevice } from '../../../src/sim/link.ts';
import { World } from '../../../src/sim/world.ts';
import type { Listener } from '../../../src/tcp/listener.ts';
import type { Tcb } from '../../../src/tcp/tcb.ts';
import { TIMER_NAMES } from '../../../src/tcp/timers/timer-table.ts';
import { parseAddress } from '../../../src/wire/address.ts';
import { Application } from '../../property/support/application.ts';
import { type ConnectionPlan, Draw, isOrderly } from '../../property/support/scenario.ts';
import { type BusyPlan, drawBusyConnection, drawBusyPlan, type Mode } from './busy-plan.ts';
import { TappedDevice } from './tapped-device.ts';

const ADDRESS_A = '10.9.0.1';
const ADDRESS_B = '10.9.0.2';
const SECOND = 1_000_000;
const HOUR = 3600 * SECOND;
const LISTENING = 80;
/** Connections have numbers, and so ports of their own. */
const FIRST_PORT = 1024;
const LAST_PORT = 65_535;
/** How often a slot is looked at, µs. */
const GLANCE = 20_000;
const OFFLOADS: Record<Mode, Offload> = { plain: 'off', csum: 'csum', 'super-packets': 'tso4' };

export interface BusyResult {
  /** Wire segments that both hosts have sent. */
  readonly segments: number;
  readonly connections: number;
  /** Connections that had to deliver every byte, and did. */
  readonly whole: number;
  /** Virtual, µs. */
  readonly time: number;
}

interface Pair {
  readonly plan: ConnectionPlan;
  readonly client: Application;
  readonly server: Application;
}

function devices(world: World, plan: BusyPlan, mode: Mode): [WatchedDevice, WatchedDevice] {
  const { mtu, queueLength, superPackets } = plan;
  const offload = OFFLOADS[mode];
  if (plan.medium === 'memory') {
    const [a, b] = memoryLink({ mtu, offload, queueLength });
    return [new TappedDevice(a), new TappedDevice(b)];
  }
  const { aToB: impairmentsAtoB, bToA: impairmentsBtoA } = plan;
  const { a, b } = new Link(world, { mtu, offload, superPackets, impairmentsAtoB, impairmentsBtoA });
  return [a, b];
}

class BusyWorld {
  readonly plan: BusyPlan;
  readonly world: World;
  readonly a: Host;
  readonly b: Host;
  opened = 0;
  whole = 0;
  private readonly draw: Draw;
  private readonly slots: (Pair | null)[];
  /** Pairs by the client's port. */
  private readonly pairs = new Map<number, Pair>();

  constructor(plan: BusyPlan, mode: Mode) {
    this.plan = plan;
    const { seed, batch, profiles, configs } = plan;
    this.world = new World({ seed, batch });
    this.draw = new Draw(seed ^ 0x6ead);
    const [a, b] = devices(this.world, plan, mode);
    const host = (side: 0 | 1, name: string, address: string, device: WatchedDevice): Host =>
      new Host(this.world, device, {
        name,
        address: `${address}/24`,
        profile: profiles[side],
        config: configs[side],
      });
    this.a = host(0, 'A', ADDRESS_A, a);
    this.b = host(1, 'B', ADDRESS_B, b);
    this.slots = Array.from({ length: plan.slots }, () => null);
  }

  get segments(): number {
    return this.a.stack.counters.segmentsSent + this.b.stack.counters.segmentsSent;
  }

  get busy(): boolean {
    return [this.a, this.b].some(({ stack }) => {
      const { connections, timeWait, synReceived } = stack.tcp.stats;
      return connections + timeWait + synReceived > 0;
    });
  }

  /** One listener for all; which application a connection belongs to is told by the client's port. */
  listen(): void {
    const { tcp } = this.b.stack;
    const accept = (listener: Listener): void => {
      for (let next = listener.acceptQueue[0]; next !== undefined; next = listener.acceptQueue[0]) {
        const pair = this.pairs.get(next.peerPort);
        const known = pair !== undefined && pair.server.tcb === null && !pair.server.over;
        const tcb = tcp.accept(listener, known ? pair.server : { connectionEvents: () => undefined }) as Tcb;
        if (known) pair.server.take(tcb);
        // A stray cookie opens a connection twice, or after its time.
        else tcp.abort(tcb);
      }
    };
    tcp.listen({ address: 0, port: LISTENING, backlog: 64 }, { connectionsWaiting: accept });
  }

  /** Opens the first connections, and others in the place of those that have ended. */
  keepBusy(): void {
    const { plan, world } = this;
    if (this.enough) return;
    for (let slot = 0; slot < plan.slots; slot++) {
      const pair = this.slots[slot] as Pair | null;
      if (pair !== null && !isOver(pair)) continue;
      if (pair !== null) this.settle(pair);
      const next = this.newPair();
      this.slots[slot] = next;
      if (next !== null) world.after(this.draw.random.nextInt(plan.gap), () => this.open(next));
    }
    world.after(GLANCE, () => this.keepBusy());
  }

  /** Nothing more is opened. */
  get enough(): boolean {
    return this.segments >= this.plan.segments || this.world.clock.now >= this.plan.time;
  }

  private newPair(): Pair | null {
    const port = FIRST_PORT + this.opened;
    if (port > LAST_PORT) return null;
    const { world, a, b } = this;
    const plan = drawBusyConnection(this.draw);
    const keys: [number, number] = [2 * this.opened, 2 * this.opened + 1];
    const client = new Application(world, a, `client ${this.opened}`, plan.client, keys);
    const server = new Application(world, b, `server ${this.opened}`, plan.server, [keys[1], keys[0]]);
    const pair = { plan, client, server };
    this.pairs.set(port, pair);
    this.opened++;
    return pair;
  }

  private open(pair: Pair): void {
    const { client, server, plan } = pair;
    const port = FIRST_PORT + Number(client.name.slice('client '.length));
    const { a, b } = this;
    const far = (address: string, peerPort: number) => ({
      localAddress: 0,
      localPort: port,
      peerAddress: parseAddress(address) as number,
      peerPort,
    });
    a.stack.refreshClock();
    if (plan.open !== 'simultaneous' || port === LISTENING) {
      client.take(a.stack.tcp.connect(far(ADDRESS_B, LISTENING), client));
      return;
    }
    b.stack.refreshClock();
    client.take(a.stack.tcp.connect(far(ADDRESS_B, port), client));
    server.take(b.stack.tcp.connect(far(ADDRESS_A, port), server));
  }

  /** A pair that is over: what must be true of it. */
  private settle(pair: Pair): void {
    const { client, server } = pair;
    const sides = [
      [client, server],
      [server, client],
    ] as const;
    for (const [side, other] of sides) {
      assert.ok(side.received <= other.written, `${side.name} read more than was written`);
    }
    const { configs, aToB } = this.plan;
    const orderly = isOrderly({ aToB, configB: configs[1] }, pair.plan);
    const rough = client.rough || server.rough || client.failure !== null || server.failure !== null;
    if (!orderly || rough || server.tcb === null) return;
    for (const [side, other] of sides) {
      assert.equal(side.received, other.plan.length, `${side.name} did not get everything`);
      assert.ok(side.sawEnd, `${side.name} never saw the end`);
    }
    this.whole++;
  }

  /** All that is left of the pairs, at the end. */
  settleAll(): void {
    for (const pair of this.slots) if (pair !== null) this.settle(pair);
    for (const { client, server } of this.pairs.values()) {
      for (const { tcb, over, name } of [client, server]) {
        if (tcb === null) continue;
        assert.ok(over, `${name} was never told that its connection is over`);
        const armed = TIMER_NAMES.filter((_, timer) => tcb.deadline(timer) !== Infinity);
        assert.deepEqual(armed, [], `${name}: timers after the end`);
      }
    }
  }
}

function isOver({ client, server }: Pair): boolean {
  return client.over && (server.over || server.tcb === null);
}

/** Tables that must be empty again, and memory that must be given back. */
function left(host: Host): object {
  const { connections, timeWait, synReceived, orphans, memory, flows, timers } = host.stack.tcp.stats;
  return { connections, timeWait, synReceived, orphans, memory, flows, timers };
}

export interface BusyOptions {
  /** In place of the seed's own, for short runs. */
  readonly segments?: number;
  /** Called with the finished setup, before time starts. */
  readonly prepared?: (world: World, a: Host, b: Host) => void;
}

/** @throws when anything is wrong */
export function runBusySeed(seed: number, mode: Mode, options: BusyOptions = {}): BusyResult {
  const drawn = drawBusyPlan(seed);
  const plan = { ...drawn, segments: options.segments ?? drawn.segments };
  const busy = new BusyWorld(plan, mode);
  const { world, a, b } = busy;
  busy.listen();
  const before = [left(a), left(b)];
  checkInvariants(world, [a, b]);
  options.prepared?.(world, a, b);
  busy.keepBusy();
  world.runUntil(() => busy.enough, plan.time);
  assert.ok(
    world.runUntil(() => !busy.busy, HOUR),
    'connections are left an hour after the last was opened',
  );
  // The patience of applications that needed none, and packets that are still on their way.
  world.run(HOUR / 60);
  assert.ok(
    world.runUntil(() => !busy.busy, HOUR),
    'late packets have opened what does not end',
  );
  busy.settleAll();
  assert.deepEqual([left(a), left(b)], before, 'a table is not as empty as before');
  return { segments: busy.segments, connections: busy.opened, whole: busy.whole, time: world.clock.now };
}
