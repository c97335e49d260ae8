/** Runs one scenario and checks everything that must be true of any run. */

import assert from 'node:assert/strict';
import type { Offload } from '../../../src/device/memory-link.ts';
import type { IpTrace } from '../../../src/ip/trace.ts';
import { Host } from '../../../src/sim/host.ts';
import { checkInvariants } from '../../../src/sim/invariants.ts';
import { Link } from '../../../src/sim/link.ts';
import { World } from '../../../src/sim/world.ts';
import type { Listener } from '../../../src/tcp/listener.ts';
import type { Tcb } from '../../../src/tcp/tcb.ts';
import { TIMER_NAMES } from '../../../src/tcp/timers/timer-table.ts';
import type { TcpTrace } from '../../../src/tcp/trace.ts';
import { parseAddress } from '../../../src/wire/address.ts';
import { WatchedLendingDevice } from '../../support/lending-device.ts';
import { Application } from './application.ts';
import { type ConnectionPlan, drawScenario, isOrderly, type Scenario } from './scenario.ts';

const ADDRESS_A = '10.9.0.1';
const ADDRESS_B = '10.9.0.2';
const HOUR = 3_600_000_000;
/** The ISN clock ticks once in 4 µs (RFC 9293 §3.4.1). */
const ISN_TICK = 4;

export interface Run {
  readonly world: World;
  readonly link: Link;
  readonly a: Host;
  readonly b: Host;
  readonly pairs: Pair[];
  /** Least one-way delay toward B, µs. */
  readonly openingDelay: number;
}

interface Pair {
  readonly plan: ConnectionPlan;
  readonly client: Application;
  readonly server: Application;
}

export interface RunOptions {
  readonly traceA?: (TcpTrace & IpTrace) | null;
  readonly traceB?: (TcpTrace & IpTrace) | null;
  /** In place of what the seed draws. */
  readonly offload?: Offload;
  /** Called with the finished setup, before time starts. */
  readonly prepared?: (run: Run) => void;
}

function build(scenario: Scenario, start: number, options: RunOptions): Run {
  const world = new World({ seed: scenario.seed, start, batch: scenario.batch });
  const link = new Link(world, {
    mtu: scenario.mtu,
    offload: scenario.offload,
    superPackets: scenario.superPackets,
    impairmentsAtoB: scenario.aToB,
    impairmentsBtoA: scenario.bToA,
  });
  const host = (name: string, address: string, side: 'a' | 'b', config: Scenario['configA']): Host =>
    new Host(world, scenario.seed % 2 === 0 ? new WatchedLendingDevice(link[side]) : link[side], {
      name,
      address: `${address}/24`,
      config,
      trace: (side === 'a' ? options.traceA : options.traceB) ?? null,
    });
  const a = host('A', ADDRESS_A, 'a', scenario.configA);
  const b = host('B', ADDRESS_B, 'b', scenario.configB);
  // Whoever rests whenever he can must not be told from who does not.
  if (scenario.seed % 3 === 0) for (const { stack } of [a, b]) stack.tcp.context.resting.insist();
  const run: Run = { world, link, a, b, pairs: [], openingDelay: scenario.aToB.delay ?? 0 };
  scenario.connections.forEach((plan, index) => {
    const keys: [number, number] = [scenario.seed * 8 + index * 2, scenario.seed * 8 + index * 2 + 1];
    const client = new Application(world, a, `client ${index}`, plan.client, keys);
    const server = new Application(world, b, `server ${index}`, plan.server, [keys[1], keys[0]]);
    const pair = { plan, client, server };
    run.pairs.push(pair);
    world.after(plan.startAt, () => (plan.open === 'simultaneous' ? openBoth : open)(run, pair, index));
  });
  return run;
}

function open(run: Run, pair: Pair, index: number): void {
  const port = 1000 + index;
  const { tcp } = run.b.stack;
  const { plan, client, server } = pair;
  run.a.stack.refreshClock();
  run.b.stack.refreshClock();
  let listening = true;
  const closeListener = (listener: Listener): void => {
    run.b.stack.refreshClock();
    if (listening) tcp.closeListener(listener);
    listening = false;
  };
  const listener = tcp.listen(
    { address: 0, port, backlog: 10 },
    {
      connectionsWaiting(waiting) {
        if (plan.listener === 'closed-before-accept') {
          closeListener(waiting);
          server.over = true;
          return;
        }
        const tcb = tcp.accept(waiting, server);
        if (tcb === null) return;
        if (server.tcb !== null) {
          // Without state a stray segment with the right numbers opens the connection once more.
          assert.equal(tcb.config.synCookies, 'always', 'one SYN, two connections');
          tcp.abort(tcb);
          return;
        }
        server.take(tcb);
        if (plan.listener === 'closed-after-accept') closeListener(waiting);
      },
    },
  );
  run.world.after(4 * HOUR, () => closeListener(listener));
  client.take(run.a.stack.tcp.connect(target(ADDRESS_B, port, 0), client));
}

