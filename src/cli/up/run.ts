/** `fourwave up`: from checked arguments to a running stack, and to its end. */

import { readdirSync } from 'node:fs';
import type { Logger } from 'pino';
import type { FaultDevice } from '../../faults/fault-device.ts';
import { createStack, type Device, type NodeStack } from '../../index.ts';
import { systemClock } from '../../stack/driver.ts';
import { TraceRecorder } from '../../trace/recorder.ts';
import { newSocketPath } from '../control/paths.ts';
import { ControlServer } from '../control/server.ts';
import { EXIT_FAILED, EXIT_OK, unusable } from '../errors.ts';
import { Captures } from './captures.ts';
import { inOwnUserNamespace } from './device.ts';
import { type Ending, endingBySignal, endWithTrouble, STOP_PATIENCE } from './ending.ts';
import { EventFeed } from './event-feed.ts';
import { faultHandler, startFaults, withFaults } from './faults.ts';
import { tellReady } from './greeting.ts';
import { controlHandlers, Services } from './handlers.ts';
import { humanLog, isNarrated, narrator } from './human-log.ts';
import { logHeader } from './log-header.ts';
import type { UpOptions } from './options.ts';
import { kernelSideOf } from './outside.ts';
import { watchPeers } from './peer-watch.ts';
import { whyHandler } from './recorder-source.ts';
import { Recording } from './recording.ts';

const LINGER_POLL = 50;

/** The parts that live while the stack does. */
interface Running {
  readonly options: UpOptions;
  readonly stack: NodeStack;
  readonly services: Services;
  readonly feed: EventFeed;
  readonly captures: Captures;
  readonly recording: Recording | null;
  readonly control: ControlServer;
  readonly log: Logger;
}

/** Runs until a signal or a failure. Resolves to the exit code. */
export async function runUp(options: UpOptions, device: Device): Promise<number> {
  const log = humanLog(options.quiet);
  const end = endingBySignal(log);
  const running = await start(options, device, log, end);
  const forget = endWithTrouble(end, options.netns, log);
  if (!end.asked) announce(running);
  const code = await end.first;
  forget();
  const whole = await shutDown(running, code === EXIT_OK ? options.linger : 0, end.second);
  return whole ? code : EXIT_FAILED;
}

async function start(options: UpOptions, device: Device, log: Logger, end: Ending): Promise<Running> {
  const { recorder, feed, faulty, captures, recording } = await instruments(options, device, log);
  const { faults } = faulty;
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
      record: recording?.tape ?? null,
      busyPoll: options.busyPoll,
    });
    stack.onFailure = (error) => {
      log.error(`the device has failed: ${error.message}`);
      end.ask(EXIT_FAILED);
    };
    if (options.log !== null) {
      await feed.writeTo(options.log, logHeader(options, stack.tcp.config), (sentence) =>
        log.error(sentence),
      );
    }
    if (options.pcapng !== null) {
      await captures.writeTo(options.pcapng, (sentence) => log.error(sentence));
    }
    noteStart(recorder, options, stack);
    watchPeers({ device, stack, recorder, addresses: options.address });
    feed.tellPeople(narrator(log), isNarrated);
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
        ['fault', faultHandler(faults, kernelSideOf(device))] as const,
        ['capture', captures.handler] as const,
        ['why', whyHandler(recorder)] as const,
      ]),
    );
    for (const name of options.services) await services.start(name);
    return { options, stack, services, feed, captures, recording, control, log };
  } catch (error) {
    await control?.close();
    await captures.close();
    await feed.close();
    await (stack === null ? device.close() : stack.close());
    await recording?.close();
    throw error;
  }
}

/** Everything that looks on. */
interface Instruments extends Pick<Running, 'feed' | 'captures' | 'recording'> {
  readonly recorder: TraceRecorder;
  readonly faulty: FaultDevice;
}

/** @throws CliError when the recording cannot be opened */
async function instruments(options: UpOptions, device: Device, log: Logger): Promise<Instruments> {
  const say = (sentence: string): void => log.error(sentence);
  const recording = options.record === null ? null : await Recording.open(options.record, options, say);
  const recorder = recording?.recorder ?? new TraceRecorder({ clock: systemClock });
  const feed = new EventFeed(recorder);
  const faulty = withFaults(device, options.seed, recorder);
  faulty.tape = recording;
  return { recorder, feed, faulty, captures: new Captures(faulty, feed, options), recording };
}

/** @throws CliError */
export function checkFolder(path: string): void {
  try {
    readdirSync(path);
  } catch (error) {
    throw unusable(`the folder ${path} cannot be served`, error, 'choose another with --www');
  }
}

function announce({ options, stack, services, control }: Running): void {
  tellReady(options, {
    tun: stack.device.name,
    offload: offloadOf(stack),
    services: services.running,
    control: control.path,
    ...{ queues: 1, steering: null },
  });
}

function noteStart(recorder: TraceRecorder, { address, mtu, record }: UpOptions, stack: NodeStack): void {
  // A recording has the readings of its clock: they stay what they are.
  if (record === null) recorder.keepTimeWith(stack.clock);
  recorder.note('stack:started', {
    ...{ addresses: address, mtu, tun: stack.device.name, offload: offloadOf(stack) },
    uid: process.getuid?.() ?? null,
  });
}

/** What the device does for the stack, as the ready line names it. */
export function offloadOf({ device }: NodeStack): string[] {
  return [...(device.checksumOffload ? ['csum'] : []), ...(device.segmentationLimit > 0 ? ['tso4'] : [])];
}

/** Resolves to whether the files, if any, are complete. */
async function shutDown(running: Running, linger: number, hurry: Promise<void>): Promise<boolean> {
  const { stack, services, feed, captures, recording, control } = running;
  if (linger > 0) await Promise.race([drained(stack, linger), hurry]);
  const patience = setTimeout(() => process.exit(EXIT_FAILED), STOP_PATIENCE);
  patience.unref();
  await services.stopAll();
  await captures.end();
  await control.close();
  await stack.close();
  feed.recorder.note('stack:stopped', {});
  const captured = await captures.close();
  const recorded = (await recording?.close()) ?? true;
  const logged = await feed.close();
  clearTimeout(patience);
  return captured && recorded && logged;
}

/** Resolves when no connection is open any more, or after `linger` ms. TIME-WAIT is not waited for. */
async function drained(stack: NodeStack, linger: number): Promise<void> {
  const end = performance.now() + linger;
  while (performance.now() < end && stack.tcp.stats.connections > 0) {
    await new Promise((resolve) => setTimeout(resolve, LINGER_POLL));
  }
}
