/** The first line of the file of `--log`. */

import type { UpOptions } from './options.ts';

export function logHeader(options: UpOptions, config: object): object {
  return {
    tcplog: 1,
    title: `fourwave up --tun ${options.tun}`,
    vantage: { type: 'server', name: `stack ${options.address.join(' ')}` },
    t0: new Date().toISOString(),
    clock: 'monotonic',
    config,
  };
}
