/** What system calls have in common: the sockets, whose descriptor is whose, and how arguments are read. */

import { AF_UNSPEC } from '../posix/constants.ts';
import type { Posix } from '../posix/posix.ts';
import type { Flow } from './flow.ts';
import type { Flows } from './flows.ts';
import type { Expression, Field, Setting } from './script.ts';

/** A call that went otherwise than the script says, or cannot be carried out. */
export class CallError extends Error {
  override readonly name = 'CallError';
}

export interface Address {
  readonly address: string;
  readonly port: number;
}

export class CallContext {
  readonly posix: Posix;
  readonly flows: Flows;
  readonly setting: Setting;
  /** The script's descriptor → the stack's. */
  private readonly descriptors = new Map<number, number>();
  /** The stack's descriptors with O_NONBLOCK. */
  private readonly nonBlocking = new Set<number>();

  constructor(posix: Posix, flows: Flows, setting: Setting) {
    this.posix = posix;
    this.flows = flows;
    this.setting = setting;
  }

  /** The stack's descriptor of an argument. */
  descriptor(argument: Expression | undefined): number {
    const script = integer(argument, 'a descriptor');
    return this.descriptors.get(script) ?? -1;
  }

  /** From now on the script's `expected` is `live`; with `...` there is no name for it. */
  named(expected: Expression, live: number): void {
    if (expected.kind === 'integer') this.descriptors.set(expected.value, live);
  }

  setBlocking(fd: number, blocking: boolean): void {
    if (blocking) this.nonBlocking.delete(fd);
    else this.nonBlocking.add(fd);
  }

  blocks(fd: number): boolean {
    return !this.nonBlocking.has(fd);
  }

  flowOf(fd: number): Flow | null {
    return this.flows.ofDescriptor(fd);
  }

  /** A socket address; `...` is the usual one. Null is AF_UNSPEC. */
  address(argument: Expression | undefined, usual: Address): Address | null {
    if (argument === undefined || argument.kind === 'any') return usual;
    if (argument.kind !== 'struct') throw new CallError('an address is ... or {sa_family=AF_INET, …}');
    const field = (name: string): Expression | undefined => fieldOf(argument.fields, name);
    const family = field('sa_family') ?? field('sin_family');
    if (family?.kind === 'integer' && family.value === AF_UNSPEC) return null;
    return {
      address: addressOf(field('sin_addr'), usual.address),
      port: portOf(field('sin_port'), usual.port),
    };
  }
}

/** The value of the field called `name`. */
export function fieldOf(fields: readonly Field[], name: string): Expression | undefined {
  return fields.find((field) => field.name === name)?.value;
}

export function integer(argument: Expression | undefined, what: string): number {
  if (argument?.kind === 'integer') return argument.value;
  throw new CallError(`${what} is needed where the script has ${textOf(argument)}`);
}

/** The only item of `[x]`, or the argument itself. */
export function single(argument: Expression | undefined): Expression | undefined {
  return argument?.kind === 'array' ? argument.items[0] : argument;
}

/** As scripts write it. */
export function textOf(value: Expression | undefined): string {
  switch (value?.kind) {
    case undefined:
      return 'nothing';
    case 'any':
      return '...';
    case 'integer':
      return String(value.value);
    case 'string':
      return JSON.stringify(value.value);
    case 'name':
      return value.name;
    case 'array':
      return `[${value.items.map(textOf).join(', ')}]`;
    case 'struct':
      return `{${value.fields.map(fieldText).join(', ')}}`;
    case 'call':
      return `${value.name}(${value.items.map(textOf).join(', ')})`;
  }
}

function fieldText({ name, value }: Field): string {
  return name === null ? textOf(value) : `${name}=${textOf(value)}`;
}

function addressOf(value: Expression | undefined, usual: string): string {
  const inner = value?.kind === 'call' ? value.items.at(-1) : value;
  if (inner === undefined || inner.kind === 'any') return usual;
  if (inner.kind === 'string') return inner.value;
  if (inner.kind === 'integer' && inner.value === 0) return '0.0.0.0';
  throw new CallError(`an address is inet_addr("192.0.2.1"), not ${textOf(value)}`);
}

function portOf(value: Expression | undefined, usual: number): number {
  const inner = value?.kind === 'call' ? value.items[0] : value;
  return inner?.kind === 'integer' ? inner.value : usual;
}
