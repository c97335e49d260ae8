/** A stack behind a bad link, in a process and a namespace of its own. */

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ask } from '../../src/cli/control/client.ts';
import type { Impairments } from '../../src/sim/index.ts';
import type { ImpairedUpOptions, Vitals } from './impaired-up.ts';
import { eventually, Program, type Ready, RunningStack, STACK } from './running-stack.ts';
import { programArguments } from './source-program.ts';

const SOURCE = fileURLToPath(new URL('./impaired-up.ts', import.meta.url));
const READY_PATIENCE = 30_000;

export type ImpairedStackOptions = Partial<
  Omit<ImpairedUpOptions, 'netns' | 'control' | 'address' | 'peer' | 'forward'>
> & {
  /** A port that is forwarded; what went through is written to files in the stack's folder. */
  readonly forward?: number;
  /** The program collects its garbage before it reports its memory. */
  readonly collectGarbage?: boolean;
};

export class ImpairedStack extends RunningStack {
  private readonly options: ImpairedStackOptions;

  private constructor(options: ImpairedStackOptions) {
    super();
    this.options = options;
  }

  static async begin(options: ImpairedStackOptions = {}): Promise<ImpairedStack> {
    const stack = new ImpairedStack(options);
    try {
      await stack.startUp();
    } catch (error) {
      await stack.close();
      throw error;
    }
    return stack;
  }

  override async startUp(): Promise<void> {
    const { collectGarbage = false, forward, ...given } = this.options;
    const options: ImpairedUpOptions = {
      mtu: 1500,
      impairments: {},
      ...given,
      netns: this.name,
      control: join(this.folder, 'control.sock'),
      address: STACK,
      peer: `${this.kernel}/24`,
      ...(forward === undefined ? {} : { forward: { port: forward, folder: this.folder } }),
    };
    const node = [...(collectGarbage ? ['--expose-gc'] : []), ...programArguments(SOURCE)];
    const up = this.keep(new Program(process.execPath, [...node, JSON.stringify(options)]));
    this.up = up;
    const begin = performance.now();
    await eventually(
      () => up.text.includes('\n') || !up.running,
      () => `ready: ${up.stderr}`,
      READY_PATIENCE,
    );
    if (!up.running) throw new Error(`the stack ended: ${up.stderr}`);
    this.readyAfter = performance.now() - begin;
    this.ready = JSON.parse(up.text.slice(0, up.text.indexOf('\n'))) as Ready;
  }

  /** From now on, both ways. */
  async impair(impairments: Impairments): Promise<void> {
    await this.ask('impair', { ...impairments });
  }

  vitals(): Promise<Vitals> {
    return this.ask('vitals');
  }

  /** One question at the control socket. */
  ask<Answer>(command: string, args: Record<string, unknown> = {}): Promise<Answer> {
    return ask<Answer>({ control: this.ready.control }, command, args);
  }
}
