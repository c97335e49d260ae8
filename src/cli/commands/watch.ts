/** `fourwave watch`: ss, live. */

import type { Command } from 'commander';
import type { ConnectionRecord } from '../../stack/connection-record.ts';
import { ask } from '../control/client.ts';
import { selected, ssTable } from '../render/ss.ts';
import { print } from '../terminal.ts';
import { Screen } from '../watch/screen.ts';
import { Watcher, type WatchSource } from '../watch/watcher.ts';
import { withControl } from './common.ts';
import { filterOf } from './ss.ts';

interface WatchFlags {
  readonly all?: boolean;
  readonly listening?: boolean;
  readonly ascii?: boolean;
  readonly control?: string;
}

export function addWatch(program: Command): void {
  withControl(program.command('watch'))
    .description(
      'ss, live: four pictures a second, bars that count timers down, changes inverted; q quits, f filters, ' +
        'd shows details, arrow keys scroll; where stdout is no terminal one table is printed',
    )
    .argument('[filter...]', 'state STATE, port N')
    .option('-l, --listening', 'listeners only')
    .option('-a, --all', 'listeners too')
    .option('--ascii', 'no characters beyond ASCII')
    .action(async (words: string[], flags: WatchFlags) => {
      const select: WatchSource['select'] = (records, chosen) => selected(records, filterOf(chosen, flags));
      // A mistake is told before anything is asked.
      select([], words);
      const source: WatchSource = { select, ask: () => ask<ConnectionRecord[]>(flags, 'ss', { raw: false }) };
      const first = await source.ask();
      if (!process.stdout.isTTY || process.env['TERM'] === 'dumb') {
        print(ssTable(select(first, words), false));
        return;
      }
      const screen = new Screen(process.stdout, process.stdin);
      try {
        await new Watcher(source, screen, { words, ascii: flags.ascii === true }).run();
      } finally {
        screen.close();
      }
    });
}
