/** Every nc that Debian has, and socat, as a server for our stack. */

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import type { Connected } from '../support/ladder/ends.ts';
import { HANDSHAKE, NO_TIMESTAMPS, PORT } from '../support/ladder/moves.ts';
import { ladder, type Scene } from '../support/ladder/scene.ts';
import { eventually, type Program } from '../support/running-stack.ts';

interface Server {
  readonly command: readonly [string, ...string[]];
  /** What the end of its own input does. */
  readonly atEof: 'nothing' | 'half-close';
}

/** All of them close at once when the client has closed, although their input is open. */
const SERVERS: readonly Server[] = [
  { command: ['nc.openbsd', '-l', `${PORT}`], atEof: 'nothing' },
  { command: ['nc.openbsd', '-N', '-l', `${PORT}`], atEof: 'half-close' },
  { command: ['nc.traditional', '-l', '-p', `${PORT}`], atEof: 'nothing' },
  { command: ['ncat', '-l', `${PORT}`], atEof: 'half-close' },
  { command: ['busybox', 'nc', '-l', '-p', `${PORT}`], atEof: 'half-close' },
];

const FOR_SERVERS = { ...NO_TIMESTAMPS, roles: ['stack'] } as const;

/** The program listens, and our client has connected to it. */
async function served(scene: Scene, command: readonly [string, ...string[]]): Promise<[Program, Connected]> {
  const program = scene.namespace.start(...command);
  await eventually(
    async () => (await scene.namespace.run('ss', ['-ltnH'])).stdout.toString().includes(`:${PORT}`),
    () => `${command[0]} listens: ${program.stderr}`,
  );
  const client = await scene.A.connect(PORT);
  await scene.expect(HANDSHAKE, 50);
  return [program, client];
}

/** The client closes and is answered by the server's own FIN: three waves, A left in TIME-WAIT. */
async function clientCloses(scene: Scene, client: Connected): Promise<void> {
  await client.shutdown();
  await scene.expect(`
    A>B FIN,ACK 1 ack 1
    ? B>A ACK 1 ack 2
    B>A FIN,ACK 1 ack 2
    A>B ACK 2 ack 2`);
  assert.equal(await client.receive(), '');
  await scene.states('TIME-WAIT', 'CLOSED');
}

describe('nc as a server', () => {
  for (const { command, atEof } of SERVERS) {
    const name = command.filter((word) => word !== `${PORT}`).join(' ');
    const options = { ...FOR_SERVERS, programs: [command[0]] };

    ladder(
      `B31 B56 [ladder ${name}]: the client closes first; its FIN is answered by one`,
      options,
      async (scene) => {
        const [program, client] = await served(scene, command);
        program.type('hello');
        assert.equal(await client.receive(), 'hello');
        await scene.expect(
          `
        B>A ACK,PSH 1:6 ack 1
        A>B ACK 1 ack 6`,
          20,
        );
        await client.shutdown();
        await scene.expect(`
        A>B FIN,ACK 1 ack 6
        ? B>A ACK 6 ack 2
        B>A FIN,ACK 6 ack 2
        A>B ACK 2 ack 7`);
        assert.equal(await client.receive(), '');
        await scene.states('TIME-WAIT', 'CLOSED');
        assert.equal((await program.end(5000)).code, 0);
      },
    );

    ladder(`B13 B20 B56 [ladder ${name}]: Ctrl-D at the server, ${atEof}`, options, async (scene) => {
      const [program, client] = await served(scene, command);
      program.endInput();
      if (atEof === 'nothing') {
        await scene.expect('', 200);
        await scene.states('ESTABLISHED', 'ESTABLISHED');
        await clientCloses(scene, client);
      } else {
        await scene.expect(
          `
          B>A FIN,ACK 1 ack 1
          A>B ACK 1 ack 2`,
          80,
        );
        assert.equal(await client.receive(), '');
        await scene.states('CLOSE-WAIT', 'FIN-WAIT-2');
        await scene.agree();
        await client.close();
        await scene.expect(`
          A>B FIN,ACK 1 ack 2
          B>A ACK 2 ack 2`);
        await scene.states('CLOSED', 'TIME-WAIT');
      }
      assert.equal((await program.end(5000)).code, 0);
    });
  }

  ladder(
    'B46 B56 [ladder 45]: socat closes first and cannot listen again: Address already in use',
    { ...FOR_SERVERS, programs: ['socat'] },
    async (scene) => {
      const command = ['socat', '-', `TCP-LISTEN:${PORT}`] as const;
      const [program, client] = await served(scene, command);
      program.endInput();
      await scene.expect(
        `
      B>A FIN,ACK 1 ack 1
      A>B ACK 1 ack 2`,
        80,
      );
      await scene.states('CLOSE-WAIT', 'FIN-WAIT-2');
      await client.close();
      await scene.expect(`
      A>B FIN,ACK 1 ack 2
      B>A ACK 2 ack 2`);
      await scene.states('CLOSED', 'TIME-WAIT');
      // The old listener had not set SO_REUSEADDR, so that the new one's does not help.
      for (const again of [`TCP-LISTEN:${PORT}`, `TCP-LISTEN:${PORT},reuseaddr`]) {
        const { code, stderr } = await scene.namespace.run('socat', ['-', again], '', 5000);
        assert.equal(code, 1);
        assert.match(stderr, /Address already in use/);
      }
    },
  );

  ladder(
    'B46 [ladder 45]: nor can our own server without SO_REUSEADDR',
    { ...NO_TIMESTAMPS, roles: ['kernel'] },
    async (scene) => {
      const listening = await scene.B.listen(PORT, { reuse: false });
      const client = await scene.A.connect(PORT);
      const server = await listening.accept();
      await listening.close();
      await server.close();
      assert.equal(await client.receive(), '');
      await client.close();
      await scene.states('CLOSED', 'TIME-WAIT');
      for (const reuse of [false, true]) {
        await assert.rejects(scene.B.listen(PORT, { reuse }), { code: 'EADDRINUSE' });
      }
    },
  );
});
