/** One lab in the simulator, whatever it prints: `node --import tsx test/labs/try.ts ID… [--broken] [--log]`. */

import { LABS } from '../../src/labs/catalogue/index.ts';
import { rungsOf, rungText } from '../../src/labs/expect/rungs.ts';
import { runInSim } from '../../src/labs/sim/run-sim.ts';

const wanted = process.argv.slice(2).filter((one) => !one.startsWith('--'));
const has = (flag: string): boolean => process.argv.includes(flag);
for (const lab of LABS.filter(({ id }) => wanted.length === 0 || wanted.some((one) => id.startsWith(one)))) {
  const begin = performance.now();
  const result = await runInSim(lab, { broken: has('--broken') });
  console.log(`${result.ok ? '✓' : '✗'} ${lab.id}  ${(performance.now() - begin).toFixed(0)} ms`);
  for (const act of result.acts) {
    if (act.ok && !has('--log') && !has('--ladder') && !has('--checks')) continue;
    console.log(`  act ${act.name}${act.error === '' ? '' : `: ${act.error}`}`);
    for (const { ok, text, detail } of act.checks) {
      if (!ok || has('--checks'))
        console.log(`    ${ok ? '✓' : '✗'} ${text.en}${detail === undefined ? '' : `: ${detail}`}`);
    }
    if (act.difference !== '') console.log(act.difference);
    for (const one of act.report.programs) {
      if (!act.ok)
        console.log(
          `    ${one.name}: ${one.command} → ${JSON.stringify(one.exit)} ${JSON.stringify(one.printed.slice(0, 80))} ${one.errors}`,
        );
    }
    if (has('--ladder'))
      for (const rung of rungsOf(act.report.events))
        console.log(`    ${rung.t.toFixed(4)} ${rung.conn ?? '–'} ${rungText(rung)}`);
    if (has('--log')) for (const event of act.report.events) console.log(`    ${JSON.stringify(event)}`);
  }
}
