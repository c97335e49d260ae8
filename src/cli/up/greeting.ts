/** What `up` says when it is ready. */

import type { Service } from '../../apps/service.ts';
import type { Paint } from '../terminal.ts';

export interface Ready {
  readonly event: 'ready';
  readonly tun: string;
  readonly netns: string | null;
  readonly address: readonly string[];
  readonly peer: string;
  readonly mtu: number;
  readonly offload: readonly string[];
  readonly services: readonly { readonly name: string; readonly port: number }[];
  readonly control: string;
  readonly inspector: string | null;
  readonly pid: number;
  readonly uid: number;
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
export function greeting(ready: Ready, services: readonly Service[], view: GreetingView): string {
  const { paint, userNamespace } = view;
  const address = ready.address[0] as string;
  const inside = ready.netns === null ? '' : `ip netns exec ${ready.netns} `;
  const running = new Set(services.map((service) => service.name));
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
    `The kernel is ${ready.peer}, the MTU ${ready.mtu}.`,
    userNamespace ? 'In another terminal, first "fourwave shell", and then:' : 'In another terminal:',
    ...lines,
    'Ctrl-C stops it.',
  ].join('\n');
}
