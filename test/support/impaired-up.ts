/**
 * A process for tests: what `fourwave up` runs, behind a link that loses, delays, copies and reorders.
 * It answers at its control socket as `up` does, and some questions more.
 */

import { createWriteStream, readdirSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { ControlServer, type Handler } from '../../src/cli/control/server.ts';
import { statsOf } from '../../src/cli/render/stats.ts';
import { EventFeed } from '../../src/cli/up/event-feed.ts';
import { controlHandlers, Services } from '../../src/cli/up/handlers.ts';
import { createStack, type NodeStack, tun } from '../../src/index.ts';
import { ImpairedDevice, type Impairments, type LinkCounts } from '../../src/sim/index.ts';
import type { ConfigValue } from '../../src/stack/config.ts';
import { systemClock } from '../../src/stack/driver.ts';
import { TraceRecorder } from '../../src/trace/recorder.ts';
import { RealTimeline } from './real-timeline.ts';

/** The program's one argument, as JSON. */
export interface ImpairedUpOptions {
  readonly netns: string;
  readonly control: string;
  readonly address: string;
  /** The kernel's, with its prefix. */
  readonly peer: string;
  readonly mtu: number;
  /** Null: the stack is on the TUN itself, with the offloads that `offload` says. */
  readonly impairments: Impairments | null;
  /** Default `off`. What the kernel joins, a bad link takes apart again. */
  readonly offload?: 'auto' | 'off';
  readonly seed?: number;
  readonly config?: Readonly<Record<string, ConfigValue>>;
  /** Files for http. */
  readonly www?: string;
  /** A port of ours that is forwarded, through our stack again, to the same port of the kernel's address. */
  readonly forward?: { readonly port: number; readonly folder: string };
}

/** What the program says about itself: the answer to `vitals`. */
export interface Vitals {
  readonly stats: ReturnType<typeof statsOf>;
  readonly link: { readonly inbound: LinkCounts; readonly outbound: LinkCounts } | null;
  readonly memory: NodeJS.MemoryUsage;
  /** Open file descriptors. */
  readonly descriptors: number;
  /** Stack trace of what a packet has thrown, or null. */
  readonly guarded: string | null;
}

/**
 * Two connections joined: the client's to us and ours to the kernel. Both are our TCP. What the nth
 * client sent and was sent is written to `n-up` and `n-down`.
 */
function forward(
  stack: NodeStack,
  host: string,
  to: NonNullable<ImpairedUpOptions['forward']>,
): Promise<void> {
  const { port, folder } = to;
  let clients = 0;
  const server = stack.net.createServer({ allowHalfOpen: true }, (socket) => {
    const client = socket as unknown as Socket;
    const onward = stack.net.connect({ host, port, allowHalfOpen: true }) as unknown as Socket;
    const name = join(folder, String(clients++));
    client.pipe(createWriteStream(`${name}-up`));
    onward.pipe(createWriteStream(`${name}-down`));
    // How each direction ended the programs at its ends see.
    pipeline(client, onward, () => {});
    pipeline(onward, client, () => {});
  });
  return new Promise((resolve) => server.listen({ port }, resolve));
}

function vitals(stack: NodeStack, link: ImpairedDevice | null): Vitals {
  globalThis.gc?.();
  return {
    stats: statsOf(stack.counters, stack.tcp.stats as unknown as Record<string, unknown>),
    link: link && { inbound: link.inbound, outbound: link.outbound },
    memory: process.memoryUsage(),
    descriptors: readdirSync('/proc/self/fd').length,
    guarded: stack.guarded?.stack ?? null,
  };
}

/** Memory that nothing frees: shows that a test of memory can fail. */
const leaked: unknown[] = [];

function leak(kind: unknown, bytes: number): void {
  if (kind === 'external') leaked.push(new Uint8Array(bytes).fill(1));
  else leaked.push(Array.from({ length: bytes / 8 }, (_, index) => index + 0.5));
}

async function run(options: ImpairedUpOptions): Promise<void> {
  const { netns, address, peer, mtu, impairments, seed = 1, offload = 'off' } = options;
  const timeline = new RealTimeline();
  const real = tun({ netns, peer, mtu, offload });
  const link = impairments && new ImpairedDevice(real, { timeline, impairments, seed });
  const device = link ?? real;
  const recorder = new TraceRecorder({ clock: systemClock });
  const feed = new EventFeed(recorder);
  const stack = await createStack({ device, address, config: options.config ?? {}, trace: recorder });
  const services = new Services(stack, options.www ?? null);
  const about = { netns, userNamespace: false, pid: process.pid };
  const more: [string, Handler][] = [
    ['vitals', () => vitals(stack, link)],
    ['impair', ({ arguments: given }) => void link?.impair(given)],
    ['leak', ({ arguments: { kind, bytes } }) => leak(kind, Number(bytes))],
  ];
  const handlers = new Map([...controlHandlers(stack, services, feed, about), ...more]);
  const control = await ControlServer.open(options.control, handlers);
  for (const { name } of services.list()) await services.start(name as Parameters<Services['start']>[0]);
  if (options.forward !== undefined) await forward(stack, peer.split('/')[0] as string, options.forward);
  process.on('SIGTERM', () => {
    timeline.stop();
    void services
      .stopAll()
      .then(() => Promise.all([control.close(), feed.close(), stack.close()]))
      .then(() => process.exit(0));
  });
  const ready = {
    event: 'ready',
    ...{ tun: device.name, netns, address: [address], peer, mtu, offload: [], inspector: null },
    services: services.list().map(({ name, port }) => ({ name, port })),
    ...{ control: options.control, pid: process.pid, uid: process.getuid?.() ?? 0 },
  };
  process.stdout.write(`${JSON.stringify(ready)}\n`);
}

await run(JSON.parse(process.argv[2] as string) as ImpairedUpOptions);
