/** Which worker answers which command, and how the answers of several become one. */

import type { Line } from '../../../faults/ast.ts';
import type { RuleInfo } from '../../../faults/faults.ts';
import { FaultSyntaxError } from '../../../faults/lexer.ts';
import { parseLine } from '../../../faults/parser.ts';
import type { ConnectionRecord } from '../../../stack/connection-record.ts';
import { parseAddress } from '../../../wire/address.ts';
import type { Steering } from '../../../wire/steering.ts';
import type { Conversation, Handler } from '../../control/server.ts';
import { usage } from '../../errors.ts';
import type { Stats } from '../../render/stats.ts';
import type { About } from '../handlers.ts';
import { listenEverywhere } from './listen.ts';
import { mergeConnections, mergeRules, mergeStats } from './merge.ts';
import { captureHandler } from './merged-capture.ts';
import { MergedLog } from './merged-log.ts';
import type { Queue } from './queue.ts';

type Arguments = Readonly<Record<string, unknown>>;

export interface RouteOptions {
  readonly about: About;
  readonly steering: Steering;
  /** The stack's addresses. */
  readonly addresses: readonly string[];
}

export class Routes {
  private readonly queues: readonly Queue[];
  private readonly options: RouteOptions;
  private readonly log: MergedLog;
  /** Whose turn it is to open a connection. */
  private turn = 0;

  constructor(queues: readonly Queue[], options: RouteOptions) {
    this.queues = queues;
    this.options = options;
    this.log = new MergedLog(queues, (conn) => this.ownerOf(conn));
  }

  get handlers(): Map<string, Handler> {
    const ofConnection = (command: string): [string, Handler] => [
      command,
      (conversation) =>
        this.ownerOf(conversation.arguments['id']).converse(command, conversation.arguments, conversation),
    ];
    return new Map<string, Handler>([
      ['about', () => this.options.about],
      [
        'ss',
        async ({ arguments: given }) => mergeConnections(await this.all<ConnectionRecord[]>('ss', given)),
      ],
      ['stats', () => this.stats()],
      ['config', async ({ arguments: given }) => (await this.all('config', given))[0]],
      ['service', async ({ arguments: given }) => (await this.all('service', given))[0]],
      ['connect', (conversation) => this.connect(conversation)],
      ['listen', (conversation) => listenEverywhere(this.queues, conversation)],
      ...['close', 'abort', 'pause', 'resume'].map(ofConnection),
      ['capture', captureHandler(this.queues)],
      ['log', this.log.handler],
      ['why', ({ arguments: given }) => this.ownerOf(given['n']).call('why', given)],
      ['fault', ({ arguments: given }) => this.fault(given)],
    ]);
  }

  /** Asks every worker. @throws the first refusal */
  async all<Answer>(command: string, given: Arguments = {}): Promise<Answer[]> {
    const answers = this.queues.map((queue) => queue.call(command, given) as Promise<Answer>);
    // All are waited for: what one refuses the others may still be doing.
    await Promise.allSettled(answers);
    return Promise.all(answers);
  }

  /** The worker whose connections, or events, have numbers like this one: they are dealt out in turn. */
  ownerOf(id: unknown): Queue {
    const number = Number(String(id).replace(/^c/, ''));
    const index = Number.isSafeInteger(number) && number > 0 ? (number - 1) % this.queues.length : 0;
    return this.queues[index] as Queue;
  }

  private async stats(): Promise<Stats> {
    const merged = mergeStats(await this.all<Stats>('stats'));
    const handed = await this.all<Record<string, number>>('handed');
    const tables: Record<string, number> = { ...merged.tables };
    for (const part of handed) {
      for (const [name, value] of Object.entries(part)) tables[name] = (tables[name] ?? 0) + value;
    }
    return { ...merged, tables };
  }

  /** In turn; a flow whose port is given belongs to one already. */
  private connect(conversation: Conversation): Promise<unknown> {
    const { arguments: given } = conversation;
    const { steering, addresses } = this.options;
    let index = this.turn++ % this.queues.length;
    const peer = parseAddress(String(given['host']));
    const local = parseAddress(addresses[0] as string);
    if (typeof given['localPort'] === 'number' && peer !== null && local !== null) {
      index = steering.queueOf(local, peer, given['localPort'], Number(given['port']));
    }
    return (this.queues[index] as Queue).converse('connect', given, conversation);
  }

  /** Rules are everybody's. What is sent at once, one worker sends: that which has what it takes. */
  private async fault(given: Arguments): Promise<RuleInfo[]> {
    if (given['verb'] !== 'add') return mergeRules(await this.all<RuleInfo[]>('fault', given));
    const line = parsed(String(given['text']));
    if (line.kind === 'rule' || line.kind === 'preset') {
      return mergeRules(await this.all<RuleInfo[]>('fault', given));
    }
    if (line.kind === 'forge') return (await this.ownerOf(line.conn ?? 1).call('fault', given)) as RuleInfo[];
    // What is kept under a name lies where its packet passed.
    const answers = await Promise.allSettled(this.queues.map((queue) => queue.call('fault', given)));
    const done = answers.find(({ status }) => status === 'fulfilled');
    if (done === undefined) throw (answers[0] as PromiseRejectedResult).reason;
    return [];
  }
}

/** @throws CliError */
function parsed(text: string): Line {
  try {
    return parseLine(text);
  } catch (error) {
    throw error instanceof FaultSyntaxError ? usage(error.message) : error;
  }
}
