/** `fourwave log`: the event log in words. */

import type { Command } from 'commander';
import { connectionId, oneOf } from '../arguments.ts';
import { follow } from '../control/client.ts';
import { eventText, isEvent } from '../render/event.ts';
import { Room } from '../room.ts';
import { print, printJson } from '../terminal.ts';
import { type JsonOptions, withJson } from './common.ts';

const LEVELS = ['core', 'base', 'extra'] as const;

interface LogOptions extends JsonOptions {
  readonly follow?: boolean;
  readonly level: string;
  readonly conn?: string;
}

export function addLog(program: Command): void {
  withJson(program.command('log'))
    .description('the event log of the running stack')
    .option('-f, --follow', 'go on with what happens')
    .option('--level <level>', 'core, base or extra (everything)', 'base')
    .option('--conn <conn>', 'one connection only')
    .action(async (options: LogOptions) => {
      const request = {
        follow: options.follow === true,
        level: oneOf(options.level, '--level', LEVELS),
        conn: options.conn === undefined ? null : connectionId(options.conn),
      };
      const room = new Room(request.follow);
      await follow(options, { command: 'log', arguments: request }, (event) => {
        if (!room.forOne()) return;
        if (options.json === true) printJson(event);
        else if (isEvent(event)) print(eventText(event));
      });
    });
}
