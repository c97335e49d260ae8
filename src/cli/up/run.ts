/** `fourwave up`: from checked arguments to a running stack, and to its end. */

import type { Logger } from 'pino';
import { createStack, type Device, type NodeStack } from '../../index.ts';
import { systemClock } from '../../stack/driver.ts';
import { TraceRecorder } from '../../trace/recorder.ts';
import { newSocketPath } from '../control/paths.ts';
import { ControlServer } from '../control/server.ts';
import { EXIT_FAILED, EXIT_OK } from '../errors.ts';
import { painter, print, printJson } from '../terminal.ts';
import { inOwnUserNamespace } from './device.ts';
import { EventFeed } from './event-feed.ts';
import { greeting, type Ready } from './greeting.ts';
import { controlHandlers, Services } from './handlers.ts';
import { eventNarrator, humanLog } from './human-log.ts';
import type { UpOptions } from './options.ts';

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;
/** After a signal it ends within a second, whatever hangs. */
const STOP_PATIENCE = 800;
const LINGER_POLL = 50;

/** The parts that live while the stack does. */
interface Running {
  readonly options: UpOptions;
  readonly stack: NodeStack;
  readonly services: Services;
  readonly feed: EventFeed;
  readonly control: ControlServer;
  readonly log: Logger;
}

/** Runs until a signal or a failure. Resolves to the exit code. */
export async function runUp(options: UpOptions, device: Device): Promise<number> {
  const log = humanLog(options.quiet);
  let stop: (code: number) => void = () => {};
  const ended = new Promise<number>((resolve) => {
    stop = resolve;
  });
  // From here on a signal undoes what has been done.
  for (const signal of STOP_SIGNALS) process.on(signal, () => stop(EXIT_OK));
  const running = await start(options, device, log);
  running.stack.onFailure = (error) => {
    log.error(`the device has failed: ${error.message}`);
    stop(EXIT_FAILED);
  };
  process.on('uncaughtException', (error) => {
    log.error(error);
    stop(EXIT_FAILED);
  });
  announce(running);
  const code = await ended;
  await shutDown(running, code === EXIT_OK ? options.linger : 0);
  return code;
}

async function start(options: UpOptions, device: Device, log: Logger): Promise<Running> {
  const recorder = new TraceRecorder({ clock: systemClock });
  const feed = new EventFeed(recorder);
  let stack: NodeStack | null = null;
  let control: ControlServer | null = null;
  try {
    stack = await createStack({
      device,
      address: options.address,
      mtu: options.mtu,
      profile: options.profile,
      config: options.config,
      trace: recorder,
    });
    if (options.log !== null) await feed.writeTo(options.log, logHeader(options, stack));
    feed.tellPeople(eventNarrator(log));
    const services = new Services(stack, options.www);
    const path = options.control ?? newSocketPath(options.netns, device.name);
    control = await ControlServer.open(
      path,
      controlHandlers(stack, services, feed, {
        netns: options.netns,
        userNamespace: inOwnUserNamespace(),
        pid: process.pid,
      }),
    );
    for (const name of options.services) await services.start(name);
    return { options, stack, services, feed, control, log };
  } catch (error) {
    await control?.close();
    await feed.close();
    await (stack === null ? device.close() : stack.close());
    throw error;
  }
}

function logHeader(options: UpOptions, stack: NodeStack): object {
  return {
    tcplog: 1,
    title: `fourwave up --tun ${options.tun}`,
    vantage: { type: 'server', name: `stack ${options.address.join(' ')}` },
    t0: new Date().toISOString(),
    clock: 'monotonic',
    config: stack.tcp.config,
  };
}

function announce({ options, stack, services, control }: Running): void {
  const ready: Ready = {
    event: 'ready',
    tun: stack.device.name,
    netns: options.netns,
    address: options.address,
    peer: `${options.peer.address}/${options.peer.length}`,
    mtu: options.mtu,
    offload: [
      ...(stack.device.checksumOffload ? ['csum'] : []),
      ...(stack.device.segmentationLimit > 0 ? ['tso4'] : []),
    ],
    services: services.running.map(({ name, port }) => ({ name, port })),
    control: control.path,
    inspector: null,
    pid: process.pid,
    uid: process.getuid?.() ?? 0,
  };
  if (options.json) printJson(ready);
  else if (!options.quiet)
    print(greeting(ready, services.running, { paint: painter(), userNamespace: inOwnUserNamespace() }));
}

async function shutDown({ stack, services, feed, control }: Running, linger: number): Promise<void> {
  const patience = setTimeout(() => process.exit(EXIT_FAILED), linger + STOP_PATIENCE);
  patience.unref();
  if (linger > 0) await drained(stack, linger);
  await services.stopAll();
  await control.close();
  await stack.close();
  await feed.close();
  clearTimeout(patience);
}

/** Resolves when no connection is open any more, or after `linger` ms. TIME-WAIT is not waited for. */
async function drained(stack: NodeStack, linger: number): Promise<void> {
  const end = Date.now() + linger;
  while (Date.now() < end && stack.tcp.stats.connections > 0) {
    await new Promise((resolve) => setTimeout(resolve, LINGER_POLL));
  }
}
