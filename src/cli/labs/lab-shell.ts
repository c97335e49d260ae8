/** `fourwave lab shell`: a shell in the running lab's namespace. It tells the lab what was typed and how it ended. */

import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { ask, dial } from '../control/client.ts';
import { existingSockets } from '../control/paths.ts';
import { missing } from '../errors.ts';
import { which } from './flavours.ts';

/** What the stack of a lab says about itself. */
export interface LabAbout {
  readonly lab: string;
  /** The command that runs another one inside. */
  readonly way: readonly string[];
  /** Where the shell notes what was typed; null: nobody reads it. */
  readonly typed: string | null;
}

/** Stacks of labs, by the names of their sockets. */
export const LAB_SOCKET = 'fwlab-';

/** The lab that was started last. @throws CliError when none runs */
export async function findLab(control: string | undefined): Promise<LabAbout> {
  const candidates = control === undefined ? labSockets() : [control];
  for (const path of candidates) {
    const socket = await dial(path);
    if (socket instanceof Error) continue;
    socket.destroy();
    return ask<LabAbout>({ control: path }, 'lab', { verb: 'about' });
  }
  throw missing('no lab is running: start one in another terminal with "fourwave lab run ID"');
}

function labSockets(): string[] {
  const age = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return existingSockets()
    .filter((path) => basename(path).startsWith(LAB_SOCKET))
    .sort((a, b) => age(b) - age(a));
}

/** Resolves to the exit code of the shell or command. */
export async function runLabShell(about: LabAbout, command: readonly string[]): Promise<number> {
  const inside = command.length > 0 ? command : await shellFor(about);
  const [name = '', ...args] = [...about.way, ...inside];
  return new Promise((resolve, reject) => {
    const child = spawn(name, args, { stdio: 'inherit' });
    // Ctrl-C is for the program inside.
    const ignore = (): void => {};
    process.on('SIGINT', ignore);
    child.once('error', (error) => reject(missing(`the command ${name} cannot be run: ${error.message}`)));
    child.once('exit', (code) => {
      process.removeListener('SIGINT', ignore);
      resolve(code ?? 1);
    });
  });
}

/** bash can tell what it runs; any other shell is as good for typing. */
async function shellFor({ lab, typed }: LabAbout): Promise<string[]> {
  const bash = which('bash');
  if (bash === null || typed === null) return [process.env['SHELL'] ?? '/bin/sh'];
  const file = `${typed}.bashrc`;
  await writeFile(file, hooks(lab, typed), { mode: 0o600 });
  return [bash, '--rcfile', file, '-i'];
}

/** Before each command one line, after it another: what ran, and with which exit code. */
function hooks(lab: string, typed: string): string {
  const quoted = `'${typed.replaceAll("'", `'\\''`)}'`;
  return `[ -f ~/.bashrc ] && . ~/.bashrc
PS1='(lab ${lab}) $ '
__fourwave_file=${quoted}
__fourwave_on=
__fourwave_before() {
  [ -n "$COMP_LINE" ] && return
  case $BASH_COMMAND in __fourwave_*) return;; esac
  __fourwave_on=1
  printf 'began\\t%s\\t%s\\n' "$EPOCHREALTIME" "\${BASH_COMMAND//[$'\\t\\n']/ }" >>"$__fourwave_file"
}
__fourwave_after() {
  local status=$?
  [ -n "$__fourwave_on" ] && printf 'ended\\t%s\\t%s\\n' "$EPOCHREALTIME" "$status" >>"$__fourwave_file"
  __fourwave_on=
  return $status
}
PROMPT_COMMAND=__fourwave_after
trap __fourwave_before DEBUG
`;
}

/** A line of what was typed in the lab's shell. */
export type Typed =
  | { readonly what: 'began'; readonly at: number; readonly command: string }
  | { readonly what: 'ended'; readonly at: number; readonly status: number };

/** `at` in seconds since 1970. Null for a line that is none. */
export function parseTyped(line: string): Typed | null {
  const [what, time, rest = ''] = line.split('\t');
  const at = Number(time);
  if (what === 'began') return { what, at, command: rest };
  return what === 'ended' ? { what, at, status: Number(rest) } : null;
}

/** All of them, or none when nobody has used the shell. */
export async function readTyped(file: string): Promise<Typed[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text
    .split('\n')
    .map(parseTyped)
    .filter((one) => one !== null);
}
