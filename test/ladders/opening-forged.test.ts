/** Openings in which one side is forged: a handshake in four, and a SYN from a host that has vanished. */

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { forge, historyOf, NO_TIMESTAMPS, PORT } from '../support/ladder/moves.ts';
import { ladder } from '../support/ladder/scene.ts';
import { eventually } from '../support/running-stack.ts';

const SERVER_ISN = 5_000_000;
const CLIENT_PORT = 40_000;

describe('forged openings', () => {
  ladder(
    'B11 [ladder 40]: the server sends its ACK and its SYN apart: five segments, by way of SYN-RECEIVED',
    NO_TIMESTAMPS,
    async (scene) => {
      const ports = [CLIENT_PORT, PORT] as const;
      for (const flags of ['SYN', 'SYN,ACK', 'ACK', 'FIN,ACK']) scene.lose(`A>B ${flags} ?`, 9);
      const connecting = scene.A.connect(PORT, { from: CLIENT_PORT });
      await scene.expect('A>B SYN 0 LOST', 20);
      // Without the SYN it says nothing that SYN-SENT could use, RFC 9293 §3.10.7.3.
      forge(scene, 'B', { flags: 'A', seq: SERVER_ISN, ack: 1, ports });
      await scene.expect('B>A ACK ? ack 1 INJECTED', 100);
      await scene.states('SYN-SENT', 'CLOSED');
      forge(scene, 'B', { flags: 'S', seq: SERVER_ISN, ports });
      await scene.expect(`
        B>A SYN 0 INJECTED
        A>B SYN,ACK 0 ack 1 LOST`);
      await scene.states('SYN-RECEIVED', 'CLOSED');
      forge(scene, 'B', { flags: 'A', seq: 1, ack: 1 });
      await connecting;
      await scene.expect('B>A ACK 1 ack 1 INJECTED');
      await scene.states('ESTABLISHED', 'CLOSED');
      if (scene.A.kind === 'stack') {
        assert.deepEqual(scene.connections()[0]?.path, ['SYN-SENT', 'SYN-RECEIVED', 'ESTABLISHED']);
        assert.deepEqual(scene.connections()[0]?.timers, []);
      }
    },
  );

  ladder(
    'B10 [ladder 43]: a SYN from a host that has vanished: SYN-RECEIVED is given up, accept() never told',
    {
      sysctl: { ...NO_TIMESTAMPS.sysctl, 'net.ipv4.tcp_synack_retries': 1 },
      config: { 'retries.synAck': 1 },
    },
    async (scene) => {
      scene.lose('B>A SYN,ACK 0 ack 1', 9);
      const listening = await scene.B.listen(PORT);
      let accepted = false;
      void listening.accept().then(
        () => {
          accepted = true;
        },
        () => {},
      );
      forge(scene, 'A', { flags: 'S', seq: 7_000_000, ports: [CLIENT_PORT, PORT] });
      await scene.expect(`
        A>B SYN 0 INJECTED
        B>A SYN,ACK 0 ack 1 LOST`);
      await scene.states('CLOSED', 'SYN-RECEIVED');
      await scene.expect('B>A SYN,ACK 0 ack 1 LOST after 700..2000');
      await eventually(
        async () => scene.connections().length + (await scene.kernelSockets()).length === 0,
        () => 'the half-open connection is given up',
      );
      await sleep(50);
      assert.equal(accepted, false);
      if (scene.B.kind === 'stack') {
        assert.deepEqual(historyOf(scene, 'syn-ack'), ['set', 'fired', 'set', 'fired']);
        assert.equal(scene.stack.connections()[0]?.state, 'LISTEN');
      }
    },
  );
});
