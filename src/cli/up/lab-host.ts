/**
 * What a lab asks of the stack in a child process beyond what people ask of it: services that behave as the
 * lab says, and the hands of their applications.
 */

import type { Service } from '../../apps/service.ts';
import type { ServiceName } from '../../apps/services.ts';
import type { NodeStack } from '../../index.ts';
import { type LabService, LabServices } from '../../labs/services/services.ts';
import { type ServiceOptions, StageError } from '../../labs/stage.ts';
import type { EventName } from '../../trace/record.ts';
import type { TraceRecorder } from '../../trace/recorder.ts';
import type { Handler } from '../control/server.ts';
import { CliError, EXIT_FAILED, usage } from '../errors.ts';
import type { Services } from './handlers.ts';

export interface LabHostParts {
  readonly stack: NodeStack;
  readonly services: Services;
  readonly recorder: TraceRecorder;
}

/** What a service has had since it was last asked about. */
export interface ServiceSeen {
  readonly accepted: number;
  /** Latin-1, from a place on. */
  readonly received: string;
}

type Given = Readonly<Record<string, unknown>>;

/** What the command `lab` of the control socket does. */
export function labHandler(parts: LabHostParts): Handler {
  let host: LabHost | null = null;
  /** What the lab says about itself to those who look for it. */
  let about: unknown = null;
  return async ({ arguments: given }) => {
    try {
      if (given['verb'] === 'note') {
        parts.recorder.note(given['ev'] as EventName, given['data'] as Given);
        return null;
      }
      if (given['verb'] === 'begin') {
        about = given['about'] ?? null;
        host = new LabHost(parts, (given['settings'] ?? {}) as Readonly<Record<string, ServiceOptions>>);
        await host.begin();
        return null;
      }
      if (given['verb'] === 'about') return about;
      if (host === null) throw usage('the lab has not begun');
      return await host.call(given);
    } catch (error) {
      if (error instanceof StageError) throw new CliError(EXIT_FAILED, `${error.message} (${error.code})`);
      throw error;
    }
  };
}

class LabHost {
  private readonly parts: LabHostParts;
  private readonly labs: LabServices;
  private readonly settings: Readonly<Record<string, ServiceOptions>>;

  constructor(parts: LabHostParts, settings: Readonly<Record<string, ServiceOptions>>) {
    this.parts = parts;
    this.settings = settings;
    const after = (ms: number, run: () => void): void => void setTimeout(run, ms).unref();
    this.labs = new LabServices({ stack: parts.stack, after }, settings);
  }

  /** The lab's services take the places of the others: `fourwave service` starts and stops these now. */
  async begin(): Promise<void> {
    for (const { name, port, text } of this.parts.services.list()) {
      const service = this.labs.service(name);
      await this.parts.services.replace(name as ServiceName, asService(service, { name, port, text }));
      if (this.settings[name]?.start !== false) await service.start();
    }
  }

  async call(given: Given): Promise<unknown> {
    const name = String(given['name']);
    switch (given['verb']) {
      case 'start':
        await this.labs.service(name).start((given['options'] ?? {}) as ServiceOptions);
        return null;
      case 'stop':
        await this.labs.service(name).stop();
        return null;
      case 'relisten':
        this.labs.relisten();
        return null;
      case 'seen':
        return this.seen((given['from'] ?? {}) as Readonly<Record<string, number>>);
      case 'app':
        return this.app(given);
      default:
        throw usage(`a lab has no verb ${JSON.stringify(given['verb'])}`);
    }
  }

  /** By the services' names; what they have read from the given places on. */
  private seen(from: Readonly<Record<string, number>>): Record<string, ServiceSeen> {
    const all = this.parts.services.list().map(({ name }): [string, ServiceSeen] => {
      const { accepted, received } = this.labs.service(name);
      return [name, { accepted, received: received.slice(from[name] ?? 0) }];
    });
    return Object.fromEntries(all.filter(([, { accepted }]) => accepted > 0));
  }

  private async app({ conn, op, data, bytes }: Given): Promise<null> {
    const app = this.labs.app(typeof conn === 'string' ? conn : undefined);
    if (op === 'write') await app.write(Buffer.from(String(data), 'base64'));
    else if (op === 'read') await app.read(Number(bytes));
    else if (op === 'close' || op === 'abort' || op === 'shutdown' || op === 'pause' || op === 'resume')
      await app[op]();
    else throw usage(`an application cannot ${JSON.stringify(op)}`);
    return null;
  }
}

function asService(service: LabService, about: Pick<Service, 'name' | 'port' | 'text'>): Service {
  return {
    ...about,
    get running() {
      return service.running;
    },
    start: () => service.start(),
    stop: () => service.stop(),
  };
}
