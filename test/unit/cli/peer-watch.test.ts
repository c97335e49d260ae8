import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PeerWatch } from '../../../src/cli/up/peer-watch.ts';
import type { KernelSocket } from '../../../src/device/socket-diagnosis.ts';
import type { NodeStack } from '../../../src/index.ts';
import type { LogEvent } from '../../../src/trace/log-event.ts';
import { CheckedLog } from '../../support/checked-log.ts';
import { PEER_ADDRESS, STACK_ADDRESS, testbed } from '../../support/peer.ts';
import { address } from '../../support/segment.ts';

test('each change at the other end is told once, and that it is gone', () => {
  const log = new CheckedLog({ now: 0 });
  const told: LogEvent[] = [];
  log.onEvent = (event) => {
    if (event.ev === 'peer:state' && event.data['source'] === 'observed') told.push(event);
  };
  const bed = testbed({ trace: log.recorder });
  bed.peer.handshake('passive');
  const watch = new PeerWatch({
    device: bed.device,
    stack: bed.stack as unknown as NodeStack,
    recorder: log.recorder,
    addresses: [STACK_ADDRESS],
  });
  const socket: KernelSocket = {
    state: 'ESTABLISHED',
    localAddress: address(PEER_ADDRESS) | 0,
    localPort: bed.peer.port,
    peerAddress: address(STACK_ADDRESS) | 0,
    peerPort: 7,
    recvQ: 0,
    sendQ: 0,
    timer: '',
    expiresMs: 0,
    retries: 0,
  };
  const stranger = { ...socket, localPort: 9 };
  watch.compare([socket, stranger], [1, 1.1]);
  watch.compare([socket], [2, 2.1]);
  watch.compare([{ ...socket, recvQ: 10 }], [3, 3.1]);
  watch.compare([{ ...socket, recvQ: 20 }], [4, 4.1]);
  watch.compare([{ ...socket, state: 'FIN-WAIT-2', timer: 'timewait', expiresMs: 60_000 }], [5, 5.1]);
  watch.compare([], [6, 6.1]);
  watch.compare([], [7, 7.1]);
  log.check();
  assert.deepEqual(
    told.map(({ conn, data }) => [conn, data['state'], data['recvQ'], data['timer'], data['between']]),
    [
      ['c1', 'ESTABLISHED', 0, undefined, [1, 1.1]],
      ['c1', 'ESTABLISHED', 10, undefined, [3, 3.1]],
      ['c1', 'FIN-WAIT-2', 0, 'timewait,60000ms,0', [5, 5.1]],
      ['c1', 'CLOSED', undefined, undefined, [6, 6.1]],
    ],
  );
  assert.equal(watch.look(), false, 'over such a device nobody can be asked');
});
