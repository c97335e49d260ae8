/** `fourwave ladder`: the sequence diagram, live or of a recorded log. */

import type { Command } from 'commander';
import { parseDuration } from '../../stack/config-values.ts';
import { connectionId, integer } from '../arguments.ts';
import { usage } from '../errors.ts';
import { drawFile, pictureOfFile } from '../ladder/from-file.ts';
import { drawLive, pictureOfNow } from '../ladder/live.ts';
import type { LadderOptions } from '../render/ladder.ts';
import { painter, print } from '../terminal.ts';
import { withControl } from './common.ts';

const DEFAULT_WIDTH = 80;
const LEAST_WIDTH = 60;
const MOST_WIDTH = 1000;

interface LadderFlags {
  readonly ascii?: boolean;
  readonly raw?: boolean;
  readonly width?: string;
  readonly since?: string;
  readonly conn?: readonly string[];
  readonly follow: boolean;
  readonly all?: boolean;
  readonly svg?: boolean;
  readonly control?: string;
}

export function addLadder(program: Command): void {
  withControl(program.command('ladder'))
    .description('the sequence diagram: segments, states and timers, live or of a recorded log')
    .argument('[what]', 'a connection such as c3, or a file of the event log')
    .option('--ascii', 'no characters beyond ASCII')
    .option('--raw', 'sequence numbers as on the wire')
    .option('--width <columns>', 'columns to draw in; default: those of the terminal, or 80')
    .option('--since <time>', 'from this time of the log on, e.g. 1.5s')
    .option('--conn <conn>', 'this connection only; may be repeated', collected)
    .option('--no-follow', 'of a running stack: what has happened so far, and end')
    .option('--all', 'of a long file: its middle too, which is only counted otherwise')
    .option('--svg', 'a picture of what has happened so far, or of the file, as SVG')
    .addHelpText('after', LEGEND)
    .action(async (what: string | undefined, flags: LadderFlags) => {
      const isConnection = what !== undefined && /^c?\d+$/.test(what);
      const names = [...(flags.conn ?? []), ...(isConnection ? [what] : [])].map(connectionId);
      const fixed = flags.width === undefined ? null : widthOf(flags.width);
      const options: LadderOptions = {
        width: fixed ?? terminalWidth(),
        ascii: flags.ascii === true,
        raw: flags.raw === true,
        since: sinceOf(flags.since),
        connections: names.length === 0 ? null : new Set(names),
        paint: painter(),
      };
      const live = what === undefined || isConnection;
      if (flags.svg === true) {
        print(live ? await pictureOfNow(options, flags.control) : pictureOfFile(what, options));
      } else if (live) {
        await drawLive(options, { follow: flags.follow, control: flags.control, fixed: fixed !== null });
      } else await drawFile(what, options, { all: flags.all === true });
    });
}

const LEGEND = `
The peer is on the left, the stack on the right. States stand beside the bars
when they change: ours as it is; the peer's with ? where it is inferred from its
segments, with ! where its kernel said so.

  ✗ lost          ⧗ delayed          ⧉ a copy           ↻ sent again, set again
  ◇ out of order  ≠ corrupted        ± changed          ⚑ injected
  ‖ held          ⊕ kept by a rule   ▷ ◁ not taken: the reason is below
  ╮ a timer is set   ╯ is switched off   ● fires
  ⋮ nothing happened for so long     … a run of segments that say nothing new`;

function collected(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

function widthOf(text: string): number {
  return integer(text, '--width', LEAST_WIDTH, MOST_WIDTH);
}

/** Columns of the terminal; 80 where there is none. */
function terminalWidth(): number {
  const { columns } = process.stdout;
  return columns === undefined || columns === 0 ? DEFAULT_WIDTH : Math.min(MOST_WIDTH, columns);
}

/** Seconds. */
function sinceOf(text: string | undefined): number {
  if (text === undefined) return Number.NEGATIVE_INFINITY;
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1e6 : parseDuration(text);
  if (value === null)
    throw usage(`--since must be a time of the log such as 1.5s, not ${JSON.stringify(text)}`);
  return value / 1e6;
}
