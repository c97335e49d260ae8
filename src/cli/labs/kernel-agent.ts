/** Plain sockets of the kernel, through a few lines of Python in the lab's namespace. */

import { createInterface } from 'node:readline';
import {
  KERNEL_ADDRESS,
  type PeerSocket,
  type PeerSocketOptions,
  STACK_ADDRESS,
  StageError,
} from '../../labs/stage.ts';
import { AGENT_SOURCE } from './kernel-agent-source.ts';
import { RealProgram } from './real-program.ts';
import type { Realm } from './realm.ts';

interface Answer {
  readonly id?: number;
  readonly ok?: unknown;
  readonly error?: string;
  /** What happened to a socket without being asked for. */
  readonly socket?: number;
  readonly data?: string;
  readonly end?: true;
  readonly failed?: string;
}

export class KernelAgent {
  private readonly program: RealProgram;
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private readonly sockets = new Map<number, AgentSocket>();
  private requests = 0;

  constructor(realm: Realm) {
    this.program = new RealProgram({ way: realm.enter([]), command: ['python3', '-u', '-c', AGENT_SOURCE] });
    const lines = createInterface({ input: this.program.output });
    lines.on('line', (line) => this.take(JSON.parse(line) as Answer));
    void this.program.ended.then(() => this.over());
  }

  private take(answer: Answer): void {
    if (answer.id !== undefined) {
      const done = this.waiting.get(answer.id);
      this.waiting.delete(answer.id);
      done?.(answer);
    } else if (answer.socket !== undefined) this.sockets.get(answer.socket)?.take(answer);
  }

  private over(): void {
    for (const done of this.waiting.values()) done({ error: this.program.stderr.slice(-200) || 'EPIPE' });
    this.waiting.clear();
  }

  /** @throws StageError whose code is the call's errno */
  async call(op: string, request: object = {}): Promise<unknown> {
    const id = ++this.requests;
    const line = JSON.stringify({ id, op, kernel: KERNEL_ADDRESS, stack: STACK_ADDRESS, ...request });
    const answer = await new Promise<Answer>((resolve) => {
      this.waiting.set(id, resolve);
      this.program.write(`${line}\n`);
    });
    if (answer.error !== undefined) throw new StageError(answer.error, `${op}: ${answer.error}`);
    return answer.ok;
  }

  async open(options: PeerSocketOptions, name: string): Promise<PeerSocket> {
    // Named before it exists: what it receives at once has somewhere to go.
    const id = this.sockets.size + 1;
    const socket = new AgentSocket(this, id, name);
    this.sockets.set(id, socket);
    const opened = this.call('open', { socket: id, ...options }) as Promise<number>;
    // A listener waits for its connection; whoever made it goes on and makes one.
    if (options.listen === undefined) {
      socket.localPort = await opened.catch((error: unknown) => socket.failed(error));
    } else {
      socket.localPort = options.listen;
      opened.catch(() => {});
      await this.call('listening', { socket: id });
    }
    return socket;
  }

  /** Forgets every TCP connection of the namespace without a word: as a machine does that loses power. */
  async forget(): Promise<void> {
    await this.call('forget');
  }

  destroy(): Promise<void> {
    return this.program.destroy();
  }
}

class AgentSocket implements PeerSocket {
  readonly name: string;
  localPort = 0;
  ended = false;
  error = '';
  private readonly agent: KernelAgent;
  private readonly id: number;
  private readonly chunks: Buffer[] = [];
  private length = 0;

  constructor(agent: KernelAgent, id: number, name: string) {
    this.agent = agent;
    this.id = id;
    this.name = name;
  }

  take({ data, end, failed }: Answer): void {
    if (data !== undefined) {
      const bytes = Buffer.from(data, 'base64');
      this.chunks.push(bytes);
      this.length += bytes.length;
    }
    if (end === true) this.ended = true;
    if (failed !== undefined) this.error = failed;
  }

  get received(): string {
    return Buffer.concat(this.chunks).toString();
  }

  get bytes(): number {
    return this.length;
  }

  /** Nothing is thrown at the script: it looks at `error`. Returns no port. */
  failed(error: unknown): number {
    if (!(error instanceof StageError)) throw error;
    this.error ||= error.code;
    return 0;
  }

  private async call(op: string, more: object = {}): Promise<unknown> {
    try {
      return await this.agent.call(op, { socket: this.id, ...more });
    } catch (error) {
      this.failed(error);
      return undefined;
    }
  }

  async send(text: string | Uint8Array): Promise<void> {
    await this.call('send', { data: Buffer.from(text as string).toString('base64') });
  }

  async shutdown(): Promise<void> {
    await this.call('shutdown');
  }

  async close(): Promise<void> {
    await this.call('close');
  }

  async abort(): Promise<void> {
    await this.call('abort');
  }

  async pause(): Promise<void> {
    await this.call('pause');
  }

  async resume(): Promise<void> {
    await this.call('resume');
  }

  async read(bytes: number): Promise<string> {
    const data = (await this.call('read', { bytes })) as string | undefined;
    return Buffer.from(data ?? '', 'base64').toString();
  }
}
