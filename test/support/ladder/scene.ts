/**
 * A ladder played on a real TUN: our stack in this process at one end, the kernel at the other, every
 * segment between them seen, and on request lost, held back, copied or forged.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionRecord } from '../../../src/index.ts';
import { createStack, type NodeStack, tun } from '../../../src/index.ts';
import { type Aim, ImpairedDevice } from '../../../src/sim/index.ts';
import type { ConfigValue } from '../../../src/stack/config.ts';
import { RealTimeline } from '../real-timeline.ts';
import { eventually, Namespace, STACK, skipWithout } from '../running-stack.ts';
import { type End, KERNEL, KernelEnd, StackEnd } from './ends.ts';
import { difference, type Line, matchRungs, parseLadder, parseLine, type Rung, RungReader } from './rungs.ts';
import {
  type Agreement,
  checkPair,
  checkSendQ,
  checkTimer,
  describe,
  ourSsLine,
  parseSsLine,
  progressOf,
  type SsLine,
} from './sockets.ts';
import { watchForStarvation } from './starved.ts';
import { Watch } from './watch.ts';

export type Role = 'stack' | 'kernel';

export interface SceneOptions {
  /** Options of our stack, as for `--set`. */
  readonly config?: Readonly<Record<string, ConfigValue>>;
  /** Of the namespace: `{ 'net.ipv4.tcp_timestamps': 0 }`. */
  readonly sysctl?: Readonly<Record<string, number | string>>;
  readonly mtu?: number;
  /** Both ways, ms. */
  readonly delay?: number;
}

/** A rule: segments like `line`, `times` of them (default 1) after the first `skip`, meet `aim`. */
interface Rule {
  readonly line: Line;
  readonly aim: Aim;
  left: number;
  skip: number;
}

const PATIENCE = 10_000;

export class Scene {
  readonly namespace: Namespace;
  readonly stack: NodeStack;
  readonly device: ImpairedDevice;
  readonly ours: StackEnd;
  readonly kernel: KernelEnd;
  readonly A: End;
  readonly B: End;
  /** Every segment, in the order in which it was sent. */
  readonly rungs: Rung[] = [];
  readonly watch: Watch;
  private readonly timeline: RealTimeline;
  private readonly reader: RungReader;
  private readonly rules: Rule[] = [];
  private readonly began = performance.now();
  /** Rungs that an `expect` has had. */
  private seen = 0;

  private constructor(parts: Pick<Scene, 'namespace' | 'stack' | 'device' | 'watch'>, roleOfA: Role) {
    this.namespace = parts.namespace;
    this.stack = parts.stack;
    this.device = parts.device;
    this.watch = parts.watch;
    this.timeline = parts.device.timeline as RealTimeline;
    this.ours = new StackEnd(this.stack);
    this.kernel = new KernelEnd(this.namespace);
    this.A = roleOfA === 'stack' ? this.ours : this.kernel;
    this.B = roleOfA === 'stack' ? this.kernel : this.ours;
    this.reader = new RungReader(this.A.address);
  }

  static async start(roleOfA: Role, options: SceneOptions = {}): Promise<Scene> {
    const namespace = new Namespace();
    try {
      for (const [key, value] of Object.entries(options.sysctl ?? {})) {
        const { code, stderr } = await namespace.run('sysctl', ['-qw', `${key}=${value}`]);
        assert.equal(code, 0, stderr);
      }
      const watch = new Watch();
      const timeline = new RealTimeline();
      const real = tun({
        netns: namespace.name,
        peer: `${KERNEL}/24`,
        offload: 'off',
        ...(options.mtu === undefined ? {} : { mtu: options.mtu }),
      });
      const device = new ImpairedDevice(real, { timeline });
      const config = { ...options.config };
      const stack = await createStack({ device, address: STACK, config, trace: watch });
      const scene = new Scene({ namespace, stack, device, watch }, roleOfA);
      scene.connectDevice(options.delay ?? 0);
      return scene;
    } catch (error) {
      await namespace.close();
      throw error;
    }
  }

  private connectDevice(delay: number): void {
    // The rung is made when the packet is first seen; the direction asks for its fate right after.
    let last: Rung | null = null;
    this.device.onPacket = (packet) => {
      last = this.reader.read(packet, performance.now() - this.began);
      if (last !== null) this.rungs.push(last);
    };
    const aim = (): Aim | undefined => (last === null ? undefined : this.fateOf(last));
    this.device.impair({ delay: delay * 1000, aim });
  }

