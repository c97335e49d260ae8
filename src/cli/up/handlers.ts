/** What the running stack answers to each command. */

import type { NetModule, Service, ServiceStack } from '../../apps/service.ts';
import { createServices, type ServiceName } from '../../apps/services.ts';
import type { NodeStack } from '../../index.ts';
import { configEntries, configOption } from '../../stack/config.ts';
import { isWanted } from '../../trace/log-event.ts';
import type { ServiceState } from '../commands/look.ts';
import type { Handler } from '../control/server.ts';
import { usage } from '../errors.ts';
import { statsOf } from '../render/stats.ts';
import { type ConnectionCall, ConnectionCalls } from './connection-calls.ts';
import type { EventFeed } from './event-feed.ts';
import { labHandler } from './lab-host.ts';
import { netFailure } from './net-failure.ts';
import { connectHandler, listenHandler } from './netcat.ts';

/** The services of one stack. */
export class Services {
  private readonly all: Map<ServiceName, Service>;
  private readonly stack: NodeStack;

  constructor(stack: NodeStack, www: string | null) {
    this.stack = stack;
    this.all = new Map(createServices({ www }));
  }

  async start(name: ServiceName): Promise<void> {
    const service = this.find(name);
    await service.start(this.stack as unknown as ServiceStack, this.stack.net as unknown as NetModule);
  }

  /** Another one under the same name. It is not started. */
  async replace(name: ServiceName, service: Service): Promise<void> {
    await this.stop(name);
    this.all.set(name, service);
  }

  async stop(name: ServiceName): Promise<void> {
    await this.find(name).stop();
  }

  async stopAll(): Promise<void> {
    await Promise.allSettled([...this.all.values()].map((service) => service.stop()));
  }

  get running(): Service[] {
    return [...this.all.values()].filter((service) => service.running);
  }

  list(): ServiceState[] {
    return [...this.all.values()].map(({ name, port, running, text }) => ({ name, port, running, text }));
  }

  private find(name: ServiceName): Service {
    const service = this.all.get(name);
    if (service === undefined) throw usage(`there is no service ${JSON.stringify(name)}`);
    return service;
  }
}

/** What the running stack says about itself. */
export interface About {
  readonly netns: string | null;
  /** Its namespaces are its own: entered by pid. */
  readonly userNamespace: boolean;
  readonly pid: number;
}

export function controlHandlers(
  stack: NodeStack,
  services: Services,
  feed: EventFeed,
  about: About,
): ReadonlyMap<string, Handler> {
  const calls = new ConnectionCalls(stack);
  const call = (name: ConnectionCall): [string, Handler] => [
    name,
    ({ arguments: given }) => {
      calls.call(name, String(given['id']));
      return null;
    },
  ];
  return new Map<string, Handler>([
    ['about', () => about],
    ['ss', ({ arguments: given }) => stack.connections(given['raw'] === true)],
    ['stats', () => statsOf(stack.counters, stack.tcp.stats as unknown as Record<string, unknown>)],
    ['config', configHandler(stack, feed)],
    ['service', serviceHandler(services)],
    ['log', logHandler(feed)],
    ['connect', connectHandler(stack)],
    ['lab', labHandler({ stack, services, recorder: feed.recorder })],
    ['listen', listenHandler(stack)],
    call('close'),
    call('abort'),
    call('pause'),
    call('resume'),
  ]);
}

function configHandler(stack: NodeStack, { recorder }: EventFeed): Handler {
  return ({ arguments: { key, value } }) => {
    if (typeof key === 'string' && typeof value === 'string') {
      stack.configure({ [key]: value });
      recorder.note('stack:config', { key, value });
    }
    const entries = configEntries(stack.tcp.config, stack.profile);
    if (typeof key !== 'string') return entries;
    const { key: known } = configOption(key);
    return entries.filter((entry) => entry.key === known);
  };
}

function serviceHandler(services: Services): Handler {
  return async ({ arguments: { verb, name } }) => {
    if (verb === 'start') {
      await services.start(name as ServiceName).catch((error: unknown) => {
        throw netFailure(error, String(name));
      });
    }
    if (verb === 'stop') await services.stop(name as ServiceName);
    return verb === 'list' ? services.list() : services.list().filter((service) => service.name === name);
  };
}

function logHandler(feed: EventFeed): Handler {
  return async (conversation) => {
    const { arguments: given, signal } = conversation;
    const level = given['level'] === 'core' || given['level'] === 'extra' ? given['level'] : 'base';
    const following = given['follow'] === true;
    // What is asked for once is sent whole, also to who says no more.
    const until = following ? signal : new AbortController().signal;
    for await (const event of feed.read(0, following, until)) {
      if (!isWanted(event.ev, level)) continue;
      if (typeof given['conn'] === 'string' && event.conn !== given['conn']) continue;
      await conversation.send({ event });
    }
  };
}
