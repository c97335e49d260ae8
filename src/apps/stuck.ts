/** stuck, port 2008: listens with a backlog of 1 and never accepts. The accept queue fills up. */

import { RawService } from './raw-service.ts';
import type { Service } from './service.ts';

export function stuck(port = 2008): Service {
  return new RawService({
    name: 'stuck',
    port,
    text: 'never accepts, backlog 1: see SYNs dropped for a full accept queue',
    backlog: 1,
  });
}
