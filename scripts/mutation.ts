/**
 * Puts one fault after the other into the code and looks which test notices: test/mutation/ has the
 * faults, docs/mutation.md says how. Exit 1: a fault of another stack, or more than one in twenty of
 * our own, went unnoticed.
 *
 *     npm run mutation -- [--list] [--quick] [ID…]
 *
 * `--quick` asks only the test that is expected to notice.
 */

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { MUTANTS } from '../test/mutation/index.ts';
import type { Mutant } from '../test/mutation/mutant.ts';
import { makeTrees, runTests, staleMutants, type Tree, testFiles, Unmutated, withMutant } from './mutants.ts';

const RESULTS = 'docs/mutation-results.md';
const WORKERS = 2;
const ENOUGH = 0.95;

interface Result {
  readonly mutant: Mutant;
  /** The file and title that noticed; null: it survived. */
  readonly killer: { readonly file: string; readonly title: string } | null;
  readonly seconds: number;
}

async function judge(tree: Tree, mutant: Mutant, files: string[], unmutated: Unmutated): Promise<Result> {
  let ms = 0;
  const killer = await withMutant(tree, mutant, async () => {
    for (const file of new Set([mutant.killer, ...files])) {
      const limit = await unmutated.limitOf(file);
      if (limit === 0) continue;
      const { failed, ms: taken } = await runTests(tree, file, limit);
      ms += taken;
      if (failed !== null) return { file, title: failed };
    }
    return null;
  });
  return { mutant, killer, seconds: ms / 1000 };
}

/** Each worker takes the next mutant until none is left. */
async function judgeAll(
  mutants: readonly Mutant[],
  files: string[],
): Promise<{ results: Result[]; red: string[] }> {
  const [clean, ...trees] = await makeTrees(WORKERS + 1);
  const unmutated = new Unmutated(clean as Tree);
  const results: Result[] = [];
  let next = 0;
  const work = async (tree: Tree): Promise<void> => {
    while (next < mutants.length) {
      const result = await judge(tree, mutants[next++] as Mutant, files, unmutated);
      results.push(result);
      console.log(lineOf(result));
    }
  };
  await Promise.all(trees.map(work));
  return { results, red: await unmutated.red() };
}

function lineOf({ mutant, killer, seconds }: Result): string {
  const end = killer === null ? 'SURVIVED' : `${killer.file}: ${killer.title}`;
  return `${mutant.id.padEnd(6)} ${seconds.toFixed(1).padStart(6)} s  ${end}`;
}

function isSeedBug({ id }: Mutant): boolean {
  return id.startsWith('S');
}

/** The table, for all mutants only. */
function writeResults(results: readonly Result[], summary: string): void {
  const byId = [...results].sort((a, b) => MUTANTS.indexOf(a.mutant) - MUTANTS.indexOf(b.mutant));
  const rows = byId.map(({ mutant, killer, seconds }) => {
    const end =
      killer === null
        ? '**survived**'
        : `${cell(killer.title)}<br>[${killer.file}](../test/${killer.file}.test.ts)`;
    return `| ${mutant.id} | ${cell(mutant.why)} | ${mutant.file.replace('src/', '')} | ${end} | ${seconds.toFixed(1)} |`;
  });
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const day = new Date().toISOString().slice(0, 10);
  writeFileSync(
    RESULTS,
    `# Faults, and the tests that notice them

Written by \`npm run mutation\` on ${day}, at ${commit}. ${summary} How: [mutation.md](mutation.md).

| id | fault | in | noticed by | s |
|---|---|---|---|---|
${rows.join('\n')}
`,
  );
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

async function main(): Promise<void> {
  const words = process.argv.slice(2);
  const ids = words.filter((word) => !word.startsWith('--'));
  const chosen = MUTANTS.filter(({ id }) => ids.length === 0 || ids.includes(id));
  if (chosen.length === 0) {
    console.error(`no mutant is called ${ids.join(', ')}`);
    process.exitCode = 2;
    return;
  }
  // An error of the list is told before the time is spent.
  const stale = staleMutants(chosen);
  for (const line of stale) console.error(line);
  if (stale.length > 0) {
    process.exitCode = 1;
    return;
  }
  if (words.includes('--list')) {
    for (const { id, file, why, killer } of chosen)
      console.log(`${id.padEnd(6)} ${file}: ${why} [${killer}]`);
    return;
  }
  const quick = words.includes('--quick');
  const start = Date.now();
  const { results, red } = await judgeAll(chosen, quick ? [] : testFiles());
  const survivors = results.filter(({ killer }) => killer === null).map(({ mutant }) => mutant);
  const killed = results.length - survivors.length;
  const minutes = ((Date.now() - start) / 60_000).toFixed(1);
  const summary = `${killed} of ${results.length} were noticed, in ${minutes} minutes.`;
  console.log(`\n${summary}`);
  for (const { id, why } of survivors) console.log(`survived: ${id}: ${why}`);
  for (const line of red) console.log(`fails without any fault, and was not asked: ${line}`);
  if (ids.length === 0 && !quick) writeResults(results, summary);
  process.exitCode = killed < ENOUGH * results.length || survivors.some(isSeedBug) ? 1 : 0;
}

await main();
