/** The program of a worker: one queue, one stack on the shared address, and its services. */

import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { Exchange } from '../../../device/exchange.ts';
import { SteeredDevice } from '../../../device/steered-device.ts';
import { keyAsRandom } from '../../../device/steering-key.ts';
import { TunDevice } from '../../../device/tun.ts';
import { type Clock, createStack, type NodeStack } from '../../../index.ts';
import { systemClock } from '../../../stack/driver.ts';
import { TraceRecorder } from '../../../trace/recorder.ts';
import { Steering } from '../../../wire/steering.ts';
import { describe } from '../../errors.ts';
import { Captures } from '../captures.ts';
import { EventFeed } from '../event-feed.ts';
import { faultHandler, startFaults, withFaults } from '../faults.ts';
import { controlHandlers, Services } from '../handlers.ts';
import { isTold } from '../human-log.ts';
import { kernelSide } from '../outside.ts';
import { whyHandler } from '../recorder-source.ts';
import { offloadOf } from '../run.ts';
import { serveCalls } from './conversations.ts';
import { EventSender } from './event-sender.ts';
import { markedLog } from './marked-log.ts';
import type { FromWorker, WorkerStart } from './messages.ts';
import { siblingsOf } from './siblings.ts';

/** The main thread's clock: threads may count from their own beginning. */
function sharedClock(timeOrigin: number): Clock {
  const skew = (performance.timeOrigin - timeOrigin) * 1000;
  if (skew === 0) return systemClock;
  return {
    get now(): number {
      return systemClock.now + skew;
    },
  };
}

async function run(port: MessagePort, start: WorkerStart): Promise<void> {
  const { options, tun, index, count } = start;
  const post = (message: FromWorker): void => port.postMessage(message);
  const clock = sharedClock(start.timeOrigin);
  const recorder = new TraceRecorder({ clock, origin: start.origin, first: index + 1, step: count });
  const feed = new EventFeed(recorder);
  const exchange = new Exchange(start.exchange, index, count);
  const steering = new Steering(keyAsRandom(start.key), count);
  const queue = new TunDevice({ ...tun, queues: [tun.queues[index] as number], diagnosis: -1, raw: -1 });
  queue.polled = options.busyPoll;
  const device = new SteeredDevice(queue, { exchange, steering, index, sort: start.sort });
  const faulty = withFaults(device, options.seed + index, recorder, new Int32Array(start.hits));
  const captures = new Captures(faulty, feed, options);
  const stack: NodeStack = await createStack({
    device: faulty,
    address: options.address.map((one) => `${one}/${options.peer.length}`),
    mtu: options.mtu,
    profile: options.profile,
    config: options.config,
    clock,
    trace: recorder,
    busyPoll: options.busyPoll,
    siblings: siblingsOf(index, steering, exchange, start.secret),
  });
  const broken = (message: string): void => post({ type: 'broken', message });
  process.on('uncaughtException', (error) => broken(error.stack ?? String(error)));
  stack.onFailure = (error) => broken(`the device has failed: ${error.message}`);
  recorder.keepTimeWith(stack.clock);
  // In a turn the time stands still: what it still tells is not earlier than that.
  const now = (): number => {
    stack.refreshClock();
    return (stack.clock.now - start.origin) / 1e6;
  };
  const sender = new EventSender(post, { everything: options.log !== null, now });
  feed.tellPeople((event) => sender.add(event), options.log === null ? isTold : undefined);
  startFaults(faulty.faults, stack, options.fault);
  const services = new Services(stack, options.www);
  const about = { netns: options.netns, userNamespace: false, pid: process.pid };
  const handlers = new Map([
    ...controlHandlers(stack, services, feed, about),
    ['log', markedLog(recorder, now)] as const,
    ['fault', faultHandler(faulty.faults, kernelSide(tun.raw))] as const,
    ['capture', captures.handler] as const,
    ['why', whyHandler(recorder)] as const,
    ['handed', () => ({ handedOver: exchange.handedOver, handedOverLost: exchange.lost })] as const,
  ]);
  const stop = async (): Promise<void> => {
    await services.stopAll();
    await stack.close();
    // The resets are part of the capture.
    await new Promise((resolve) => setImmediate(resolve));
    await captures.end();
    sender.close();
    await feed.close();
    process.exit();
  };
  serveCalls(port, handlers, () => void stop());
  for (const name of options.services) await services.start(name);
  post({ type: 'ready', offload: offloadOf(stack), config: stack.tcp.config });
}

const port = parentPort as MessagePort;
run(port, workerData as WorkerStart).catch((error: unknown) => {
  const { exitCode: exit, message } = describe(error);
  port.postMessage({ type: 'refused', failure: { exit, message } } satisfies FromWorker);
});
