/** The two machines of a simulation, each of which can be switched off and on again. */

import { FaultDevice } from '../../faults/fault-device.ts';
import { lookupIn } from '../../faults/stack-lookup.ts';
import { clockTimeline } from '../../faults/timeline.ts';
import { createPosix, type Posix } from '../../posix/index.ts';
import { Link, type SimDevice, type World } from '../../sim/index.ts';
import { Stack } from '../../stack/stack.ts';
import type { State } from '../../tcp/state.ts';
import type { Tcb } from '../../tcp/tcb.ts';
import { TraceRecorder } from '../../trace/recorder.ts';
import type { Setting, StackOptions } from '../lab.ts';
import { LabServices } from '../services/services.ts';
import { KERNEL_ADDRESS, type ServiceOptions, STACK_ADDRESS } from '../stage.ts';
import { Plug } from './plug.ts';
import type { LabRecorder } from './recorder.ts';
import { optionsOfSysctls } from './sysctl.ts';

/** µs one way: what a TUN and two wake-ups take. */
const DELAY = 100;
const MTU = 1500;

/** A cable between S (its end `a`) and K. */
export function cable(world: World): Link {
  return new Link(world, { mtu: MTU, impairments: { delay: DELAY } }, 'cable');
}

/** S: faults, stack, services; what it does is recorded. */
export class StackEnd {
  stack: Stack;
  services: LabServices;
  readonly device: FaultDevice;
  private plug: Plug;
  private readonly world: World;
  private readonly recorder: LabRecorder;
  private readonly setting: Setting;
  private readonly line: SimDevice;

  constructor(world: World, line: SimDevice, setting: Setting, recorder: LabRecorder) {
    this.world = world;
    this.line = line;
    this.setting = setting;
    this.recorder = recorder;
    const timeline = clockTimeline(world.clock);
    this.plug = new Plug(line);
    this.device = new FaultDevice(line, { timeline, seed: 1, trace: recorder });
    [this.stack, this.services] = this.boot(setting.stack ?? {});
  }

  /** Off and on: nothing is remembered, and nobody is toldTo. */
  reboot(options: StackOptions): void {
    this.plug.pull();
    this.world.clock.unregister(this.stack);
    [this.stack, this.services] = this.boot({ ...this.setting.stack, ...options });
    // Names of connections are used once in a log.
    while (this.recorder.lastId > 0 && this.stack.tcp.context.takeId() < this.recorder.lastId);
    this.recorder.note('stack:started', {
      ...{ addresses: [STACK_ADDRESS], mtu: MTU, tun: this.line.name, offload: [], uid: null },
    });
    this.services.startAll();
  }

  private boot(config: StackOptions): [Stack, LabServices] {
    const { world, recorder } = this;
    this.plug = new Plug(this.device);
    const stack = new Stack({
      device: this.plug,
      clock: world.clock,
      random: world.randomFor('S'),
      address: `${STACK_ADDRESS}/24`,
      profile: this.setting.profile ?? 'default',
      config,
      trace: recorder,
    });
    this.device.faults.bind(lookupIn(stack));
    const after = (ms: number, run: () => void): void => world.after(ms * 1000, run);
    const services: Readonly<Record<string, ServiceOptions>> = this.setting.services ?? {};
    return [stack, new LabServices({ stack, after }, services)];
  }
}

/** K: our stack with Linux's habits. */
export class KernelEnd {
  stack: Stack;
  posix: Posix;
  private plug: Plug;
  private readonly world: World;
  private readonly line: SimDevice;
  private readonly setting: Setting;
  private readonly trace: KernelTrace;

  constructor(world: World, line: SimDevice, setting: Setting, recorder: LabRecorder) {
    this.world = world;
    this.line = line;
    this.setting = setting;
    this.trace = new KernelTrace(recorder, { clock: world.clock, events: 16, connections: 1 });
    this.plug = new Plug(line);
    [this.stack, this.posix] = this.boot();
  }

  reboot(): void {
    this.plug.pull();
    this.world.clock.unregister(this.stack);
    [this.stack, this.posix] = this.boot();
  }

  private boot(): [Stack, Posix] {
    const { world, setting } = this;
    this.plug = new Plug(this.line);
    const stack = new Stack({
      device: this.plug,
      clock: world.clock,
      random: world.randomFor('K'),
      address: `${KERNEL_ADDRESS}/24`,
      profile: 'linux',
      config: { ...optionsOfSysctls(setting.kernel ?? {}), ...setting.simKernel },
      trace: this.trace,
    });
    return [stack, createPosix(stack)];
  }
}

/** Of K only its states are recorded, in S's log. */
class KernelTrace extends TraceRecorder {
  private readonly toldTo: LabRecorder;

  constructor(toldTo: LabRecorder, options: ConstructorParameters<typeof TraceRecorder>[0]) {
    super(options);
    this.toldTo = toldTo;
  }

  override stateChanged(tcb: Tcb, from: State, on: string): void {
    super.stateChanged(tcb, from, on);
    this.toldTo.peerChanged(tcb);
  }
}
