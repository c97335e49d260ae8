/** `fourwave up --queues N`: N workers, each with a stack of its own, that look like one from outside. */

import { randomBytes } from 'node:crypto';
import { exchangeMemory } from '../../../device/exchange.ts';
import { keyAsRandom } from '../../../device/steering-key.ts';
import type { TunDescription } from '../../../device/tun.ts';
import { systemClock } from '../../../stack/driver.ts';
import { Steering } from '../../../wire/steering.ts';
import type { ServiceState } from '../../commands/look.ts';
import { newSocketPath } from '../../control/paths.ts';
import { ControlServer } from '../../control/server.ts';
import { EXIT_FAILED } from '../../errors.ts';
import { inOwnUserNamespace } from '../device.ts';
import { endingBySignal, endWithTrouble, STOP_PATIENCE } from '../ending.ts';
import { tellReady } from '../greeting.ts';
import { eventNarrator, humanLog } from '../human-log.ts';
import type { UpOptions } from '../options.ts';
import { checkFolder } from '../run.ts';
import type { WorkerStart } from './messages.ts';
import { Queue } from './queue.ts';
import { Routes } from './routes.ts';
import { SECRET_LENGTH } from './siblings.ts';

/** Rules of the fault language. */
const RULES = 1 << 16;

/** Runs until a signal or a failure. Resolves to the exit code. */
export async function runQueues(options: UpOptions, tun: TunDescription): Promise<number> {
  const log = humanLog(options.quiet);
  const end = endingBySignal(log);
  if (options.www !== null) checkFolder(options.www);
  const narrate = eventNarrator(log);
  const key = tun.steering ?? { low: 0, high: 0 };
  const count = tun.queues.length;
  const common: Omit<WorkerStart, 'index'> = {
    ...{ options, tun, count, key, sort: tun.steered !== true },
    exchange: exchangeMemory(count),
    secret: randomBytes(SECRET_LENGTH),
    hits: new SharedArrayBuffer(4 * RULES),
    timeOrigin: performance.timeOrigin,
    origin: systemClock.now,
  };
  const listener = {
    events: (_index: number, events: readonly Parameters<typeof narrate>[0][]) => events.forEach(narrate),
    broken: (sentence: string) => {
      if (!end.asked) log.error(sentence);
      end.ask(EXIT_FAILED);
    },
  };
  const queues = tun.queues.map((_, index) => new Queue({ ...common, index }, listener));
  const ready = await Promise.all(queues.map((queue) => queue.ready));
  const routes = new Routes(queues, {
    about: { netns: options.netns, userNamespace: inOwnUserNamespace(), pid: process.pid },
    steering: new Steering(keyAsRandom(key), count),
    addresses: options.address,
  });
  const path = options.control ?? newSocketPath(options.netns, tun.name);
  const control = await ControlServer.open(path, routes.handlers);
  const services = ((await routes.all('service', { verb: 'list' }))[0] as ServiceState[]).filter(
    ({ running }) => running,
  );
  const forget = endWithTrouble(end, options.netns, log);
  if (!end.asked)
    tellReady(options, {
      tun: tun.name,
      offload: ready[0]?.offload ?? [],
      services,
      control: path,
      queues: count,
      steering: tun.steered === true ? 'bpf' : 'ring',
    });
  const code = await end.first;
  forget();
  const patience = setTimeout(() => process.exit(EXIT_FAILED), STOP_PATIENCE);
  patience.unref();
  await control.close();
  await Promise.all(queues.map((queue) => queue.stop()));
  return code;
}
