/** What `up` says when it is ready. */

import { hasNetAdmin } from '../capability.ts';
import { type Paint, painter, print, printJson } from '../terminal.ts';
import { inOwnUserNamespace } from './device.ts';
import type { UpOptions } from './options.ts';

export interface Ready {
  readonly event: 'ready';
  readonly tun: string;
  readonly netns: string | null;
  readonly address: readonly string[];
  readonly peer: string;
  readonly mtu: number;
  readonly offload: readonly string[];
  /** Queues of the interface, and how packets find theirs; null where there is one. */
  readonly queues: number;
  readonly steering: 'bpf' | 'ring' | null;
  readonly services: readonly { readonly name: string; readonly port: number }[];
  readonly control: string;
  readonly inspector: string | null;
  readonly pid: number;
  readonly uid: number;
}

/** What of it only the running stack knows. */
export interface Running extends Pick<Ready, 'tun' | 'offload' | 'queues' | 'steering' | 'control'> {
  readonly services: readonly { readonly name: string; readonly port: number }[];
}

/** Says that the stack is up: one line of JSON, or the commands to type. */
export function tellReady(options: UpOptions, running: Running): void {
  const { tun, offload, queues, steering, services, control } = running;
  const ready: Ready = {
    ...{ event: 'ready', tun, netns: options.netns, address: options.address },
    peer: `${options.peer.address}/${options.peer.length}`,
    ...{ mtu: options.mtu, offload, queues, steering },
    services: services.map(({ name, port }) => ({ name, port })),
    ...{ control, inspector: null, pid: process.pid, uid: process.getuid?.() ?? 0 },
  };
  if (ready.uid === 0 && !inOwnUserNamespace() && !hasNetAdmin()) {
    process.stderr.write('fourwave: going on as uid 0 without capabilities: name another user with --user\n');
  }
  if (options.json) printJson(ready);
  else if (!options.quiet) print(greeting(ready, { paint: painter(), userNamespace: inOwnUserNamespace() }));
}

const EXAMPLES: readonly [string, (address: string) => string, string][] = [
  ['echo', (address) => `nc -N ${address} 7`, 'type something, then Ctrl-D'],
  ['daytime', (address) => `nc ${address} 13`, 'then "fourwave ss": TIME-WAIT, counting down'],
  ['http', (address) => `curl http://${address}/`, 'this connection, seen from inside'],
  ['leaky', (address) => `nc -N ${address} 2002 </dev/null`, 'CLOSE-WAIT: the server that never closes'],
];

export interface GreetingView {
  readonly paint: Paint;
  /** The stack has a namespace of its own, which only "fourwave shell" enters. */
  readonly userNamespace: boolean;
}

/** The commands to type. */
export function greeting(ready: Ready, view: GreetingView): string {
  const { paint, userNamespace } = view;
  const address = ready.address[0] as string;
  const inside = ready.netns === null ? '' : `ip netns exec ${ready.netns} `;
  const running = new Set(ready.services.map((service) => service.name));
  const commands: [string, string][] = EXAMPLES.filter(([name]) => running.has(name)).map(
    ([, command, text]) => [inside + command(address), text],
  );
  commands.push(
    [`${inside}ping ${address}`, 'ICMP echo'],
    ['fourwave ladder', 'see the segments while they fly'],
    ['fourwave ss', 'connections and their timers'],
  );
  const width = Math.max(...commands.map(([command]) => command.length));
  const lines = commands.map(
    ([command, text]) => `  ${paint('bold', command.padEnd(width))}   ${paint('dim', text)}`,
  );
  const where = ready.netns === null ? '' : ` in the namespace ${ready.netns}`;
  return [
    `${paint('green', 'The stack is up')}: ${ready.address.join(', ')} behind ${ready.tun}${where}.`,
    `The kernel is ${ready.peer}, the MTU ${ready.mtu}.${queuesOf(ready)}`,
    userNamespace ? 'In another terminal, first "fourwave shell", and then:' : 'In another terminal:',
    ...lines,
    'Ctrl-C stops it.',
  ].join('\n');
}

const STEERING = { bpf: 'the kernel steers', ring: 'the workers sort the packets' };

function queuesOf({ queues, steering }: Ready): string {
  return steering === null ? '' : ` ${queues} queues, and ${STEERING[steering]}.`;
}
