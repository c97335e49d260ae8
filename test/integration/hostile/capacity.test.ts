/** How many connections at once over the real TUN, and what one costs; every other client is served as ever. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Program, skipWithout } from '../../support/running-stack.ts';
import { AttackedStack } from './attacked-stack.ts';
import { answerOf, manyClients, PATIENCE } from './many-clients.ts';

/** A service on the engine's own interface: what an idle connection costs without a stream on top of it. */
const RAW = 2003;
const ECHO = 7;
const WARM_UP = 10_000;
/** The full run takes half a minute for it. */
const MANY = process.env['FOURWAVE_FULL'] === '1' ? 100_000 : 40_000;
/** Of each program: a process may open 20,000 files on a machine that raises no limit. */
const PER_PROGRAM = 15_000;
/** Fewer than the accept queue of {@link RAW} holds, whatever comes in one turn. */
const UNDER_WAY = 100;
const KIB_EACH = 4;

describe('capacity, over the real TUN', { skip: skipWithout('python3', 'curl', 'nc') }, () => {
  let stack: AttackedStack;
  const programs: Program[] = [];
  let sources = 0;
  before(async () => {
    stack = await AttackedStack.start('--set', `connections.max=${MANY + 20_000}`);
    await stack.sh('sysctl -q -w net.ipv4.ip_local_port_range="1024 65535"');
    await stack.checkItWorks();
  });
  after(() => stack?.close());

  /** Opens `count` more, from an address of their own. */
  async function connect(port: number, count: number, underWay: number): Promise<Program> {
    const source = `10.9.0.${11 + sources++}`;
    stack.ip('address', 'add', `${source}/24`, 'dev', 'fw0');
    const program = await manyClients(stack, { port, count, underWay, source });
    programs.push(program);
    return program;
  }

  async function established(): Promise<number> {
    return (await stack.stats()).tables.connections;
  }

  test(`${MANY} idle connections, from several addresses, cost less than ${KIB_EACH} KiB of resident memory each`, async (t) => {
    // As many before: code is compiled and heap is taken for the first ones.
    await connect(RAW, WARM_UP, UNDER_WAY);
    assert.equal(await established(), WARM_UP);
    const resident = stack.resident();
    const begin = performance.now();
    for (let open = WARM_UP; open < MANY; ) {
      const counts = [PER_PROGRAM, PER_PROGRAM].map((most) => {
        const count = Math.min(most, MANY - open);
        open += count;
        return count;
      });
      const opening = counts.filter((count) => count > 0);
      await Promise.all(opening.map((count) => connect(RAW, count, UNDER_WAY / opening.length)));
    }
    const seconds = (performance.now() - begin) / 1000;
    assert.equal(await established(), MANY);
    const each = (stack.resident() - resident) / (MANY - WARM_UP);
    t.diagnostic(`the last ${MANY - WARM_UP} in ${seconds.toFixed(1)} s; ${each.toFixed(2)} KiB each`);
    assert.ok(each < KIB_EACH, `${each} KiB each`);
    const { timers, memory, synReceived } = (await stack.stats()).tables;
    t.diagnostic(JSON.stringify({ timers, memory, synReceived }));
    assert.equal(memory, 0, 'no buffer is held for a connection that is idle');
  });

  test('and among them new ones open, echo and close; pages are served; ss tells of all', async (t) => {
    const slowest = Math.max(await stack.checkCurl(), await stack.checkCurl(), await stack.checkCurl());
    t.diagnostic(`a page in at most ${Math.round(slowest)} ms`);
    const echoing = await connect(ECHO, 2000, UNDER_WAY);
    echoing.type('500 of these carry this line\n');
    assert.deepEqual(JSON.parse(await answerOf(echoing, 2)), { asked: 500, answered: 500 });
    await stack.checkItWorks();
    const records = await stack.ss(RAW);
    assert.equal(records.length, MANY);
    assert.ok(records.every(({ state }) => state === 'ESTABLISHED'));
  });

  test('when the clients leave, every table is empty again', async () => {
    while (programs.length > 0) {
      const leaving = programs.splice(0, 4);
      for (const program of leaving) program.endInput();
      for (const program of leaving) {
        const { code, stderr } = await program.end(PATIENCE);
        assert.equal(code, 0, stderr);
      }
    }
    await stack.checkNothingStays(60_000);
    await stack.checkItWorks();
  });
});