  private fateOf(rung: Rung): Aim | undefined {
    const rule = this.rules.find(({ left, line }) => left > 0 && difference(line, rung, undefined) === null);
    if (rule === undefined) return undefined;
    if (rule.skip > 0) {
      rule.skip--;
      return undefined;
    }
    rule.left--;
    if (rule.aim.drop === true) rung.fate = 'LOST';
    else rung.fate = rule.aim.delay === undefined ? 'COPIED' : 'LATE';
    return rule.aim;
  }

  /** Segments like this line will be lost: `scene.lose('A>B FIN,ACK')`. */
  lose(line: string, times = 1, skip = 0): void {
    this.rules.push({ line: parseLine(line), aim: { drop: true }, left: times, skip });
  }

  /** Held back for `delay` ms, and overtaken. */
  hold(line: string, delay: number, times = 1, skip = 0): void {
    this.rules.push({ line: parseLine(line), aim: { delay: delay * 1000 }, left: times, skip });
  }

  /** A copy arrives `after` ms later as well. */
  copy(line: string, after: number, times = 1, skip = 0): void {
    this.rules.push({ line: parseLine(line), aim: { copies: [after * 1000] }, left: times, skip });
  }

  /** Nothing gets through any more, in the given direction or both. */
  cut(...directions: ('in' | 'out')[]): void {
    const all = directions.length === 0 ? ['in', 'out'] : directions;
    const lost = {
      aim: (): Aim => {
        const rung = this.rungs.at(-1);
        if (rung !== undefined) rung.fate = 'LOST';
        return { drop: true };
      },
    };
    const aim = { aim: (): Aim | undefined => this.fateOf(this.rungs.at(-1) as Rung) };
    this.device.impair(all.includes('in') ? lost : aim, all.includes('out') ? lost : aim);
  }

  /** A whole packet, as if `from` had sent it. It becomes a rung. */
  inject(packet: Uint8Array, from: 'A' | 'B'): void {
    const rung = this.reader.read(packet, performance.now() - this.began);
    if (rung !== null) {
      rung.fate = 'INJECTED';
      this.rungs.push(rung);
    }
    const sender = from === 'A' ? this.A : this.B;
    this.device.inject(packet, sender.kind === 'kernel' ? 'in' : 'out');
  }

  /**
   * The next segments are these lines, no more and no less but for optional ones. Waits for them, and
   * then `quiet` ms for what should not come.
   */
  async expect(ladder: string, quiet = 60): Promise<Rung[]> {
    const lines = parseLadder(ladder);
    const needed = lines.filter(({ optional }) => !optional).length;
    const end = performance.now() + PATIENCE;
    const came = (): number => this.rungs.length - this.seen;
    while (came() < needed && performance.now() < end) await sleep(5);
    // Optional segments may have taken the places of those that must come.
    while (came() < lines.length && !this.matches(lines) && performance.now() < end) await sleep(5);
    await sleep(quiet);
    const matched = matchRungs(this.rungs, this.seen, lines);
    this.skip();
    return matched;
  }

  private matches(lines: readonly Line[]): boolean {
    try {
      matchRungs(this.rungs, this.seen, lines);
      return true;
    } catch {
      return false;
    }
  }

  /** Forgets the segments so far: the next `expect` begins after them. */
  skip(): void {
    this.seen = this.rungs.length;
  }

  /** Our connections, listeners left out. */
  connections(): ConnectionRecord[] {
    return (this.stack.connections() as ConnectionRecord[]).filter(({ state }) => state !== 'LISTEN');
  }

  /** The kernel's sockets, listeners left out. */
  async kernelSockets(): Promise<SsLine[]> {
    const { stdout } = await this.namespace.run('ss', ['-tanoH']);
    return stdout
      .toString()
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map(parseSsLine)
      .filter(({ state }) => state !== 'LISTEN');
  }

