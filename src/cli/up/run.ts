/** `fourwave up`: from checked arguments to a running stack, and to its end. */

import { readdirSync } from 'node:fs';
import type { Logger } from 'pino';
import { createStack, type Device, type NodeStack } from '../../index.ts';
import { systemClock } from '../../stack/driver.ts';
import { TraceRecorder } from '../../trace/recorder.ts';
import { hasNetAdmin } from '../capability.ts';
import { newSocketPath } from '../control/paths.ts';
import { ControlServer } from '../control/server.ts';
import { EXIT_FAILED, EXIT_OK, unusable } from '../errors.ts';
import { painter, print, printJson } from '../terminal.ts';
import { Captures } from './captures.ts';
import { inOwnUserNamespace } from './device.ts';
import { EventFeed } from './event-feed.ts';
import { faultHandler, startFaults, withFaults } from './faults.ts';
import { greeting, type Ready } from './greeting.ts';
import { controlHandlers, Services } from './handlers.ts';
import { eventNarrator, humanLog } from './human-log.ts';
import { watchNamespace } from './namespace-watch.ts';
import type { UpOptions } from './options.ts';

const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** After a signal it ends within a second, whatever hangs. */
const STOP_PATIENCE = 800;
const LINGER_POLL = 50;

/** The parts that live while the stack does. */
interface Running {
  readonly options: UpOptions;
  readonly stack: NodeStack;
  readonly services: Services;
  readonly feed: EventFeed;
  readonly captures: Captures;
  readonly control: ControlServer;
  readonly log: Logger;
}

/** Runs until a signal or a failure. Resolves to the exit code. */
export async function runUp(options: UpOptions, device: Device): Promise<number> {
  const log = humanLog(options.quiet);
  const end = new Ending();
  // From here on a signal undoes what has been done.
  for (const signal of STOP_SIGNALS) process.on(signal, () => end.ask(EXIT_OK));
  surviveDeafReaders(log);
  const running = await start(options, device, log, end);
  process.on('uncaughtException', (error) => {
    log.error(error);
    end.ask(EXIT_FAILED);
  });
  const forget = watchNamespace(options.netns, () => {
    log.error(`the network namespace ${options.netns} was deleted: make it and start again`);
    end.ask(EXIT_FAILED);
  });
  if (!end.asked) announce(running);
  const code = await end.first;
  forget();
  const whole = await shutDown(running, code === EXIT_OK ? options.linger : 0, end.second);
  return whole ? code : EXIT_FAILED;
}

/** The first signal or failure ends the stack, the second the patience with its connections. */
class Ending {
  asked = false;
  readonly first: Promise<number>;
  readonly second: Promise<void>;
  private readonly resolveFirst: (code: number) => void;
  private readonly resolveSecond: () => void;

  constructor() {
    let first: (code: number) => void = () => {};
    let second: () => void = () => {};
    this.first = new Promise((resolve) => (first = resolve));
    this.second = new Promise((resolve) => (second = resolve));
    this.resolveFirst = first;
    this.resolveSecond = second;
  }

  ask(code: number): void {
    if (this.asked) this.resolveSecond();
    this.asked = true;
    this.resolveFirst(code);
  }
}

/** Who read our output may leave (`up --json | head -1`): the stack goes on. */
function surviveDeafReaders(log: Logger): void {
  process.stdout.removeAllListeners('error');
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') log.warn(`stdout takes no more (${error.code}): the stack goes on`);
  });
}

async function start(options: UpOptions, device: Device, log: Logger, end: Ending): Promise<Running> {
  const recorder = new TraceRecorder({ clock: systemClock });
  const feed = new EventFeed(recorder);
  const faulty = withFaults(device, options.seed, recorder);
  const { faults } = faulty;
  const captures = new Captures(faulty, feed, options);
  let stack: NodeStack | null = null;
  let control: ControlServer | null = null;
  try {
    if (options.www !== null) checkFolder(options.www);
    stack = await createStack({
      device: faulty,
      // With the subnet, so that its broadcast addresses are none of a host.
      address: options.address.map((one) => `${one}/${options.peer.length}`),
      mtu: options.mtu,
      profile: options.profile,
      config: options.config,
      trace: recorder,
    });
    stack.onFailure = (error) => {
      log.error(`the device has failed: ${error.message}`);
      end.ask(EXIT_FAILED);
    };
    if (options.log !== null) {
      await feed.writeTo(options.log, logHeader(options, stack), (sentence) => log.error(sentence));
    }
    if (options.pcapng !== null) {
      await captures.writeTo(options.pcapng, (sentence) => log.error(sentence));
    }
    feed.tellPeople(eventNarrator(log));
    startFaults(faults, stack, options.fault);
    const services = new Services(stack, options.www);
    const path = options.control ?? newSocketPath(options.netns, device.name);
    control = await ControlServer.open(
      path,
      new Map([
        ...controlHandlers(stack, services, feed, {
          netns: options.netns,
          userNamespace: inOwnUserNamespace(),
          pid: process.pid,
        }),
        ['fault', faultHandler(faults, device)] as const,
        ['capture', captures.handler] as const,
      ]),
    );
    for (const name of options.services) await services.start(name);
    return { options, stack, services, feed, captures, control, log };
  } catch (error) {
    await control?.close();
    await captures.close();
    await feed.close();
    await (stack === null ? device.close() : stack.close());
    throw error;
  }
}

/** @throws CliError */
function checkFolder(path: string): void {
  try {
    readdirSync(path);
  } catch (error) {
    throw unusable(`the folder ${path} cannot be served`, error, 'choose another with --www');
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
  if (ready.uid === 0 && !inOwnUserNamespace() && !hasNetAdmin()) {
    process.stderr.write('fourwave: going on as uid 0 without capabilities: name another user with --user\n');
  }
  if (options.json) printJson(ready);
  else if (!options.quiet)
    print(greeting(ready, services.running, { paint: painter(), userNamespace: inOwnUserNamespace() }));
}

/** Resolves to whether the files, if any, are complete. */
async function shutDown(running: Running, linger: number, hurry: Promise<void>): Promise<boolean> {
  const { stack, services, feed, captures, control } = running;
  if (linger > 0) await Promise.race([drained(stack, linger), hurry]);
  const patience = setTimeout(() => process.exit(EXIT_FAILED), STOP_PATIENCE);
  patience.unref();
  await services.stopAll();
  await captures.end();
  await control.close();
  await stack.close();
  const captured = await captures.close();
  const logged = await feed.close();
  clearTimeout(patience);
  return captured && logged;
}

/** Resolves when no connection is open any more, or after `linger` ms. TIME-WAIT is not waited for. */
async function drained(stack: NodeStack, linger: number): Promise<void> {
  const end = performance.now() + linger;
  while (performance.now() < end && stack.tcp.stats.connections > 0) {
    await new Promise((resolve) => setTimeout(resolve, LINGER_POLL));
  }
}
