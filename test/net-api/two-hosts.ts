/** Two stacks on a wire in memory with Node's clock, and `stack.net` of each. */

import { randomFillSync } from 'node:crypto';
import { memoryLink } from '../../src/device/memory-link.ts';
import { createNet, type Net } from '../../src/net/index.ts';
import { NodeScheduler, systemClock } from '../../src/stack/driver.ts';
import { Stack } from '../../src/stack/stack.ts';

export const CLIENT_ADDRESS = '10.77.0.1';
export const SERVER_ADDRESS = '10.77.0.2';

const random = {
  fill(bytes: Uint8Array): void {
    randomFillSync(bytes);
  },
};

export interface Hosts {
  readonly clientNet: Net;
  readonly serverNet: Net;
  readonly client: Stack;
  readonly server: Stack;
  close(): Promise<void>;
}

export function twoHosts(): Hosts {
  const [near, far] = memoryLink();
  const client = new Stack({ device: near, address: `${CLIENT_ADDRESS}/24`, clock: systemClock, random });
  const server = new Stack({ device: far, address: `${SERVER_ADDRESS}/24`, clock: systemClock, random });
  new NodeScheduler(client, systemClock);
  new NodeScheduler(server, systemClock);
  const clientNet = createNet(client);
  const serverNet = createNet(server);
  const close = async (): Promise<void> => {
    clientNet.stackClosed();
    serverNet.stackClosed();
    await client.close();
    await server.close();
  };
  return { clientNet, serverNet, client, server, close };
}