  /** Waits until the one connection is in these states at A and at B; CLOSED where there is none. */
  async states(a: string, b: string): Promise<void> {
    const [ours, kernels] = this.A.kind === 'stack' ? [a, b] : [b, a];
    let seen = '';
    await eventually(
      async () => {
        const kernel = (await this.kernelSockets())[0]?.state ?? 'CLOSED';
        const stack = this.connections()[0]?.state ?? 'CLOSED';
        seen = `stack ${stack}, kernel ${kernel}`;
        return stack === ours && kernel === kernels;
      },
      () => `stack ${ours}, kernel ${kernels}; instead ${seen}`,
      PATIENCE,
    );
  }

  /**
   * The kernel's `ss -tano` and ours, of every connection: the states of its two ends are a pair that
   * RFC 9293 allows, each end's Send-Q is what the other has not acknowledged, each shows the timer that
   * its state demands, and our table is written in the kernel's words.
   */
  async agree(agreement: Agreement = {}): Promise<void> {
    const { ours, kernels } = await this.bothTables();
    for (const line of ours) {
      const peer = kernels.find(
        ({ localPort, peerPort }) => localPort === line.peerPort && peerPort === line.localPort,
      );
      this.agreeOn(line, peer, agreement);
    }
    for (const line of kernels) {
      const known = ours.some(
        ({ peerPort, localPort }) => peerPort === line.localPort && localPort === line.peerPort,
      );
      if (!known) this.agreeOn(undefined, line, agreement);
    }
  }

  /** What both say of one moment: no segment has been seen between the two answers. */
  private async bothTables(): Promise<{ ours: SsLine[]; kernels: SsLine[] }> {
    const end = performance.now() + PATIENCE;
    for (;;) {
      const segments = this.rungs.length;
      const ours = this.connections().map(ourSsLine);
      const kernels = await this.kernelSockets();
      if (this.rungs.length === segments || performance.now() > end) return { ours, kernels };
    }
  }

  private agreeOn(ours: SsLine | undefined, kernels: SsLine | undefined, agreement: Agreement): void {
    const [ourName, kernelName] = this.A.kind === 'stack' ? (['A', 'B'] as const) : (['B', 'A'] as const);
    try {
      checkPair(ours?.state ?? 'CLOSED', kernels?.state ?? 'CLOSED', agreement);
      for (const [line, whose, name] of [
        [ours, 'our stack', ourName],
        [kernels, 'the kernel', kernelName],
      ] as const) {
        if (line === undefined) continue;
        checkTimer(line, whose);
        const progress = progressOf(this.rungs, [line.localPort, line.peerPort], name);
        checkSendQ(line, progress, agreement.unsent ?? false);
      }
    } catch (error) {
      if (error instanceof Error) error.message += `\n${describe(this.rungs, [ours, kernels])}`;
      throw error;
    }
  }

  async close(): Promise<void> {
    this.timeline.stop();
    await this.stack.close();
    await this.namespace.close();
  }
}

/** How often a ladder is played on a machine that has no time for it. */
const TRIES = 3;

/** Ends are named in the title: `A is the kernel`. */
const ROLES: Record<Role, string> = { stack: 'A is our stack', kernel: 'A is the kernel' };

/** A test of one ladder, for each end in the role of A, or for one. */
export function ladder(
  title: string,
  options: SceneOptions & {
    readonly roles?: readonly Role[];
    /** That the kernel's side runs. */
    readonly programs?: readonly string[];
  },
  play: (scene: Scene) => Promise<void>,
): void {
  for (const role of options.roles ?? (['kernel', 'stack'] as const)) {
    test(`${title}: ${ROLES[role]}`, {
      skip: skipWithout('python3', ...(options.programs ?? [])),
    }, async (t) => {
      for (let tries = 1; ; tries++) {
        const share = watchForStarvation();
        try {
          await playOnce(role, options, play);
          return;
        } catch (error) {
          const starved = share();
          if (starved === null || tries === TRIES) throw error;
          t.diagnostic(
            `once more: for ${Math.round(100 * starved)} % of the time a program waited for a processor`,
          );
        }
      }
    });
  }
}

async function playOnce(
  role: Role,
  options: SceneOptions,
  play: (scene: Scene) => Promise<void>,
): Promise<void> {
  const scene = await Scene.start(role, options);
  try {
    await play(scene);
    assert.equal(scene.stack.guarded, null, `a packet threw: ${scene.stack.guarded?.stack ?? ''}`);
  } finally {
    await scene.close();
  }
}
