/** `fourwave up --queues N`: N workers, each with a stack of its own, that look like one from outside. */

import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { exchangeMemory } from '../../../device/exchange.ts';
import { keyAsRandom } from '../../../device/steering-key.ts';
import type { TunDescription } from '../../../device/tun.ts';
import { systemClock } from '../../../stack/driver.ts';
import type { LogEvent } from '../../../trace/log-event.ts';
import { Steering } from '../../../wire/steering.ts';
import type { ServiceState } from '../../commands/look.ts';
import { newSocketPath } from '../../control/paths.ts';
import { ControlServer } from '../../control/server.ts';
import { EXIT_FAILED, EXIT_OK } from '../../errors.ts';
import type { Stats } from '../../render/stats.ts';
import { inOwnUserNamespace } from '../device.ts';
import { type Ending, endingBySignal, endWithTrouble, STOP_PATIENCE } from '../ending.ts';
import { tellReady } from '../greeting.ts';
import { eventNarrator, humanLog } from '../human-log.ts';
import { logHeader } from '../log-header.ts';
import type { UpOptions } from '../options.ts';
import { checkFolder } from '../run.ts';
import { MergedCaptureFile } from './merged-capture.ts';
import { MergedLogFile } from './merged-log.ts';
import type { WorkerReady, WorkerStart } from './messages.ts';
import { Queue, type QueueListener } from './queue.ts';
import { Routes } from './routes.ts';
import { SECRET_LENGTH } from './siblings.ts';

const LINGER_POLL = 50;
/** Rules of the fault language whose hits all workers count together. */
const RULES = 1 << 12;

/** The parts that live while the stack does. */
interface Running {
  readonly options: UpOptions;
  readonly tun: TunDescription;
  readonly queues: readonly Queue[];
  readonly routes: Routes;
  readonly ready: WorkerReady;
  readonly services: readonly ServiceState[];
  readonly logFile: MergedLogFile | null;
  readonly captureFile: MergedCaptureFile | null;
  readonly control: ControlServer;
}

/** Runs until a signal or a failure. Resolves to the exit code. */
export async function runQueues(options: UpOptions, tun: TunDescription): Promise<number> {
  const log = humanLog(options.quiet);
  const end = endingBySignal(log);
  const running = await start(options, tun, log, end);
  const forget = endWithTrouble(end, options.netns, log);
  if (!end.asked) announce(running);
  const code = await end.first;
  forget();
  const whole = await shutDown(running, code === EXIT_OK ? options.linger : 0, end.second);
  return whole ? code : EXIT_FAILED;
}

async function start(options: UpOptions, tun: TunDescription, log: Logger, end: Ending): Promise<Running> {
  if (options.www !== null) checkFolder(options.www);
  const count = tun.queues.length;
  const failed = (sentence: string): void => log.error(sentence);
  const logFile = options.log === null ? null : await MergedLogFile.open(options.log, count, failed);
  const common = whatWorkersShare(options, tun);
  const listener = listenerFor(log, logFile, end);
  const queues = tun.queues.map((_, index) => new Queue({ ...common, index }, listener));
  const key = keyAsRandom(common.key);
  const routes = new Routes(queues, {
    about: { netns: options.netns, userNamespace: inOwnUserNamespace(), pid: process.pid },
    steering: new Steering(key, count),
    addresses: options.address,
  });
  let control: ControlServer | null = null;
  try {
    const [ready] = (await Promise.all(queues.map((queue) => queue.ready))) as [WorkerReady];
    logFile?.header(logHeader(options, ready.config));
    const captureFile =
      options.pcapng === null ? null : await MergedCaptureFile.open(options.pcapng, queues, failed);
    const path = options.control ?? newSocketPath(options.netns, tun.name);
    control = await ControlServer.open(path, routes.handlers);
    const [all] = (await routes.all<ServiceState[]>('service', { verb: 'list' })) as [ServiceState[]];
    const services = all.filter(({ running }) => running);
    return { options, tun, queues, routes, ready, services, logFile, captureFile, control };
  } catch (error) {
    // Nobody waits for what a failure has left over.
    end.ask(EXIT_FAILED);
    await control?.close();
    await Promise.all(queues.map((queue) => queue.stop()));
    await logFile?.close();
    throw error;
  }
}

function whatWorkersShare(options: UpOptions, tun: TunDescription): Omit<WorkerStart, 'index'> {
  const count = tun.queues.length;
  return {
    ...{ options, tun, count, sort: tun.steered !== true },
    key: tun.steering ?? { low: 0, high: 0 },
    exchange: exchangeMemory(count),
    secret: randomBytes(SECRET_LENGTH),
    hits: new SharedArrayBuffer(4 * RULES),
    timeOrigin: performance.timeOrigin,
    origin: systemClock.now,
  };
}

function listenerFor(log: Logger, logFile: MergedLogFile | null, end: Ending): QueueListener {
  const narrate = eventNarrator(log);
  return {
    events(index: number, events: readonly LogEvent[], mark: number): void {
      logFile?.add(index, events, mark);
      for (const event of events) narrate(event);
    },
    broken(sentence: string): void {
      // One failure is every queue's: the first says it.
      if (!end.asked) log.error(sentence);
      end.ask(EXIT_FAILED);
    },
  };
}

function announce({ options, tun, ready, services, control }: Running): void {
  tellReady(options, {
    ...{ tun: tun.name, offload: ready.offload, services, control: control.path },
    ...{ queues: tun.queues.length, steering: tun.steered === true ? 'bpf' : 'ring' },
  });
}

/** Resolves to whether the files, if any, are complete. */
async function shutDown(running: Running, linger: number, hurry: Promise<void>): Promise<boolean> {
  const { queues, routes, logFile, captureFile, control } = running;
  if (linger > 0) await Promise.race([drained(routes, linger), hurry]);
  const patience = setTimeout(() => process.exit(EXIT_FAILED), STOP_PATIENCE);
  patience.unref();
  await Promise.all(queues.map((queue) => queue.stop()));
  await control.close();
  const captured = (await captureFile?.close()) ?? true;
  const logged = (await logFile?.close()) ?? true;
  clearTimeout(patience);
  return captured && logged;
}

/** Resolves when no connection is open any more, or after `linger` ms. TIME-WAIT is not waited for. */
async function drained(routes: Routes, linger: number): Promise<void> {
  const end = performance.now() + linger;
  while (performance.now() < end) {
    const stats = await routes.all<Stats>('stats');
    if (stats.every(({ tables }) => tables['connections'] === 0)) return;
    await new Promise((resolve) => setTimeout(resolve, LINGER_POLL));
  }
}
