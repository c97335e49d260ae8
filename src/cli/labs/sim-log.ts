/** The log of a simulated lab as a file. */

import { writeFile } from 'node:fs/promises';
import type { Lab } from '../../labs/lab.ts';
import type { LabResult } from '../../labs/result.ts';
import { STACK_ADDRESS } from '../../labs/stage.ts';
import type { LogHeader } from '../../trace/log-event.ts';

/** One file for each act. Resolves to their paths. */
export async function saveSimLog(base: string, lab: Lab, result: LabResult): Promise<string[]> {
  const paths: string[] = [];
  for (const { name, report } of result.acts) {
    const path = `${base}${result.acts.length > 1 ? `-${name}` : ''}.tcplog.jsonl`;
    const header: LogHeader = {
      tcplog: 1,
      title: `lab ${lab.id} ${name}`,
      vantage: { type: 'server', name: `stack ${STACK_ADDRESS}` },
      t0: null,
      clock: 'virtual',
      config: {},
    };
    const lines = [header, ...report.events].map((line) => JSON.stringify(line));
    await writeFile(path, `${lines.join('\n')}\n`);
    paths.push(path);
  }
  return paths;
}
