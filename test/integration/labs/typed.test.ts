/**
 * Level 1 done by typing alone, as the page says: real nc on a terminal, Ctrl-D as a key. What the runner
 * tells is compared with what the kernel's own tcpdump has heard.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { findFlavours } from '../../../src/cli/labs/flavours.ts';
import { typingHere } from '../../../src/cli/labs/typing.ts';
import { LABS } from '../../../src/labs/catalogue/index.ts';
import { narrated, TypedLab } from '../../support/labs.ts';
import { eventually, skipWithout } from '../../support/running-stack.ts';

const LEVEL_1 = LABS.filter(({ level, only }) => level === 1 && only === undefined);
const PROGRAMS = ['nc', 'script', 'tcpdump', 'bash'];

describe('level 1 by typing alone', { concurrency: 2, skip: skipWithout(...PROGRAMS) }, () => {
  for (const { id, type, acts } of LEVEL_1) {
    test(`${id}: typed as the page says, told as the kernel saw it`, async (t) => {
      const here = typingHere(type, await findFlavours());
      assert.ok(here !== null, 'nothing to type it with');
      const lab = await TypedLab.start(id);
      try {
        await lab.listen();
        await lab.type(here.steps);
        const { code, text } = await lab.end();
        t.diagnostic(`${here.flavour}: ${lab.heard.length} segments`);
        assert.equal(code, 0, text);
        // The first act is the person's.
        const story = narrated(text.split('═══')[acts.length > 1 ? 1 : 0] ?? '');
        const arrived = story.filter(({ lost }) => !lost).map(({ segment }) => segment);
        assert.ok(arrived.length >= 3, text);
        const enough = (): boolean => lab.heard.length >= arrived.length;
        await eventually(enough, () => `tcpdump has told all: ${lab.heard.join(', ')} of ${text}`);
        // Segments cross on their way: each direction has an order of its own.
        for (const direction of ['K>S', 'S>K']) {
          const [told, heard] = [arrived, lab.heard].map((all) =>
            all.filter((one) => one.startsWith(direction)),
          );
          assert.deepEqual(told, heard?.slice(0, told?.length), text);
        }
        for (const { segment, late, sentences } of story)
          assert.ok(late || sentences.length > 0, `nothing was said about ${segment}: ${text}`);
      } finally {
        await lab.close();
      }
    });
  }
});
