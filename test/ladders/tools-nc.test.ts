/** Every nc that Debian has, and socat: what Ctrl-D and the other end's close do on the wire. */

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import type { Connected } from '../support/ladder/ends.ts';
import { HANDSHAKE, NO_TIMESTAMPS, PORT } from '../support/ladder/moves.ts';
import { ladder, type Scene } from '../support/ladder/scene.ts';
import { type Program, STACK } from '../support/running-stack.ts';

interface Client {
  readonly command: readonly [string, ...string[]];
  /** What the end of its input does: nothing, or a FIN and on with reading. */
  readonly atEof: 'nothing' | 'half-close';
  /** What it does about the server's FIN while its input is open. */
  readonly atFin: 'stays' | 'closes';
}

const TARGET = [STACK, `${PORT}`];

/** With -q they leave so many seconds after Ctrl-D. socat has a test of its own below: it does neither. */
const CLIENTS: readonly Client[] = [
  { command: ['nc.openbsd', ...TARGET], atEof: 'nothing', atFin: 'stays' },
  { command: ['nc.openbsd', '-N', ...TARGET], atEof: 'half-close', atFin: 'stays' },
  { command: ['nc.openbsd', '-q', '2', ...TARGET], atEof: 'half-close', atFin: 'stays' },
  { command: ['nc.traditional', ...TARGET], atEof: 'nothing', atFin: 'closes' },
  { command: ['nc.traditional', '-q', '2', ...TARGET], atEof: 'half-close', atFin: 'closes' },
  { command: ['ncat', ...TARGET], atEof: 'half-close', atFin: 'stays' },
  { command: ['busybox', 'nc', ...TARGET], atEof: 'half-close', atFin: 'closes' },
];

const FOR_CLIENTS = { ...NO_TIMESTAMPS, roles: ['kernel'] } as const;

/** The program has connected to our server. */
async function started(scene: Scene, command: readonly [string, ...string[]]): Promise<[Program, Connected]> {
  const listening = await scene.B.listen(PORT);
  const program = scene.namespace.start(...command);
  const server = await listening.accept();
  await scene.expect(HANDSHAKE, 0);
  return [program, server];
}

/** Its exit status. */
async function exitOf(program: Program): Promise<number | null> {
  return (await program.end(5000)).code;
}

/** The server closes; a program that closes too does it before its ACK has gone, or after. */
const THREE_WAVES = `
  B>A FIN,ACK 1 ack 1
  ? A>B ACK 1 ack 2
  A>B FIN,ACK 1 ack 2
  B>A ACK 2 ack 2`;

describe('nc as a client', () => {
  for (const { command, atEof, atFin } of CLIENTS) {
    const name = command.slice(0, -2).join(' ');
    const options = { ...FOR_CLIENTS, programs: [command[0]] };

    ladder(
      `B20 B22 B56 [ladder ${name} (a)]: Ctrl-D, ${atEof}; the server keeps open`,
      options,
      async (scene) => {
        const [program, server] = await started(scene, command);
        program.endInput();
        if (atEof === 'nothing') {
          await scene.expect('', 250);
          await scene.states('ESTABLISHED', 'ESTABLISHED');
          assert.ok(program.running);
          await server.close();
          await scene.expect(THREE_WAVES);
          await scene.states('CLOSED', 'TIME-WAIT');
        } else {
          await scene.expect(
            `
          A>B FIN,ACK 1 ack 1
          B>A ACK 1 ack 2`,
            80,
          );
          assert.equal(await server.receive(), '');
          await scene.states('FIN-WAIT-2', 'CLOSE-WAIT');
          await scene.agree();
          assert.ok(program.running, 'it still reads');
          await server.send('late');
          await scene.expect(
            `
            B>A ACK,PSH 1:5 ack 2
            A>B ACK 2 ack 5`,
            20,
          );
          await server.close();
          await scene.expect(`
            B>A FIN,ACK 5 ack 2
            A>B ACK 2 ack 6`);
          await scene.states('TIME-WAIT', 'CLOSED');
        }
        assert.equal(await exitOf(program), 0);
        assert.equal(program.text, atEof === 'nothing' ? '' : 'late');
      },
    );

    ladder(
      `B13 B31 B51 B56 [ladder ${name} (b)]: the server closes first, the client ${atFin}`,
      options,
      async (scene) => {
        const [program, server] = await started(scene, command);
        await server.close();
        if (atFin === 'closes') {
          await scene.expect(THREE_WAVES);
        } else {
          await scene.expect(
            `
          B>A FIN,ACK 1 ack 1
          A>B ACK 1 ack 2`,
            250,
          );
          await scene.states('CLOSE-WAIT', 'FIN-WAIT-2');
          await scene.agree();
          assert.ok(program.running, 'the student holds the passive side in his hand');
          program.endInput();
          await scene.expect(`
          A>B FIN,ACK 1 ack 2
          B>A ACK 2 ack 2`);
        }
        await scene.states('CLOSED', 'TIME-WAIT');
        assert.equal(await exitOf(program), 0);
      },
    );
  }
});

/** socat tells the other end at once, and gives it half a second: after that nobody reads any more. */
const SOCAT = ['socat', '-', `TCP:${STACK}:${PORT}`] as const;
const FOR_SOCAT = { ...FOR_CLIENTS, programs: ['socat'] };

describe('socat as a client', () => {
  ladder(
    'B22 B56 B57 [ladder socat (a)]: Ctrl-D; half a second later an orphan in FIN-WAIT-2',
    FOR_SOCAT,
    async (scene) => {
      const [program, server] = await started(scene, SOCAT);
      program.endInput();
      await scene.expect(
        `
      A>B FIN,ACK 1 ack 1
      B>A ACK 1 ack 2`,
        80,
      );
      assert.equal(await exitOf(program), 0);
      await scene.states('FIN-WAIT-2', 'CLOSE-WAIT');
      // The kernel's name for the timer that ends such an orphan.
      assert.equal((await scene.kernelSockets())[0]?.timer, 'timewait');
      await server.close();
      await scene.expect(`
      B>A FIN,ACK 1 ack 2
      A>B ACK 2 ack 2`);
      await scene.states('TIME-WAIT', 'CLOSED');
    },
  );

  ladder(
    'B56 [ladder socat (b)]: the server closes first; the FIN follows half a second later',
    FOR_SOCAT,
    async (scene) => {
      const [program, server] = await started(scene, SOCAT);
      await server.close();
      await scene.expect(`
      B>A FIN,ACK 1 ack 1
      A>B ACK 1 ack 2
      A>B FIN,ACK 1 ack 2 after 200..2500
      B>A ACK 2 ack 2`);
      await scene.states('CLOSED', 'TIME-WAIT');
      assert.equal(await exitOf(program), 0);
    },
  );
});