function openBoth(run: Run, pair: Pair, index: number): void {
  const [portA, portB] = [2000 + index, 3000 + index];
  run.a.stack.refreshClock();
  pair.client.take(run.a.stack.tcp.connect(target(ADDRESS_B, portB, portA), pair.client));
  // Late, but before the SYN arrives: a port without a connection would refuse it.
  const late = pair.plan.client.endDelay % 3 === 0 ? 0 : run.openingDelay / 2;
  run.world.after(late, () => {
    run.b.stack.refreshClock();
    pair.server.take(run.b.stack.tcp.connect(target(ADDRESS_A, portA, portB), pair.server));
  });
}

function target(address: string, peerPort: number, localPort: number) {
  return { localAddress: 0, localPort, peerAddress: parseAddress(address) as number, peerPort };
}

/** How late the clock must start for the chosen ISN to lie just before the wrap, µs. */
function startFor(scenario: Scenario): number {
  const { side, at } = scenario.wrap;
  if (side === 'none') return 0;
  const run = build(scenario, 0, {});
  const application = (run.pairs[0] as Pair)[side];
  run.world.runUntil(() => application.tcb !== null, 60_000_000);
  const { tcb } = application;
  if (tcb === null) return 0;
  return ((at - (tcb.snd.iss >>> 0)) >>> 0) * ISN_TICK;
}

interface Counts {
  connections: number;
  timeWait: number;
  synReceived: number;
  orphans: number;
  memory: number;
}

function counts(host: Host): Counts {
  const { connections, timeWait, synReceived, orphans, memory } = host.stack.tcp.stats;
  return { connections, timeWait, synReceived, orphans, memory };
}

function busy(host: Host): boolean {
  const { connections, timeWait, synReceived } = host.stack.tcp.stats;
  return connections + timeWait + synReceived > 0;
}

/** @throws when anything is wrong; the scenario is in the message. */
export function runSeed(seed: number, options: RunOptions = {}): Scenario {
  const drawn = drawScenario(seed);
  const scenario = { ...drawn, offload: options.offload ?? drawn.offload };
  const start = startFor(scenario);
  const run = build(scenario, start, options);
  const { world, a, b, pairs } = run;
  const before = [counts(a), counts(b)];
  checkInvariants(world, [a, b]);
  options.prepared?.(run);
  const lastStart = Math.max(...scenario.connections.map((plan) => plan.startAt));
  world.run(lastStart);
  const ended = world.runUntil(() => !busy(a) && !busy(b), 3 * HOUR);
  if (!ended) assert.fail(`not over after three hours: ${describeLeft(a)} ${describeLeft(b)}`);
  // Listeners and the timers of applications that are left.
  world.run(5 * HOUR);
  for (const pair of pairs) checkPair(scenario, pair);
  assert.deepEqual([counts(a), counts(b)], before, 'a counter is not back at its start');
  assert.equal(world.silent, true, 'a timer is left when all is over');
  return scenario;
}

function describeLeft(host: Host): string {
  const left: string[] = [];
  host.stack.tcp.forEachConnection((tcb) => {
    const timers = TIMER_NAMES.filter((_, timer) => tcb.deadline(timer) !== Infinity);
    left.push(`${host.name} c${tcb.id} ${tcb.state} unacked ${tcb.unacked} [${timers.join()}]`);
  });
  return left.join('; ');
}

function checkPair(scenario: Scenario, pair: Pair): void {
  const { client, server, plan } = pair;
  for (const [side, other] of [
    [client, server],
    [server, client],
  ] as const) {
    assert.ok(side.received <= other.written, `${side.name} read more than was written`);
    const { tcb } = side;
    if (tcb === null) continue;
    TIMER_NAMES.forEach((timer, code) => {
      assert.equal(tcb.deadline(code), Infinity, `${side.name}: ${timer} is armed after the end`);
    });
    assert.ok(side.over, `${side.name} was never told that its connection is over`);
  }
  if (!isOrderly(scenario, plan)) return;
  for (const [side, other] of [
    [client, server],
    [server, client],
  ] as const) {
    assert.equal(side.failure, null, `${side.name} failed`);
    assert.equal(side.written, side.plan.length, `${side.name} could not write everything`);
    assert.equal(side.received, other.plan.length, `${side.name} did not get everything`);
    assert.equal(side.sawEnd, true, `${side.name} never saw the end`);
    checkReason(side.name, side.tcb as Tcb);
  }
}

/**
 * A reset is no failure once everything is said: the peer may have left TIME-WAIT when the FIN that
 * is sent again and again at last arrives.
 */
function checkReason(name: string, tcb: Tcb): void {
  const harmless = ['normal', 'timewait-done', 'reused', 'reset-by-peer', 'timeout-r2'];
  assert.ok(
    tcb.closeReason === null || harmless.includes(tcb.closeReason),
    `${name} ended by ${tcb.closeReason}`,
  );
}
